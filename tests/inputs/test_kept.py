"""Columns that predictions keep: their types, and their values in these."""

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.errors import ColumnError
from mnist_batch.inputs.kept import (
    as_text,
    check_names,
    check_names_beside_split,
    columns_as,
    common_type,
    kept_fields,
    kept_type,
)

_BERLIN = timezone(timedelta(hours=1))


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [
        ([pa.int8()], pa.int8()),
        ([pa.int8(), pa.int32()], pa.int64()),
        ([pa.uint8(), pa.uint64()], pa.uint64()),
        ([pa.float16()], pa.float32()),
        ([pa.float32(), pa.float64()], pa.float64()),
        ([pa.int64(), pa.float64()], pa.string()),
        ([pa.int64(), pa.uint64()], pa.string()),
        ([pa.bool_()], pa.bool_()),
        ([pa.bool_(), pa.int8()], pa.string()),
        ([pa.string(), pa.large_string(), pa.string_view()], pa.string()),
        ([pa.dictionary(pa.int32(), pa.string()), pa.string()], pa.string()),
        ([pa.dictionary(pa.int8(), pa.int16())], pa.int16()),
        ([pa.date32(), pa.date64()], pa.date32()),
        ([pa.timestamp("us", "Europe/Berlin")], pa.timestamp("us", "UTC")),
        ([pa.timestamp("s")], pa.timestamp("ms")),
        ([pa.timestamp("us"), pa.timestamp("ns")], pa.string()),
        ([pa.null(), pa.int8(), pa.int8()], pa.int8()),
        ([pa.null()], pa.string()),
        ([pa.decimal128(5, 2)], pa.decimal128(5, 2)),
    ],
)
def test_a_column_has_one_type_in_the_whole_output(
    kinds: list[pa.DataType], expected: pa.DataType
) -> None:
    """The only one, the widest of alike numbers, or text; in whichever order files come."""
    assert common_type(kinds) == expected
    assert common_type(reversed(kinds)) == expected


@pytest.mark.parametrize(
    "kind",
    [
        pa.binary(),
        pa.large_binary(),
        pa.binary(784),
        pa.list_(pa.int8()),
        pa.struct([("a", pa.int8())]),
        pa.map_(pa.string(), pa.int8()),
        pa.dictionary(pa.int8(), pa.binary()),
        pa.uuid(),
    ],
)
def test_nested_and_binary_columns_are_not_kept(kind: pa.DataType) -> None:
    """Neither CSV nor a slice could say what is in them."""
    assert kept_type(kind) is None


@pytest.mark.parametrize("name", ["label", "source", "probabilities", "p7"])
def test_names_of_the_predictions_own_columns_are_refused(name: str) -> None:
    """Two columns of a name cannot be told apart."""
    with pytest.raises(ColumnError, match=f"'{name}' cannot be kept: predictions have"):
        check_names(["lot", name])


@pytest.mark.parametrize("name", ["digit", "box"])
def test_names_of_what_split_writes_are_refused(name: str) -> None:
    """They are kept where pictures are not split, which writes no such column."""
    kept = [pa.field("writer", pa.string()), pa.field(name, pa.int32())]
    with pytest.raises(ColumnError, match=f"column '{name}' cannot be kept with"):
        check_names_beside_split(kept)
    check_names_beside_split(kept[:1])


def test_a_hash_is_no_column_to_ask_for() -> None:
    """It is an option of its own, and no two images that differ share one."""
    with pytest.raises(ColumnError, match="it is the hash of each image that content_hash=True"):
        check_names(["content"])


def test_a_column_that_no_file_has_is_refused() -> None:
    """In one line that names it; one that some file has is kept, in the order asked for."""
    found = [pa.field("lot", pa.int8()), pa.field("path", pa.string()), pa.field("a", pa.int8())]
    assert [field.name for field in kept_fields(found, ["a", "lot"])] == ["path", "a", "lot"]
    assert [field.name for field in kept_fields(found, ["a", "path"])] == ["a", "path"]
    with pytest.raises(ColumnError, match="'nix' cannot be kept: no Parquet file of the inputs"):
        kept_fields(found, ["lot", "nix"])


