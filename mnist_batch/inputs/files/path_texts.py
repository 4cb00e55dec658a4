"""Paths as text that Arrow can hold."""

import os
import re
from collections.abc import Sequence
from contextlib import suppress

import pyarrow as pa

from mnist_batch.inputs.texts import Texts


def text_of_path(path: str) -> str:
    r"""Return a path as text that Arrow can hold; no two paths have the same.

    A byte that is not UTF-8 becomes `\udcXX`, as Python writes it, where XX is the byte in
    hexadecimal. Backslashes right before such a byte, and before the text of one, are doubled: so
    an odd number of them stands before a byte, and an even number before text. All other paths stay
    as they are, with their backslashes.
    """
    if path.isascii() and _ESCAPE not in path:
        return path
    # By way of the bytes, since with an odd locale Python holds other characters.
    whole = os.fsencode(path).decode("utf-8", "surrogateescape")
    return _BEFORE_ESCAPE.sub(r"\1\1", whole).encode("utf-8", "backslashreplace").decode("utf-8")


_ESCAPE = r"\udc"
_BEFORE_ESCAPE = re.compile(r"(\\+)(?=[\udc80-\udcff]|udc[89a-f][0-9a-f])")


def texts_of_paths(paths: Sequence[str]) -> pa.Array:
    """Return paths as Arrow strings, as `text_of_path` does."""
    texts = Texts.joined([paths])
    if _ESCAPE.encode() not in texts.joined_bytes()[0].tobytes():
        with suppress(pa.ArrowInvalid):  # as nearly always all is UTF-8; it takes a hundredth
            return texts.encoded.cast(pa.string())
    return pa.array(map(text_of_path, texts), pa.string())
