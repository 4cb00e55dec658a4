"""The functions of `parquet_structure`, outside the interpreter lock: compiled by Numba."""

from types import FunctionType
from typing import Any

import numpy as np
import numpy.typing as npt
from numba import types

from mnist_batch._kernels import compiled
from mnist_batch.inputs.parquet import structure
from mnist_batch.inputs.parquet.structure import PADDING, ROOM

# Of the C library that this process runs on.
_pread: Any = types.ExternalFunction(
    "pread", types.intp(types.int32, types.uintp, types.uintp, types.int64)
)


@compiled
def _read_at(descriptor: int, room: npt.NDArray[np.uint8], at: int, size: int) -> int:
    """Do what that function does."""
    count: int = max(0, _pread(descriptor, room.ctypes.data, np.uintp(size), at))
    room[count : count + len(PADDING)] = 0
    return count


# Compiled code calls compiled code alone: the same functions again, in a namespace of their own,
# each after those that it calls.
_NAMES = (
    "_read_varint",
    "_read_size",
    "_list_of",
    "_next_field",
    "_skip",
    "_skip_fields",
    "_read_details",
    "_read_statistics",
    "_read_column",
    "_read_row_group",
    "find_chunks",
    "_read_page_header",
    "_read_page_header_at",
    "_follow_pages",
    "look_at_pages",
)
_namespace = {**vars(structure), "_read_at": _read_at}
for _name in _NAMES:
    _plain = getattr(structure, _name)
    _namespace[_name] = compiled(FunctionType(_plain.__code__, _namespace, _name))

find_chunks = _namespace["find_chunks"]
look_at_pages = _namespace["look_at_pages"]


def load() -> None:
    """Compile both, or load what an earlier process compiled."""
    none = np.zeros(0, np.int64)
    # Memory that is only read is another type for Numba.
    find_chunks(np.frombuffer(bytes(64), np.uint8), none, none.reshape(0, 0, 6))
    look_at_pages(0, none.reshape(0, 6), 1, np.empty(ROOM, np.uint8), none.reshape(0, 4))
