"""Folders of object storage, looked through as `os.scandir` looks through local ones.

Object storage knows keys alone. What stands before a slash in some of them is a folder here.
"""

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mnist_batch.remote.objects import RemoteObject, listed


class Entry(NamedTuple):
    """A file or a folder in a folder, with the methods of `os.DirEntry` that a listing asks."""

    name: str
    path: str  # its address
    is_a_folder: bool

    def is_dir(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether it is a folder."""
        del follow_symlinks
        return self.is_a_folder

    def is_file(self, *, follow_symlinks: bool = True) -> bool:
        """Tell whether it is an object."""
        del follow_symlinks
        return not self.is_a_folder

    def is_symlink(self) -> bool:
        """Tell that it is no link: there are none."""
        return False


class _Listed(NamedTuple):
    """All objects below a folder."""

    root: str  # its address, without a slash at the end
    names: Sequence[str]  # relative to it, ascending
    sizes: npt.NDArray[np.int64]
    etags: Sequence[str]


class RemoteFolder:
    """A folder that was listed, or one in it; `folder / "name"` is what lies there."""

    def __init__(self, found: _Listed, name: str = "") -> None:
        """Take what was listed, and the folder's name relative to it; see `list_remote`."""
        self._found = found
        # Its name with a slash at the end; empty for the folder that was listed.
        self._above = f"{name.rstrip('/')}/" if name else ""

    def __truediv__(self, name: str) -> "RemoteFolder":
        """Return what lies in the folder under a name, be it a folder or an object."""
        return RemoteFolder(self._found, self._above + name)

    def __str__(self) -> str:
        """Return its address, without a slash at the end."""
        return f"{self._found.root}/{self._above}".rstrip("/")

    def holds(self, name: str) -> bool:
        """Tell whether an object of a name lies right in it."""
        names, wanted = self._found.names, self._above + name
        place = bisect_left(names, wanted)
        return place < len(names) and names[place] == wanted

    @property
    def is_empty(self) -> bool:
        """Whether no object lies in it or below."""
        return len(self._below(self._above)) == 0

    @contextmanager
    def scan(self) -> Iterator[Iterator[Entry]]:
        """Iterate over what lies in the folder, as `os.scandir` does."""
        yield self._entries()

    def objects(self, names: Iterable[str]) -> Iterator[RemoteObject]:
        """Yield objects by their names relative to the folder; each was listed."""
        found = self._found
        for name in names:
            place = bisect_left(found.names, self._above + name)
            address = f"{found.root}/{self._above}{name}"
            yield RemoteObject(address, int(found.sizes[place]), found.etags[place])

    def _entries(self) -> Iterator[Entry]:
        """Yield each entry once.

        An object that has the name of a folder is left out: consoles mark empty folders so, and
        the mark's slash at the end is lost in the listing.
        """
        there = self._below(self._above)
        place = there.start
        while place < there.stop:
            name, slash, _ = self._found.names[place][len(self._above) :].partition("/")
            within = self._below(f"{self._above}{name}/")
            if slash:
                yield Entry(name, f"{self}/{name}", is_a_folder=True)
                place = within.stop
            else:
                if not within:
                    yield Entry(name, f"{self}/{name}", is_a_folder=False)
                place += 1

    def _below(self, above: str) -> range:
        """Return the places of the objects below a folder, whose name ends in a slash."""
        names = self._found.names
        if not above:
            return range(len(names))
        behind = f"{above[:-1]}0"  # the character after the slash
        return range(bisect_left(names, above), bisect_left(names, behind))


def list_remote(address: str) -> RemoteFolder:
    """Return the folder of an address with all below it, by one request for 1,000 objects.

    It may be empty: object storage does not tell an empty folder from none.

    Raises:
        FileNotFoundError: there is no such bucket.
        MachineError: it cannot be listed.
    """
    root = address.rstrip("/")
    names, sizes, etags = list[str](), array("q"), list[str]()
    for one in listed(root):
        names.append(one.address[len(root) + 1 :])
        sizes.append(one.size)
        etags.append(one.etag)
    # All three stores list in this order; a server that stands in for one may not.
    order = sorted(range(len(names)), key=names.__getitem__)
    found = _Listed(
        root,
        [names[place] for place in order],
        np.array(sizes, np.int64)[order],
        [etags[place] for place in order],
    )
    return RemoteFolder(found)
