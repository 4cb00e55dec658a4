"""Raw pixels of Arrow columns to images, against a slow reading of the same values in Python."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.decoding.pixels import is_pixel_type, pixels_of

COUNT = "bad pixels: expected 784 of them"
RANGE = "bad pixels: expected numbers from 0 to 255"
RAMP = [i % 256 for i in range(784)]
NUMBER_TYPES = [
    pa.uint8(), pa.int8(), pa.uint16(), pa.int16(), pa.uint32(), pa.int32(), pa.uint64(),
    pa.int64(), pa.float16(), pa.float32(), pa.float64(),
]  # fmt: skip


def flat(value: Any) -> list[Any]:  # noqa: ANN401 - a list of lists of any depth, or a number
    """Return the numbers of nested lists; a null stays in its place."""
    return [x for part in value for x in flat(part)] if isinstance(value, list) else [value]


def slow_row(value: Any, *, fractional: bool) -> tuple[list[int], str | None]:  # noqa: ANN401
    """Return 784 pixels and the error of one row, from its Python value."""
    black = [0] * 784
    if value is None:
        return black, "no bytes"
    numbers = flat(value)
    if len(numbers) != 784 or None in numbers:
        return black, COUNT
    if any(math.isnan(x) or not 0 <= x <= 255 for x in numbers):
        return black, RANGE
    factor = 255 if fractional and max(numbers) <= 1 else 1
    return [round(x * factor) for x in numbers], None


def check(column: pa.Array, *, fractional: bool) -> None:
    """Fail unless all rows of a column are as `slow_row` reads them."""
    images, errors = pixels_of(column)
    assert images.shape == (len(column), 28, 28)
    assert images.dtype == np.uint8
    expected = [slow_row(value, fractional=fractional) for value in column.to_pylist()]
    assert errors.type == pa.string()
    assert errors.to_pylist() == [error for _, error in expected]
    np.testing.assert_array_equal(
        images.reshape(-1, 784), np.array([row for row, _ in expected]).reshape(-1, 784)
    )


@pytest.mark.parametrize("kind", NUMBER_TYPES, ids=str)
@pytest.mark.parametrize("make_list", [pa.list_, pa.large_list, lambda t: pa.list_(t, 784)])
def test_lists_of_every_number_type_hold_pixels(kind: pa.DataType, make_list: Any) -> None:  # noqa: ANN401
    """784 numbers of any integer or floating type, in any kind of list, are an image."""
    row = [i % 128 for i in range(784)]
    column = pa.array([row, None, row[::-1]], make_list(kind))
    assert is_pixel_type(column.type)
    images, errors = pixels_of(column)
    assert errors.to_pylist() == [None, "no bytes", None]
    assert images[0].ravel().tolist() == row
    assert not images[1].any()
    assert images[2].ravel().tolist() == row[::-1]


def test_rows_run_from_the_top() -> None:
    """The 28 first numbers are the uppermost row."""
    images, _ = pixels_of(pa.array([RAMP], pa.list_(pa.uint8())))
    assert images[0, 0].tolist() == list(range(28))
    assert images[0, 1, 0] == 28


@pytest.mark.parametrize(
    ("value", "pixel", "error"),
    [
        (0.0, 0, None),
        (1.0, 255, None),
        (0.5, 128, None),  # 127.5, and half goes to even
        (0.25, 64, None),
        (float("nan"), 0, RANGE),
        (float("inf"), 0, RANGE),
        (-1e-6, 0, RANGE),
    ],
)
def test_fractions_up_to_1_are_0_to_1(value: float, pixel: int, error: str | None) -> None:
    """A row of fractional numbers whose largest is at most 1 is spread over 0 to 255."""
    for kind in (pa.float32(), pa.float64()):
        images, errors = pixels_of(pa.array([[value] * 784], pa.list_(kind)))
        assert (int(images[0, 3, 3]), errors[0].as_py()) == (pixel, error)


@pytest.mark.parametrize(
    ("value", "pixel", "error"),
    [(255.0, 255, None), (1.5, 2, None), (2.4, 2, None), (255.5, 0, RANGE), (256.0, 0, RANGE)],
)
def test_larger_fractions_are_0_to_255(value: float, pixel: int, error: str | None) -> None:
    """A row of fractional numbers with one above 1 is rounded, and at most 255."""
    images, errors = pixels_of(pa.array([[value] * 784], pa.list_(pa.float64())))
    assert (int(images[0, 3, 3]), errors[0].as_py()) == (pixel, error)


@pytest.mark.parametrize("value", [-1, 256, 2**62])
def test_whole_numbers_off_the_scale_are_an_error(value: int) -> None:
    """A pixel below 0 or above 255 makes its row, and only its row, an error."""
    column = pa.array([RAMP, [value] + [0] * 783, RAMP], pa.list_(pa.int64()))
    images, errors = pixels_of(column)
    assert errors.to_pylist() == [None, RANGE, None]
    assert images[2].ravel().tolist() == RAMP
    assert not images[1].any()


def test_whole_ones_are_nearly_black_beside_a_null() -> None:
    """A row of whole numbers is never spread, whatever nulls the rows beside it hold."""
    ones = [1] * 784
    images, errors = pixels_of(pa.array([ones, [None, *ones[1:]]], pa.list_(pa.int16())))
    assert errors.to_pylist() == [None, COUNT]
    assert images[0].max() == 1


@pytest.mark.parametrize("size", [0, 1, 783, 785, 1568])
def test_another_count_of_pixels_is_an_error(size: int) -> None:
    """A row of other than 784 numbers is an error, and its neighbours keep their pixels."""
    images, errors = pixels_of(pa.array([RAMP, [7] * size, RAMP], pa.list_(pa.uint8())))
    assert errors.to_pylist() == [None, COUNT, None]
    assert images[2].ravel().tolist() == RAMP


def test_null_line_of_a_fixed_size_image_is_an_error() -> None:
    """A null among the 28 lines of an image is an error, whatever bytes lie under it."""
    line = pa.list_(pa.uint8(), 28)
    lines = pa.FixedSizeListArray.from_arrays(
        pa.array([9] * (56 * 28), pa.uint8()),
        type=line,
        mask=pa.array([i == 30 for i in range(56)]),
    )
    column = pa.FixedSizeListArray.from_arrays(lines, 28)
    images, errors = pixels_of(column)
    assert errors.to_pylist() == [None, COUNT]
    assert images.sum(axis=(1, 2)).tolist() == [784 * 9, 0]


@pytest.mark.parametrize("shape", [(28, 28), (784,), (1, 28, 28), (28, 28, 1)])
@pytest.mark.parametrize("offset", [0, 1, 2])
def test_tensors_hold_pixels(shape: tuple[int, ...], offset: int) -> None:
    """Arrow's fixed-shape tensors of 784 numbers are images, sliced or not, null or not."""
    kind = pa.fixed_shape_tensor(pa.uint8(), shape)
    storage = pa.array([RAMP, None, RAMP[::-1]], kind.storage_type)
    column = pa.ExtensionArray.from_storage(kind, storage).slice(offset)
    assert is_pixel_type(kind)
    images, errors = pixels_of(column)
    assert errors.to_pylist() == [None, "no bytes", None][offset:]
    expected = [RAMP, [0] * 784, RAMP[::-1]][offset:]
    assert images.reshape(-1, 784).tolist() == expected


