"""The functions of `parquet_structure`, outside the interpreter lock: compiled by Numba."""

from types import FunctionType

import numpy as np

from mnist_batch import parquet_structure
from mnist_batch.compiled import compiled

# Compiled code calls compiled code alone: the same functions again, in a namespace of their own,
# each after those that it calls.
_NAMES = (
    "_read_varint",
    "_read_size",
    "_list_of",
    "_next_field",
    "_skip",
    "_skip_fields",
    "_read_column",
    "_read_row_group",
    "find_chunks",
    "_read_page_header",
    "_follow_pages",
    "look_at_pages",
)
_namespace = dict(vars(parquet_structure))
for _name in _NAMES:
    _plain = getattr(parquet_structure, _name)
    _namespace[_name] = compiled(FunctionType(_plain.__code__, _namespace, _name))

find_chunks = _namespace["find_chunks"]
look_at_pages = _namespace["look_at_pages"]


def load() -> None:
    """Compile both, or load what an earlier process compiled."""
    none = np.zeros(0, np.int64)
    # Memory that is only read is another type for Numba.
    find_chunks(np.frombuffer(bytes(64), np.uint8), none, none.reshape(0, 0, 5))
    room = np.frombuffer(bytearray(64), np.uint8)
    look_at_pages(room, 0, none.reshape(0, 5), 1, none.reshape(0, 4))
