"""Files as Arrow opens them."""

import os
from pathlib import Path

import pyarrow as pa


def open_native(path: Path, mode: str = "rb") -> pa.NativeFile:
    """Open a file for pyarrow's readers and writers, which take any path badly.

    Given a path they ask for UTF-8, and take one with a colon for a URI; given a file of Python's
    they need the interpreter lock for each read.

    Args:
        path: the file, whatever bytes its name has.
        mode: `rb` or `wb`.

    Raises:
        OSError: the file cannot be opened.
    """
    return pa.OSFile(os.fsencode(path), mode)
