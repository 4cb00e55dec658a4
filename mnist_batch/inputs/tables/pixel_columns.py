"""One column per pixel: which columns of a table these are, and which one holds the label."""

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.decoding.pixels import as_images, as_pictures
from mnist_batch.inputs.labelling.hints import NAMES
from mnist_batch.mnist import SIDE
from mnist_batch.schema import Images

_NUMBERED = re.compile(r"(.*?)([0-9]{1,6})", re.DOTALL)
_GRID = re.compile(r"([^0-9]*)([0-9]{1,4})([^0-9]+)([0-9]{1,4})")
_LEAST_SIDE = 8
"""Of pictures, as scikit-learn's digits have it."""


def find_pixel_columns(names: Sequence[str]) -> tuple[str, ...]:
    """Return the columns of pixels among those of a table, row by row from the top; else none.

    They are numbered from 0 or 1, after any word, and there are 784 of them, or of another square
    from 8x8 on; or they are numbered by row and column, as `1x1` and `pixel_0_0`. Their order in
    the table is of no account.
    """
    found = [*_numbered(names), *_grids(names)]
    most = max(map(len, found), default=0)
    largest = [one for one in found if len(one) == most]
    return largest[0] if len(largest) == 1 else ()


def _numbered(names: Iterable[str]) -> list[tuple[str, ...]]:
    groups: dict[str, dict[int, str]] = {}
    for name in names:
        if found := _NUMBERED.fullmatch(name):
            groups.setdefault(found[1], {})[int(found[2])] = name
    return [
        tuple(group[number] for number in sorted(group))
        for group in groups.values()
        if side_of(len(group)) and _consecutive(group)
    ]


def _grids(names: Iterable[str]) -> list[tuple[str, ...]]:
    groups: dict[tuple[str, str], dict[tuple[int, int], str]] = {}
    for name in names:
        if found := _GRID.fullmatch(name):
            groups.setdefault((found[1], found[3]), {})[int(found[2]), int(found[4])] = name
    grids = []
    for group in groups.values():
        rows, columns = ({place[axis] for place in group} for axis in (0, 1))
        square = len(rows) == len(columns) >= _LEAST_SIDE and len(group) == len(rows) ** 2
        if square and _consecutive(rows) and _consecutive(columns):
            grids.append(tuple(group[place] for place in sorted(group)))
    return grids


def _consecutive(numbers: Iterable[int]) -> bool:
    """Tell whether numbers, each once, are those from 0 or 1 on."""
    found = sorted(numbers)
    return found[0] in (0, 1) and found[-1] - found[0] == len(found) - 1


def side_of(pixels: int) -> int:
    """Return the side of a square picture of so many pixels; 0 where it is none."""
    side = math.isqrt(max(0, pixels))
    return side if side * side == pixels and side >= _LEAST_SIDE else 0


def find_label_column(names: Sequence[str], pixels: Iterable[str]) -> str | None:
    """Return the column of labels in a table of pixels: one of `NAMES`; else None.

    Another column may be anything, as `fold`: the user has to name it.
    """
    known = set(pixels)
    others = [name for name in names if name not in known]
    for wanted in NAMES:
        for name in others:
            if name.strip().casefold() == wanted:
                return name
    return None


def table_images(columns: Sequence[pa.Array]) -> tuple[pa.Array | Images, pa.Array]:
    """Return the images of rows, given the columns of their pixels, and the errors.

    Returns:
        Images uint8 (n, 28, 28), or where there are other than 784 columns pictures as Arrow
        binary; and Arrow strings (n,): null, or why a row is no image.
    """
    numbers, side = numbers_of(columns), side_of(len(columns))
    return as_images(numbers) if side == SIDE else as_pictures(numbers, side, side)


def numbers_of(columns: Sequence[pa.Array]) -> npt.NDArray[Any]:
    """Return the values of k columns of n rows as numbers (n, k); NaN where one is none."""
    arrays = [_as_numbers(column) for column in columns]
    kind = np.result_type(*{array.dtype for array in arrays})
    # Filled column by column, then seen row by row: so each is copied at once.
    numbers = np.empty((len(arrays), len(columns[0])), kind)
    for place, array in enumerate(arrays):
        numbers[place] = array
    return numbers.T


def _as_numbers(column: pa.Array) -> npt.NDArray[Any]:
    kind = column.type
    if pa.types.is_boolean(kind):
        column = column.cast(pa.uint8())
    elif pa.types.is_decimal(kind):
        column = column.cast(pa.float64())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        column = _parsed(column)
    if column.null_count and not pa.types.is_floating(column.type):
        column = column.cast(pa.float64(), safe=False)
    numbers: npt.NDArray[Any] = column.to_numpy(zero_copy_only=False)
    return numbers


_NUMBER = r"^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,3})?$"


def _parsed(column: pa.Array) -> pa.Array:
    """Return text as float64; null where it is no number, or no text in UTF-8."""
    if pa.types.is_null(column.type):
        return column.cast(pa.float64())
    text = pc.utf8_trim_whitespace(column.cast(pa.string()))
    good = pc.match_substring_regex(text, _NUMBER)
    return pc.if_else(good, text, None).cast(pa.float64())


def is_pixel_column(kind: pa.DataType) -> bool:
    """Tell whether a column of a type can be one of pixels."""
    if pa.types.is_dictionary(kind):
        kind = kind.value_type
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
        or pa.types.is_string(kind)
        or pa.types.is_large_string(kind)
    )
