"""Locks that a process holds by a file, and that end with it, however it ends."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path


class HeldLock:
    """A file that is locked until `release`, or until the process is gone.

    A crash leaves the file but no lock: only the kernel's word counts, see flock(2).
    """

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def release(self) -> None:
        """Unlock the file; it stays where it is."""
        os.close(self._descriptor)


class NoLocksError(OSError):
    """The file system has no locks, as some that are reached over a network."""


def lock(path: Path) -> HeldLock | None:
    """Lock the file at `path`, which is made if there is none; None where a live process has it.

    Raises:
        NoLocksError: the file system has none.
        OSError: the file cannot be made.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    return HeldLock(descriptor)
        except BlockingIOError:
            os.close(descriptor)
            return None
        except OSError as error:
            os.close(descriptor)
            if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP):
                raise NoLocksError(*error.args) from error
            raise
        # Its holder removed the file between our opening and locking it.
        os.close(descriptor)
