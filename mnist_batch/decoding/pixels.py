"""Read raw pixels in Arrow columns as uint8 images."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.mnist import PIXELS, SIDE
from mnist_batch.schema import Images, Reason, error_text

_Numbers = npt.NDArray[Any]  # of whatever number type the column has
_Bounds = npt.NDArray[np.int64]  # (n + 1,), where each row begins and the last one ends
_Flags = npt.NDArray[np.bool_]  # (n,)


def is_pixel_type(kind: pa.DataType) -> bool:
    """Tell whether a column type can hold 784 pixels a row."""
    if pa.types.is_fixed_size_binary(kind):
        return bool(kind.byte_width == PIXELS)
    if isinstance(kind, pa.FixedShapeTensorType):
        return math.prod(kind.shape) == PIXELS and _is_number(kind.value_type)
    levels = 0
    while _is_list(kind):
        kind, levels = kind.value_type, levels + 1
    return levels > 0 and _is_number(kind)


def pixels_of(column: pa.Array) -> tuple[Images, pa.Array]:
    """Return the images of a column of raw pixels, row by row from the top, and their errors.

    Integers are 0 black to 255 white. Floats are 0 to 1 if the largest of a row is at most 1, else
    0 to 255.

    Args:
        column: n rows of a type for which `is_pixel_type` holds.

    Returns:
        Images uint8 (n, 28, 28), and Arrow strings (n,): null, or why a row is no image, whose
        pixels are then 0.
    """
    values, bounds, present, whole = _pixels(column)
    rows, in_range = _uint8(_gather(values, bounds, whole))
    if isinstance(column.type, pa.FixedShapeTensorType):
        rows = _logical_order(rows, column.type)

    good = whole.copy()
    good[whole] = in_range
    if not good.all():
        images = np.zeros((len(column), PIXELS), np.uint8)
        images[good] = rows[in_range]
        rows = images
    return rows.reshape(-1, SIDE, SIDE), _errors(present, whole, good)


def as_images(numbers: _Numbers) -> tuple[Images, pa.Array]:
    """Return images of 28x28 and their errors, as `pixels_of` does, given numbers (n, 784).

    They are 0 to 1 where none in an image is above 1, else 0 to 255, whatever their type; NaN is no
    pixel.
    """
    images, good = _in_bytes(numbers)
    return images.reshape(-1, SIDE, SIDE), _range_errors(good)


def as_pictures(
    numbers: _Numbers,
    height: int,
    width: int,
    in_order: Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8]] | None = None,
) -> tuple[pa.Array, pa.Array]:
    """Return pictures of any size as PGM files, or PPM of three colours, and their errors.

    Args:
        numbers: (n, k), k being height x width, or three times as many.
        height: in pixels.
        width: in pixels.
        in_order: puts the numbers of pictures into the order of these files; None where they
            are in it.

    Returns:
        Arrow binary (n,), null where there is an error; and Arrow strings (n,), as `as_images`.
    """
    pixels, good = _in_bytes(numbers)
    pixels = in_order(pixels) if in_order else pixels
    kind = 5 if pixels.shape[1] == height * width else 6
    header = np.frombuffer(b"P%d %d %d 255\n" % (kind, width, height), np.uint8)
    files = np.empty((len(pixels), len(header) + pixels.shape[1]), np.uint8)
    files[:, : len(header)], files[:, len(header) :] = header, pixels
    bounds = np.arange(len(files) + 1, dtype=np.int64) * files.shape[1]
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(files)]
    encoded = pa.Array.from_buffers(pa.large_binary(), len(files), buffers).cast(pa.binary())
    errors = _range_errors(good)
    return (encoded if good.all() else pc.if_else(pa.array(good), encoded, None)), errors


_ANY_RANGE = "expected numbers from 0 to 255, or fractions from 0 to 1"


def _range_errors(good: _Flags) -> pa.Array:
    every = np.ones(len(good), np.bool_)
    return _errors(every, every, good, _ANY_RANGE)


def _in_bytes(numbers: _Numbers) -> tuple[npt.NDArray[np.uint8], _Flags]:
    """Return numbers (n, k) as uint8, 0 to 255, and bool (n,), which rows are in range."""
    numbers = numbers.view(np.uint8) if numbers.dtype == np.bool_ else numbers
    if not len(numbers):
        return np.zeros(numbers.shape, np.uint8), np.ones(0, np.bool_)
    least, most = numbers.min(axis=1), numbers.max(axis=1)
    good: _Flags = (least >= 0) & (most <= 255)  # false for NaN
    white = np.where(most <= 1, 1, 255)
    if numbers.shape[1] == _OPTDIGITS:
        white[(most > 1) & (most <= 16)] = 16
    if (white == 255).all() and numbers.dtype.kind in "iu":
        images = numbers.astype(np.uint8)
    else:
        factor = (255 / white)[:, None]
        with np.errstate(invalid="ignore"):
            images = np.rint(np.where(good[:, None], numbers, 0) * factor).astype(np.uint8)
    if not good.all():
        images[~good] = 0
    return images, good


_OPTDIGITS = 64
"""Pixels of the images of 8x8 whose whites are 16: UCI's Optical Recognition of Handwritten Digits,
which is scikit-learn's `load_digits`."""


