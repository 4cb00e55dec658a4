"""How arrays are handed to compiled code: as addresses, once their types and sizes are checked."""

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt


def address(
    array: npt.NDArray[Any], dtype: npt.DTypeLike, size: int, *, filled: bool = False
) -> ctypes.c_void_p:
    """Return where the numbers of an array begin.

    Args:
        array: one after the other in memory.
        dtype: their type.
        size: how many there have to be at least.
        filled: whether the code writes to it.

    Raises:
        ValueError: the array is another one than the code takes, which would read or write beyond.
    """
    if (
        array.dtype != dtype
        or array.size < size
        or not array.flags.c_contiguous
        or not array.flags.aligned
        or (filled and not array.flags.writeable)
    ):
        got = f"{array.dtype} {array.shape}"
        raise ValueError(f"expected {size} {np.dtype(dtype)} in a row, got {got}")
    return ctypes.c_void_p(array.ctypes.data)