def test_permuted_tensors_are_read_in_logical_order() -> None:
    """A tensor stored column by column, with its permutation, gives the image row by row."""
    kind = pa.fixed_shape_tensor(pa.uint8(), (28, 28), permutation=[1, 0])
    stored = np.array(RAMP, np.uint8).reshape(28, 28)
    column = pa.ExtensionArray.from_storage(kind, pa.array([RAMP], kind.storage_type))
    images, _ = pixels_of(column)
    np.testing.assert_array_equal(images[0], stored.T)
    np.testing.assert_array_equal(images, column.to_numpy_ndarray())


@pytest.mark.parametrize(
    "kind",
    [
        pa.binary(783), pa.binary(), pa.uint8(), pa.list_(pa.string()), pa.list_(pa.bool_()),
        pa.fixed_shape_tensor(pa.uint8(), (28, 27)), pa.struct([("a", pa.uint8())]), pa.string(),
        pa.map_(pa.string(), pa.uint8()), pa.list_(pa.struct([("a", pa.uint8())])), pa.null(),
    ],
    ids=str,
)  # fmt: skip
def test_other_types_hold_no_pixels(kind: pa.DataType) -> None:
    """Columns that cannot hold 784 numbers a row are none of raw pixels."""
    assert not is_pixel_type(kind)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_fixed_size_binary_is_bytes(count: int) -> None:
    """A binary(784) column is one byte a pixel."""
    rows = [bytes((i + j) % 256 for j in range(784)) for i in range(count)]
    images, errors = pixels_of(pa.array(rows, pa.binary(784)))
    assert [image.tobytes() for image in images] == rows
    assert errors.null_count == count


