"""No array reaches compiled code but those that it takes."""

import ctypes

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_batch._kernels.arguments import address
from mnist_batch._kernels.images import check_form
from mnist_batch._kernels.png import decode_pngs

NUMBERS = np.arange(12, dtype=np.int32)


def test_the_address_is_that_of_the_first_number() -> None:
    """Of a view too."""
    found = address(NUMBERS[5:], np.int32, 7)
    assert found.value is not None
    assert ctypes.cast(found, ctypes.POINTER(ctypes.c_int32))[0] == 5


@pytest.mark.parametrize(
    ("array", "dtype", "size", "filled"),
    [
        (NUMBERS, np.int64, 12, False),  # another type
        (NUMBERS, np.int32, 13, False),  # too few
        (NUMBERS[::2], np.int32, 6, False),  # not one after the other
        (np.zeros(9, np.uint8)[1:].view(np.int32), np.int32, 2, False),  # between two places
        (np.frombuffer(b"read", np.uint8), np.uint8, 4, True),  # memory that is only read
    ],
    ids=["type", "size", "steps", "unaligned", "read-only"],
)
def test_other_arrays_are_refused(
    array: NDArray[np.uint8], dtype: type, size: int, filled: bool
) -> None:
    """Before any of their memory is touched."""
    with pytest.raises(ValueError, match="expected"):
        address(array, dtype, size, filled=filled)


@pytest.mark.parametrize(
    "bounds",
    [[0, 9, 4], [-1, 2, 3], [0, 2], [0, 2, 100], [0, 2**31 - 1, -(2**31) + 200, -5, 5]],
)
def test_files_that_do_not_follow_one_another_are_refused(bounds: list[int]) -> None:
    """Descending places, by more than an int32 too; before or behind the data; too few of them."""
    flags = np.ones(max(2, len(bounds) - 1), np.bool_)
    with pytest.raises(ValueError, match="expected"):
        decode_pngs(
            np.zeros(50, np.uint8), np.array(bounds, np.int32), flags, np.zeros((4, 784), np.uint8),
            flags.copy(),
        )  # fmt: skip


def test_too_few_pixels_are_refused() -> None:
    """One image, and two asked for."""
    with pytest.raises(ValueError, match="expected 1568 uint8"):
        check_form(np.zeros((1, 784), np.uint8), 20, 14, 0.5, np.zeros(2, np.bool_))