def all_whole(column: pa.Array) -> bool:
    """Tell whether each row of a column of raw pixels holds 784 numbers and no null."""
    return bool(_pixels(column)[-1].all())


def _pixels(column: pa.Array) -> tuple[_Numbers, _Bounds, _Flags, _Flags]:
    """Return the numbers of a column of raw pixels, row by row, and their bounds.

    Also which rows are not null, and which of them hold 784 numbers and no null.
    """
    values: _Numbers
    if pa.types.is_fixed_size_binary(column.type):
        values, bounds = _bytes(column), np.arange(len(column) + 1) * PIXELS
        complete = np.ones(len(column), np.bool_)
    else:
        tensors = isinstance(column.type, pa.FixedShapeTensorType)
        values, bounds, complete = _leaves(column.storage if tensors else column)
    present = column.is_valid().to_numpy(zero_copy_only=False)
    return values, bounds, present, present & complete & (np.diff(bounds) == PIXELS)


def _errors(
    present: _Flags, whole: _Flags, good: _Flags, expected: str = "expected numbers from 0 to 255"
) -> pa.Array:
    if good.all():
        return pa.nulls(len(good), pa.string())
    texts = np.full(len(good), None, object)
    texts[~whole] = error_text(Reason.BAD_PIXELS, f"expected {PIXELS} of them")
    texts[whole & ~good] = error_text(Reason.BAD_PIXELS, expected)
    texts[~present] = str(Reason.NO_BYTES)
    return pa.array(texts, pa.string())


def _bytes(column: pa.Array) -> npt.NDArray[np.uint8]:
    """Return the bytes of a fixed-size binary column, without a copy."""
    start = column.offset * PIXELS
    buffer = column.buffers()[1]
    return np.frombuffer(buffer, np.uint8, len(column) * PIXELS, start) if buffer else _NO_BYTES


_NO_BYTES = np.zeros(0, np.uint8)


def _leaves(column: pa.Array) -> tuple[_Numbers, _Bounds, _Flags]:
    """Return the innermost numbers of nested lists, row by row; bounds; which rows hold no null."""
    bounds = np.arange(len(column) + 1)
    complete = np.ones(len(column), np.bool_)
    while _is_list(column.type):
        if pa.types.is_fixed_size_list(column.type):
            bounds = (column.offset + bounds) * column.type.list_size
        else:
            bounds = column.offsets.to_numpy().astype(np.int64)[bounds]
        # Unlike `flatten`, `values` keeps the numbers under null rows, so that positions hold.
        column = column.values
        if column.null_count:
            nulls = np.append(0, np.cumsum(column.is_null().to_numpy(zero_copy_only=False)))
            complete &= nulls[bounds[1:]] == nulls[bounds[:-1]]
            column = column.fill_null(0) if _is_number(column.type) else column
    values: _Numbers = column.to_numpy(zero_copy_only=False)
    return values, bounds, complete


def _gather(values: _Numbers, bounds: _Bounds, whole: _Flags) -> _Numbers:
    """Return the numbers of the complete rows, (rows, 784); a view if all are complete."""
    if whole.all():
        return values[bounds[0] : bounds[-1]].reshape(-1, PIXELS)
    rows: _Numbers = values[bounds[:-1][whole][:, None] + np.arange(PIXELS)]
    return rows


def _uint8(rows: _Numbers) -> tuple[npt.NDArray[np.uint8], _Flags]:
    """Return numbers (rows, 784) as uint8, and bool (rows,), which rows are in range."""
    if rows.dtype == np.uint8:
        return rows.view(np.uint8), np.ones(len(rows), np.bool_)
    numbers = rows.astype(np.float64)
    in_range = np.all((numbers >= 0) & (numbers <= 255), axis=1)  # false for NaN
    numbers[~in_range] = 0
    if np.issubdtype(rows.dtype, np.floating):
        numbers[numbers.max(axis=1, initial=0) <= 1] *= 255
    return np.rint(numbers).astype(np.uint8), in_range


def _logical_order(
    rows: npt.NDArray[np.uint8], kind: pa.FixedShapeTensorType
) -> npt.NDArray[np.uint8]:
    """Return the pixels of tensors in the order of their logical axes.

    A tensor column may be stored with its axes permuted (Arrow's canonical extension types,
    arrow.fixed_shape_tensor, `permutation`).
    """
    if kind.permutation is None:
        return rows
    stored = rows.reshape(-1, *kind.shape)
    return stored.transpose(0, *(axis + 1 for axis in kind.permutation)).reshape(-1, PIXELS)


def _is_list(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind)
    )


def _is_number(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind))
