"""Local copies of whole objects, for readers that want a file; they go when nobody needs them."""

import shutil
import threading
import weakref
from functools import cache, lru_cache
from itertools import count
from pathlib import Path

from mnist_batch.remote.addresses import name_of
from mnist_batch.remote.objects import RemoteObject
from mnist_batch.remote.temporary_folders import TemporaryFolder
from mnist_batch.remote.transfers import download_listed

_KEPT = 4
"""Objects whose copies are kept though nobody uses them: what is read soon is read again."""

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
        return _kept_copy(found)


@lru_cache(_KEPT)
def _kept_copy(found: tuple[RemoteObject, ...]) -> LocalCopy:
    return LocalCopy(*found)


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
