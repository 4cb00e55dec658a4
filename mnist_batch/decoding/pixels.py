"""Read raw pixels in Arrow columns as uint8 images."""

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

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


def _errors(present: _Flags, whole: _Flags, good: _Flags) -> pa.Array:
    if good.all():
        return pa.nulls(len(good), pa.string())
    texts = np.full(len(good), None, object)
    texts[~good] = error_text(Reason.BAD_PIXELS, "expected numbers from 0 to 255")
    texts[~whole] = error_text(Reason.BAD_PIXELS, f"expected {PIXELS} of them")
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
