"""Local copies of whole objects, for readers that want a file; they go when nobody needs them.

The processes of a user share them, as the workers of a run: one downloads, and the others have
links to the same bytes.
"""

import contextlib
import fcntl
import hashlib
import os
import shutil
import threading
import time
import weakref
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path

from mnist_batch.remote.addresses import name_of
from mnist_batch.remote.attempts import PATIENCE
from mnist_batch.remote.objects import RemoteObject
from mnist_batch.remote.temporary_folders import TemporaryFolder, files_of_all, shared_folder
from mnist_batch.remote.transfers import download_listed

_KEPT, _KEPT_BYTES = 4, 2**29
"""Objects whose copies are kept though nobody uses them, and bytes up to which more are: all files
of a folder are opened before the first of them is read."""

_PAUSE_S = 0.05
"""Between two looks whether another process has downloaded an object."""

_numbers = count()
_lock = threading.Lock()


class LocalCopy:
    """A folder of this process with copies of objects that lie side by side in object storage.

    Attributes:
        path: the copy of the first of them, under its own name. It is there as long as this object.
    """

    def __init__(self, *found: RemoteObject) -> None:
        """Download the objects, each as it was listed, or link to another process's copies.

        Raises:
            ReplacedError: one is another by now.
            FileNotFoundError: or it is not there any more.
            MachineError: the network, the credentials or the disk refuse it.
        """
        folder = _folder() / str(next(_numbers))
        folder.mkdir()
        for one in found:
            _copy(one, folder / name_of(one.address))
        self.path = folder / name_of(found[0].address)
        weakref.finalize(self, _remove, folder)


def local_copy(*found: RemoteObject) -> LocalCopy:
    """Return a copy of objects; that of the last few is there already."""
    with _lock:  # so that two threads do not download the same
        copy = _kept.pop(found, None) or LocalCopy(*found)
        _kept[found] = copy
        while len(_kept) > _KEPT and sum(one.size for key in _kept for one in key) > _KEPT_BYTES:
            del _kept[next(iter(_kept))]
        return copy


_kept: dict[tuple[RemoteObject, ...], LocalCopy] = {}  # the one that was asked for last comes last


def _copy(found: RemoteObject, path: Path) -> None:
    """Write an object's content into a new file, or link it to another process's copy."""
    if not found.etag:  # nothing tells it from another of its size
        download_listed(found, path)
        return
    # Not in the folder of the copy, in which readers look for files of labels.
    known = path.parent.with_suffix(_suffix(found))
    with _alone(known.suffix):
        if not _linked(path, known.suffix):
            download_listed(found, path)
        with contextlib.suppress(OSError):  # a file system without links
            known.hardlink_to(path)


def _suffix(found: RemoteObject) -> str:
    """Return what tells an object from others in the names of files."""
    told = f"{found.address} {found.size} {found.etag}"
    return f".{hashlib.sha256(told.encode()).hexdigest()}"


def _linked(path: Path, suffix: str) -> bool:
    """Make a file a link to some process's copy of an object; tell whether there is one."""
    for known in files_of_all(f"*{suffix}"):
        with contextlib.suppress(OSError):  # it is removed just now
            path.hardlink_to(known)
            return True
    return False


@contextlib.contextmanager
def _alone(suffix: str) -> Iterator[None]:
    """Let one process of this user at a time copy an object.

    Two may where it cannot be locked, who has the lock removes it just now, or has been stopped.
    """
    path = shared_folder() / f"mnist-batch-copying-{os.getuid()}{suffix}"
    with contextlib.ExitStack() as entered:
        with contextlib.suppress(OSError):
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
            entered.callback(os.close, descriptor)
            if os.fstat(descriptor).st_uid == os.getuid():  # else nobody knows who has locked it
                entered.callback(path.unlink, missing_ok=True)
                _wait_for(descriptor)
        yield


def _wait_for(descriptor: int) -> None:
    """Lock a file, or give up after a time that no usual download takes."""
    most = time.monotonic() + PATIENCE.total_seconds()
    while time.monotonic() < most:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        time.sleep(_PAUSE_S)


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
    for known in folder.parent.glob(f"{folder.name}.*"):
        known.unlink(missing_ok=True)
