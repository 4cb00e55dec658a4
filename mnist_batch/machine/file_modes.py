"""The modes of files: ours are ours to use, and outputs are as the user's umask says."""

import contextlib
import os

_OWN = 0o700  # what the owner of a file or a folder may do

_masked = 0
"""What the user's umask masks of `_OWN`, and this process's no longer."""


def keep_own_access() -> None:
    """Let this process use what it makes, whatever the umask; called once, at its start.

    Under `umask 777` nobody but root could enter a folder of temporary files, or open one again.
    """
    global _masked
    umask = os.umask(0)
    os.umask(umask & ~_OWN)
    _masked = umask & _OWN


def output_mode() -> int:
    """Return the mode of a new output, as the umask says that the user set."""
    return 0o666 & ~(_umask() | _masked)


def _umask() -> int:
    """Return the process's umask, without changing it for other threads where Linux tells it."""
    with (
        contextlib.suppress(OSError, StopIteration),
        open("/proc/self/status") as status,  # noqa: PTH123 - pathlib takes 5 ms to import
    ):
        return int(next(line for line in status if line.startswith("Umask:"))[6:], 8)
    umask = os.umask(0)
    os.umask(umask)
    return umask