_VALUES: dict[pa.DataType, tuple[st.SearchStrategy[Any], Any]] = {
    pa.int64(): (st.integers(-(2**63), 2**63 - 1), str),
    pa.uint64(): (st.integers(0, 2**64 - 1), str),
    pa.bool_(): (st.booleans(), lambda value: str(value).lower()),
    pa.string(): (st.text(), str),
    pa.large_string(): (st.text(), str),
    pa.date32(): (st.dates(date(1, 1, 1), date(9999, 12, 31)), date.isoformat),
    pa.timestamp("us", "Europe/Berlin"): (
        st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1)).map(
            lambda value: value.replace(tzinfo=_BERLIN)
        ),
        lambda value: value.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%fZ"),
    ),
    pa.decimal128(9, 2): (
        st.integers(-(10**9) + 1, 10**9 - 1).map(lambda cents: Decimal(cents).scaleb(-2)),
        lambda value: f"{value:.2f}",
    ),
}


@pytest.mark.parametrize("kind", _VALUES, ids=str)
@settings(deadline=None)
@given(data=st.data())
def test_text_of_values_is_what_python_makes_of_them(
    kind: pa.DataType, data: st.DataObject
) -> None:
    """Exactly, whatever the value; null stays null."""
    strategy, text = _VALUES[kind]
    values = data.draw(st.lists(st.none() | strategy, max_size=20))
    expected = [None if value is None else text(value) for value in values]
    assert as_text(pa.array(values, kind)).to_pylist() == expected


@settings(deadline=None)
@given(values=st.lists(st.none() | st.floats(allow_nan=False)))
def test_text_of_a_float_reads_back_as_the_same_float(values: list[float | None]) -> None:
    """The shortest text may be written in several ways, so it is read back."""
    texts = as_text(pa.array(values, pa.float64())).to_pylist()
    assert [None if text is None else float(text) for text in texts] == values


@settings(deadline=None)
@given(
    values=st.lists(st.none() | st.integers(-128, 127), min_size=1),
    cuts=st.lists(st.integers(0, 30), max_size=3),
)
def test_the_cut_of_batches_does_not_matter(values: list[int | None], cuts: list[int]) -> None:
    """What is converted in pieces is what is converted as one."""
    fields = [pa.field("lot", pa.string()), pa.field("none", pa.float64())]
    whole = pa.record_batch([pa.array(values, pa.int8())], names=["lot"])
    bounds = sorted({0, len(values), *(min(cut, len(values)) for cut in cuts)})
    lots, nones = [], []
    for start, stop in pairwise(bounds):
        lot, none = columns_as(whole.slice(start, stop - start), fields, stop - start)
        lots += lot.to_pylist()
        nones += none.to_pylist()
    assert lots == [None if value is None else str(value) for value in values]
    assert nones == [None] * len(values)


def test_rows_of_a_file_without_columns_are_null() -> None:
    """Of the column's type."""
    (column,) = columns_as(None, [pa.field("lot", pa.int16())], 3)
    assert column == pa.nulls(3, pa.int16())


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()])
def test_text_that_is_not_utf8_stays_readable(kind: pa.DataType) -> None:
    """A damaged or forged file can hold any bytes; they must not end the run."""
    content = pa.array([b"good", None, b"b\xffd and longer than a view"], pa.binary())
    if kind == pa.string_view():
        content = content.cast(pa.binary_view())
    elif kind == pa.large_string():
        content = content.cast(pa.large_binary())
    text = pa.Array.from_buffers(
        kind,
        3,
        content.buffers(),
        null_count=1,
    )
    assert as_text(text).to_pylist() == ["good", None, "b\ufffdd and longer than a view"]


def test_times_that_no_calendar_has_do_not_end_a_run() -> None:
    """A damaged file may hold any number."""
    for kind in (pa.timestamp("s"), pa.timestamp("ns"), pa.date32(), pa.time32("s")):
        column = pa.array([2**31 - 1, None], pa.int32()).cast(
            pa.int64() if pa.types.is_timestamp(kind) else pa.int32()
        )
        (kept,) = columns_as(
            pa.record_batch([column.view(kind)], names=["t"]), kept_fields_of(kind), 2
        )
        assert kept.null_count == 1
        assert len(as_text(column.view(kind))) == 2


def kept_fields_of(kind: pa.DataType) -> list[pa.Field]:
    """Return what predictions keep of one column `t`."""
    return kept_fields([pa.field("t", kind)], ["t"])