@settings(deadline=None)
@given(
    rows=st.lists(st.one_of(st.none(), st.integers(0, 255)), max_size=9),
    cut=st.tuples(st.integers(0, 9), st.integers(0, 9)),
)
def test_slices_of_binary_columns_keep_their_rows(
    rows: list[int | None], cut: tuple[int, int]
) -> None:
    """Any slice of a binary(784) column gives just its rows; null rows are black and named."""
    contents = [None if row is None else bytes([row]) * 784 for row in rows]
    images, errors = pixels_of(pa.array(contents, pa.binary(784)).slice(*cut))
    part = rows[cut[0] : cut[0] + cut[1]]
    assert images[:, 5, 5].tolist() == [row or 0 for row in part]
    assert errors.to_pylist() == ["no bytes" if row is None else None for row in part]


def numbers(kind: pa.DataType) -> st.SearchStrategy[float | None]:
    """Return a strategy for the pixel that a row is filled with."""
    if pa.types.is_floating(kind):
        return st.one_of(
            st.sampled_from([0.0, 1.0, 0.5, 0.25, 1.5, 255.0, 256.0, -1.0, math.nan, math.inf]),
            st.integers(0, 255).map(float),
        )
    if kind == pa.uint8():
        return st.integers(0, 255)
    return st.integers(-2, 300)


@st.composite
def columns(draw: st.DrawFn) -> tuple[pa.Array, bool]:
    """Return a sliced column of nested lists with nulls at all levels and some wrong lengths."""
    leaf = draw(st.sampled_from([pa.uint8(), pa.int32(), pa.float16(), pa.float32(), pa.float64()]))
    fixed = draw(st.booleans())
    nested = draw(st.booleans())
    size = 28 if nested else 784
    kind = draw(st.sampled_from([pa.list_, pa.large_list]))
    kind = pa.list_(leaf, size) if fixed else kind(leaf)
    if nested:
        kind = pa.list_(kind, 28) if draw(st.booleans()) else pa.list_(kind)

    def row(_: int) -> list[Any] | None:
        if draw(st.integers(0, 4)) == 0:
            return None
        pixels: list[Any] = [draw(numbers(leaf))] * 784
        for place in draw(st.lists(st.integers(0, 783), max_size=3)):
            pixels[place] = draw(st.one_of(st.none(), numbers(leaf)))
        if not nested:
            return pixels if fixed else pixels[: draw(st.sampled_from([784, 784, 783, 0]))]
        lines: list[Any] = [pixels[at : at + 28] for at in range(0, 784, 28)]
        if draw(st.integers(0, 3)) == 0:
            lines[draw(st.integers(0, 27))] = None
        return lines

    rows = [row(i) for i in range(draw(st.integers(0, 5)))]
    column = pa.array(rows, kind)
    start = draw(st.integers(0, len(rows)))
    return column.slice(start, draw(st.integers(0, len(rows)))), pa.types.is_floating(leaf)


@settings(max_examples=120, deadline=None)
@given(columns())
def test_any_column_is_read_as_python_reads_it(column: tuple[pa.Array, bool]) -> None:
    """Nested, sliced, null and wrong-length rows give what their Python values say."""
    array, fractional = column
    check(array, fractional=fractional)


@settings(max_examples=40, deadline=None)
@given(columns(), st.integers(0, 5))
def test_cuts_do_not_change_the_rows(column: tuple[pa.Array, bool], cut: int) -> None:
    """A column in two parts gives the same rows as in one: no row depends on its neighbours."""
    array, _ = column
    images, errors = pixels_of(array)
    parts = [pixels_of(array.slice(0, cut)), pixels_of(array.slice(cut))]
    np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), images)
    assert pa.concat_arrays([part[1] for part in parts]).equals(errors)


def test_null_rows_may_cover_anything() -> None:
    """Numbers that lie under a null row are not read, and shift no other row."""
    values = pa.array([5] * 784 + [6] * 100 + [7] * 784, pa.uint8())
    offsets = pa.array([0, 784, 884, 1668], pa.int32())
    column = pa.ListArray.from_arrays(offsets, values, mask=pa.array([False, True, False]))
    images, errors = pixels_of(column)
    assert errors.to_pylist() == [None, "no bytes", None]
    assert images[:, 0, 0].tolist() == [5, 0, 7]
