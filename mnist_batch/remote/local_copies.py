"""Local copies of whole objects, for readers that want a file; they go when nobody needs them."""

import shutil
import threading
import weakref
from functools import cache
from itertools import count
from pathlib import Path

from mnist_batch.remote.addresses import name_of
from mnist_batch.remote.objects import RemoteObject
from mnist_batch.remote.temporary_folders import TemporaryFolder
from mnist_batch.remote.transfers import download_listed

_KEPT, _KEPT_BYTES = 4, 2**29
"""Objects whose copies are kept though nobody uses them, and bytes up to which more are: all files
of a folder are opened before the first of them is read."""

_numbers = count()
_lock = threading.Lock()


class LocalCopy:
    """A folder of this process with copies of objects that lie side by side in object storage.

    Attributes:
        path: the copy of the first of them, under its own name. It is there as long as this object.
    """

    def __init__(self, *found: RemoteObject) -> None:
        """Download the objects, each as it was listed.

        Raises:
            ReplacedError: one is another by now.
            FileNotFoundError: or it is not there any more.
            MachineError: the network, the credentials or the disk refuse it.
        """
        folder = _folder() / str(next(_numbers))
        folder.mkdir()
        for one in found:
            download_listed(one, folder / name_of(one.address))
        self.path = folder / name_of(found[0].address)
        weakref.finalize(self, _remove, folder)


def local_copy(*found: RemoteObject) -> LocalCopy:
    """Return a copy of objects; that of the last few is there already."""
    with _lock:  # so that two threads do not download the same
        return _kept.copy(found)


class _Kept:
    """Copies that are kept though nobody uses them; the one that was asked for last comes last."""

    def __init__(self) -> None:
        self._copies: dict[tuple[RemoteObject, ...], LocalCopy] = {}
        self._bytes = 0

    def copy(self, found: tuple[RemoteObject, ...]) -> LocalCopy:
        """Return a copy of objects, downloaded unless it is kept; let go those before."""
        copy = self._copies.pop(found, None)
        if copy is None:
            copy = LocalCopy(*found)
            self._bytes += _size(found)
        self._copies[found] = copy
        while len(self._copies) > _KEPT and self._bytes > _KEPT_BYTES:
            first = next(iter(self._copies))
            del self._copies[first]
            self._bytes -= _size(first)
        return copy


_kept = _Kept()


def _size(found: tuple[RemoteObject, ...]) -> int:
    return sum(one.size for one in found)


@cache
def _folder() -> Path:
    """Return the folder of this process's copies, which is removed when it ends."""
    _folders.append(TemporaryFolder())
    return _folders[-1].path


_folders: list[TemporaryFolder] = []


def remove_all() -> None:
    """Remove all copies, where the process ends without telling Python's objects."""
    for folder in _folders:
        folder.remove()


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)
