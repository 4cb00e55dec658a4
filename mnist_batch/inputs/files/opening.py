"""Open files for pyarrow, and say why one cannot be read."""

import os
from pathlib import Path

import pyarrow as pa

from mnist_batch.schema import Reason, error_text, shortened

UNREADABLE = (OSError, pa.ArrowException, UnicodeDecodeError)
"""What pyarrow raises on a damaged file; names in a footer may not be UTF-8."""


def open_native(path: str | Path, mode: str = "rb") -> pa.NativeFile:
    """Open a file for pyarrow's readers (`rb`) or writers (`wb`), whatever bytes its name has.

    Given a path they ask for UTF-8, and take one with a colon for a URI; given a file of Python's
    they need the interpreter lock for each read.

    Raises:
        OSError: the file cannot be opened.
    """
    return pa.OSFile(os.fsencode(path), mode)


def unreadable(error: BaseException) -> str:
    """Return the text of the column `error` for the rows of a file that cannot be opened."""
    if isinstance(error, FileNotFoundError):
        return error_text(Reason.MISSING_FILE)
    return error_text(Reason.UNREADABLE_FILE, cause(error))


def cause(error: BaseException) -> str:
    """Return what pyarrow or the operating system says of a file, on one line."""
    number = getattr(error, "errno", None)
    text = os.strerror(number) if number else str(error)
    line = shortened(" ".join(text.split()), 300)  # it may quote the file
    return line.rstrip(".") or type(error).__name__
