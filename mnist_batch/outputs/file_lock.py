"""Lock a file, so that the lock ends with the process that holds it."""

import contextlib
import errno
import fcntl
import os
from pathlib import Path


class HeldLock:
    """A file that is locked until `close`, or until the process ends; without one it holds nothing.

    A crash leaves the file but no lock: the kernel keeps it, see flock(2).
    """

    def __init__(self, descriptor: int | None = None) -> None:
        """Take the descriptor of the file, to be closed."""
        self._descriptor = descriptor

    def close(self) -> None:
        """Unlock the file; nothing happens the second time."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def is_replaced(self, path: Path) -> bool:
        """Tell whether another file is at `path` by now, which another run may have locked."""
        if self._descriptor is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._descriptor), path.lstat())
        except FileNotFoundError:
            return False


class NoLocksError(OSError):
    """The file system has no locks, as some network file systems."""


def lock(path: Path) -> HeldLock | None:
    """Lock the file at `path`, created if missing; return None where a live process holds it.

    Raises:
        NoLocksError: the file system has no locks.
        OSError: the file cannot be created.
    """
    while True:
        with contextlib.ExitStack() as closing:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o666)
            closing.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP):
                    raise NoLocksError(*error.args) from error
                raise
            # Else its holder removed the file between our opening and locking it.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    closing.pop_all()
                    return HeldLock(descriptor)


def lock_if_possible(path: Path) -> HeldLock | None:
    """Lock as `lock` does; where the file system has no locks, return one that holds nothing."""
    try:
        return lock(path)
    except NoLocksError:
        return HeldLock()
