"""Headers of arrays: what an array in a file is, without reading it."""

import ast
import math
import struct
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib import format as npy

from mnist_batch.inputs.arrays.stored_bytes import Checkpoints
from mnist_batch.schema import shortened

MAX_HEADER = 2**16
"""Bytes of a header of NumPy's, at most; usual ones have 118."""

IDX_TYPES = {8: "u1", 9: "i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}
"""The third byte of an IDX file (Yann LeCun's description at the end of the page of MNIST)."""

_MOST_AXES = 4
_MOST_BYTES = 2**63 - 1


class HeaderError(Exception):
    """What is wrong with an array, in the words of a message."""


DAMAGED = (HeaderError, OSError, zipfile.BadZipFile, NotImplementedError)
"""What is raised where a header, or the directory of a zip file, cannot be read."""


@dataclass(frozen=True)
class StoredArray:
    """An array in a file.

    Attributes:
        name: what it is called in its file; empty where it is all of it.
        content: the bytes that it lies in.
        start: where its numbers start in these, decompressed.
        dtype: of its numbers.
        shape: as it is stored.
        by_columns: whether the first axis varies fastest, as Fortran stores arrays.
    """

    name: str
    content: Checkpoints
    start: int
    dtype: np.dtype[Any]
    shape: tuple[int, ...]
    by_columns: bool = False

    @property
    def rows(self) -> int:
        """The length of the first axis; 0 of a single number."""
        return self.shape[0] if self.shape else 0

    @property
    def row_bytes(self) -> int:
        """Bytes of what one index of the first axis stands for."""
        return math.prod(self.shape[1:]) * self.dtype.itemsize

    @property
    def size(self) -> int:
        """Bytes of the numbers."""
        return math.prod(self.shape) * self.dtype.itemsize


def read_npy(name: str, content: Checkpoints) -> StoredArray:
    """Read the header of an array as NumPy saves it (NEP 1, and `numpy.lib.format`).

    Raises:
        HeaderError: it is none, or its values are Python objects, which only a pickle can hold.
        OSError: it cannot be read.
    """
    reader = content.open(0)
    try:
        magic = reader.read(8)
        if magic[:6] != npy.MAGIC_PREFIX:
            raise HeaderError("it is no array that NumPy saved")
        width = 2 if magic[6] == 1 else 4
        length = int.from_bytes(reader.read(width), "little")
        if length > MAX_HEADER:
            raise HeaderError(f"its header has {length:,} bytes")
        found = _literal(reader.read(length))
        start = reader.place
    finally:
        reader.close()
    descr, by_columns, shape = (found.get(key) for key in ("descr", "fortran_order", "shape"))
    sizes = isinstance(shape, tuple) and all(type(one) is int and one >= 0 for one in shape)
    if not sizes or not isinstance(descr, str) or not isinstance(by_columns, bool):
        raise HeaderError("its header is damaged, or its values are records")
    if "O" in descr:
        raise HeaderError("it holds Python objects, a pickle, which could run code")
    try:
        dtype = np.dtype(descr)
    except (TypeError, ValueError) as error:
        raise HeaderError("its header names no type of NumPy's") from error
    if dtype.subdtype is not None or not dtype.itemsize:
        raise HeaderError(f"its values are of the type {shortened(descr)}")
    assert isinstance(shape, tuple)
    if math.prod(shape) * dtype.itemsize > _MOST_BYTES:
        raise HeaderError("its header counts more bytes than a file can have")
    return StoredArray(name, content, start, dtype, shape, by_columns and len(shape) > 1)


def _literal(header: bytes) -> dict[str, Any]:
    """Return the dictionary in a header; `literal_eval` takes literals alone."""
    try:
        found = ast.literal_eval(header.decode("latin-1").strip())
    except (ValueError, SyntaxError, MemoryError, RecursionError) as error:
        raise HeaderError("its header is damaged") from error
    return found if isinstance(found, dict) else {}


def is_idx(first: bytes) -> bool:
    """Tell whether bytes start an IDX file: two zeros, a type, the number of axes."""
    return len(first) >= 4 and first[:2] == b"\0\0" and first[2] in IDX_TYPES and first[3] > 0


def read_idx(content: Checkpoints) -> StoredArray:
    """Read the header of an IDX file.

    Raises:
        HeaderError: it is none.
        OSError: it cannot be read.
    """
    reader = content.open(0)
    try:
        first = reader.read(4)
        if not is_idx(first):
            raise HeaderError("it does not start as an IDX file does")
        axes = first[3]
        if axes > _MOST_AXES:
            raise HeaderError(f"it has {axes} axes")
        sizes = reader.read(4 * axes)
    finally:
        reader.close()
    if len(sizes) < 4 * axes:
        raise HeaderError("its header is cut off")
    shape = struct.unpack(f">{axes}I", sizes)
    return StoredArray("", content, 4 + 4 * axes, np.dtype(IDX_TYPES[first[2]]), shape)
