"""Folders for what passes through this machine; those that a killed process has left are removed.

A process locks each of its folders, and the kernel unlocks them when it ends, however it does:
see flock(2). So a folder that is not locked is nobody's any more.
"""

import contextlib
import fcntl
import os
import shutil
import tempfile
import weakref
from pathlib import Path

_PREFIX = "mnist-batch-held-"
"""Of these folders alone; no other that this package makes is removed by another process."""


class TemporaryFolder:
    """A folder among the temporary files, a context that yields its path.

    Attributes:
        path: the folder.
        remove: removes it, however often it is called; the end of the process does too.
    """

    def __init__(self) -> None:
        """Make it, after those that killed processes of this user have left are removed.

        Raises:
            OSError: the disk refuses.
        """
        above = Path(tempfile.gettempdir())
        with contextlib.suppress(OSError):
            _remove_left(above)
        self.path, descriptor = _made(above)
        self.remove = weakref.finalize(self, _remove, self.path, descriptor)

    def __enter__(self) -> Path:
        """Return its path."""
        return self.path

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        self.remove()


def _made(above: Path) -> tuple[Path, int]:
    """Make a folder and lock it; return it with the descriptor that holds the lock."""
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=above))
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        except FileNotFoundError:  # who removes what is left was quicker
            continue
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:  # or is at it
            os.close(descriptor)
            continue
        except OSError:  # no locks in this file system: nobody takes one there
            return path, descriptor
        if path.exists():
            return path, descriptor
        os.close(descriptor)


def _remove_left(above: Path) -> None:
    """Remove the folders of this user that no process has locked."""
    with os.scandir(above) as entries:
        left = [
            Path(entry.path)
            for entry in entries
            if entry.name.startswith(_PREFIX)
            and entry.stat(follow_symlinks=False).st_uid == os.getuid()
        ]
    for path in left:
        with contextlib.suppress(OSError):  # gone, or locked
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(path, ignore_errors=True)
            finally:
                os.close(descriptor)


def _remove(path: Path, descriptor: int) -> None:
    shutil.rmtree(path, ignore_errors=True)
    os.close(descriptor)
