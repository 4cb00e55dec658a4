"""Labels from the names of folders."""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import pyarrow as pa

_FOLDERS = frozenset("0123456789")


def folder_digits(paths: Sequence[str]) -> pa.Array:
    """Return the labels of image files: the name of the folder that holds each, if it is a digit.

    Returns:
        Arrow int8 (n,), null where the folder has another name.
    """
    # A list names the files of a folder one after the other, as a rule; or there are few folders.
    digit = lru_cache(1000)(_digit)
    # A folder that cannot be listed, whose name ends in `/`, has no label of its own.
    labels = [None if path.endswith("/") else digit(path[: path.rfind("/") + 1]) for path in paths]
    return pa.array(labels, pa.int8())


def _digit(folder: str) -> int | None:
    own = Path(folder).absolute().name
    return int(own) if own in _FOLDERS else None
