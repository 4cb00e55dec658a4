"""The standard streams of the command, apart from what libraries in C write.

libtiff, libjpeg, HDF5, OpenBLAS, TensorFlow and others write to the descriptors 1 and 2 themselves:
remarks on odd images, which would mix with results and messages, and go into an output file that
got such a number.
"""

import contextlib
import errno
import faulthandler
import io
import os
import select
import sys

TYPE_CHECKING = False  # without `typing`, as in `mnist_batch`

if TYPE_CHECKING:
    from typing import Any, TextIO

    from _typeshed import HasFileno, ReadableBuffer, WriteableBuffer


class _Descriptor(io.FileIO):
    """A descriptor that writing never fails on: what it cannot take is dropped.

    So a full disk behind standard error, or a terminal that is gone, changes no status.

    Attributes:
        failure: the first error; None without one.
    """

    failure: OSError | None = None

    def write(self, data: "ReadableBuffer", /) -> int:
        """Write some of `data` and return the number of bytes, all of them after a failure."""
        try:
            # None where it would block: another process may have set a shared pipe so.
            while (written := super().write(data)) is None:
                wait_for(self, select.POLLOUT)
        except OSError as error:
            self.failure = self.failure or error
            return memoryview(data).nbytes
        return written


class _Input(io.FileIO):
    """A descriptor that reading waits for: where it would block, Python takes that for the end."""

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        """Read into `buffer` and return the number of bytes, 0 at the end."""
        # None where it would block: another process may have set a shared pipe so.
        while (read := super().readinto(buffer)) is None:
            wait_for(self, select.POLLIN)
        return read


def separate() -> None:
    """Give `sys.stdout` and `sys.stderr` descriptors of their own; 1 and 2 lead to `/dev/null`.

    Of the descriptors 0 to 2 those that are closed lead there too: the next file that is opened
    would get the number. Where a library crashes, Python says so on its own standard error.
    """
    for number in (0, 1, 2):
        if not is_open(number):
            os.open(os.devnull, os.O_RDWR)  # it gets the lowest free number: this one
    if sys.stdin is not None:  # None where it was closed
        sys.stdin = io.TextIOWrapper(io.BufferedReader(_Input(0, closefd=False)), encoding="utf-8")
    # Rich asks the descriptors of `sys.__stdout__` and `sys.__stderr__` how wide the terminal is.
    sys.stdout = sys.__stdout__ = _moved(1, sys.stdout)  # type: ignore[misc] # "final"
    sys.stderr = sys.__stderr__ = _moved(2, sys.stderr)  # type: ignore[misc]
    faulthandler.enable(sys.stderr)


def flush() -> OSError | None:
    """Write out what is buffered, and return why a result could not be written; this never fails.

    It is no failure where the reader went away, as `head` does: it has what it wanted.
    """
    for stream in (sys.stderr, sys.stdout):
        # None or closed; or, before `separate`, a stream that fails.
        with contextlib.suppress(AttributeError, OSError, ValueError):
            stream.flush()
    written = getattr(getattr(sys.stdout, "buffer", None), "raw", None)
    failure = written.failure if isinstance(written, _Descriptor) else None
    return failure if failure and failure.errno != errno.EPIPE else None


def wait_for(file: "HasFileno", events: int, patience_s: float | None = None) -> bool:
    """Wait for some of `events` (of `select.poll`) or the end of a pipe; tell whether one came.

    `select.select` would not do: it takes no descriptor from 1,024 on.
    """
    poll = select.poll()
    poll.register(file, events)
    return bool(poll.poll(None if patience_s is None else patience_s * 1000))


def is_open(number: int) -> bool:
    """Tell whether a descriptor is open."""
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def _moved(number: int, stream: "TextIO | None") -> "io.TextIOWrapper[Any]":
    """Return a stream on a copy of a descriptor, whose number leads to `/dev/null` from now on."""
    if stream is not None:  # None where it was closed
        with contextlib.suppress(OSError):
            stream.flush()
    own = _Descriptor(os.dup(number), "w")
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, number)
    os.close(null)
    return io.TextIOWrapper(
        io.BufferedWriter(own),
        encoding=stream.encoding if stream else "utf-8",
        # A character that the terminal's encoding lacks is shown by its number; it is no error.
        errors="backslashreplace",
        line_buffering=number == 2 or own.isatty(),
    )
