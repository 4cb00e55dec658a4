"""What a label may be: a digit, as a number or as text."""

import decimal
from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.labels import class_numbers, texts_of
from mnist_batch.inputs.labelling.numbering import Numbering
from mnist_batch.schema import Classes


def where(i: int) -> str:
    """Name the i-th value."""
    return f"row {i}"


@pytest.mark.parametrize(
    "kind",
    [
        pa.int8(), pa.uint8(), pa.int16(), pa.uint16(), pa.int32(), pa.uint32(), pa.int64(),
        pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.string(), pa.large_string(),
        pa.string_view(),
    ],
    ids=str,
)  # fmt: skip
def test_all_ten_digits_of_any_type_are_labels(kind: pa.DataType) -> None:
    """Integers, whole floats and text give int8 by value, and null stays null."""
    text = kind in (pa.string(), pa.large_string(), pa.string_view())
    values = [str(i) if text else i for i in range(10)]
    found = class_numbers(pa.array([*values, None], kind), where)
    assert found.type == pa.int8()
    assert found.to_pylist() == [*range(10), None]


@pytest.mark.parametrize("values", [["3", None, "7"], [3, None, 7], [3.0, None, 7.0]])
def test_dictionaries_are_read_by_value(values: list[Any]) -> None:
    """A dictionary-encoded column gives its values, not its codes; slices keep their place."""
    column = pa.array(["9", *values] if values[0] == "3" else [9, *values]).dictionary_encode()
    assert class_numbers(column.slice(1), where).to_pylist() == [3, None, 7]


@pytest.mark.parametrize("text", ["7", "7.0", "7.", "7.000", " 7 ", "7\n", "\t7"])
def test_text_of_a_digit_may_have_blanks_and_zero_decimals(text: str) -> None:
    """What spreadsheets and pandas make of 7 is 7."""
    assert class_numbers(pa.array([text]), where).to_pylist() == [7]


@pytest.mark.parametrize(
    "text",
    [
        "10",
        "-2",
        "-11",
        "7.5",
        "eleven",
        "1.1",
        "1 1",
        "٣",
        "0x7",
        "1e0",
        "7 8",
        "nano",
        "+7",
        "³",
        "07",
    ],
)
def test_other_text_is_an_error_that_names_the_row(text: str) -> None:
    """Text that is not one digit is no label."""
    with pytest.raises(LabelError, match=r"^row 2: label .* is not a digit from 0 to 9") as caught:
        class_numbers(pa.array(["1", None, text]), where)
    assert repr(text) in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    "value", [10, -2, 2**62, 0.5, 9.0001, float("inf"), decimal.Decimal("7.5")]
)
def test_other_numbers_are_an_error_that_names_the_row(value: float) -> None:
    """Numbers that are not 0 to 9 are no labels."""
    with pytest.raises(LabelError, match=r"^row 1: label .* is not a digit from 0 to 9"):
        class_numbers(pa.array([1, value]), where)


@pytest.mark.parametrize(
    "kind",
    [pa.float16(), pa.float64(), pa.int8(), pa.int64(), pa.decimal128(5, 2), pa.decimal256(40, 1)],
    ids=str,
)
def test_nan_and_minus_one_are_unknown(kind: pa.DataType) -> None:
    """As null: pandas writes NaN, and scikit-learn -1, where nobody knows the label."""
    values: list[Any] = [3, -1, None, 7]
    if pa.types.is_decimal(kind):
        values = [None if value is None else decimal.Decimal(value) for value in values]
    elif pa.types.is_floating(kind):
        values[1:1] = [float("nan")]
    found = class_numbers(
        pa.array(np.array(values, np.float16), kind)
        if kind == pa.float16()
        else pa.array(values, kind),
        where,
    )
    assert found.drop_null().to_pylist() == [3, 7]
    assert len(found) == len(values)
    assert found.to_pylist()[:: len(values) - 1] == [3, 7]


@pytest.mark.parametrize("text", ["", " ", "-1", "-1.0", "nan", "NaN"])
def test_text_may_say_that_a_label_is_unknown(text: str) -> None:
    """A blank cell, and what NaN and -1 became as text."""
    assert class_numbers(pa.array(["3", text, None, "7"]), where).to_pylist() == [3, None, None, 7]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([True]), pa.array([b"7"]), pa.array([[7]]), pa.array([{"a": 7}]),
        pa.array([7], pa.timestamp("s")),
    ],
    ids=lambda column: str(column.type),
)  # fmt: skip
def test_other_types_are_an_error_that_names_the_type(column: pa.Array) -> None:
    """A column of booleans, bytes, lists or times holds no digits, nor one of three classes."""
    with pytest.raises(LabelError, match=r"^row 0: labels of type ") as caught:
        class_numbers(column, where)
    assert "each should be a digit from 0 to 9; pass " in str(caught.value)
    with pytest.raises(LabelError, match="each should be a class from 0 to 2"):
        class_numbers(column, where, Numbering(Classes(3)))
    assert str(column.type) in str(caught.value)


@pytest.mark.parametrize(("kind", "ends"), [(pa.string(), np.int32), (pa.large_string(), np.int64)])
def test_text_that_is_none_is_an_error_that_names_the_row(
    kind: pa.DataType, ends: type[Any]
) -> None:
    """Bytes that are not UTF-8, as a writer that checks nothing puts them into a column of text."""
    buffers = [None, pa.py_buffer(np.arange(4, dtype=ends)), pa.py_buffer(b"1\xff2")]
    column = pa.Array.from_buffers(kind, 3, buffers)
    with pytest.raises(LabelError, match=r"^row 1: a label that is no text in UTF-8; correct it"):
        class_numbers(column, lambda i: f"row {i}")


def test_what_is_wrong_is_shown_in_short() -> None:
    """A message stays a line that can be read, whatever a label is."""
    with pytest.raises(LabelError) as caught:
        class_numbers(pa.array(["7" * 10**6]), lambda i: f"row {i}")
    assert len(str(caught.value)) < 200
    nested = pa.array([[{"x" * 10**6: 1}]])
    with pytest.raises(LabelError) as caught:
        class_numbers(nested, lambda i: f"row {i}")
    assert len(str(caught.value)) < 200


def test_column_of_nulls_is_no_label() -> None:
    """A column of Arrow's null type gives null labels."""
    assert class_numbers(pa.nulls(3), where).to_pylist() == [None] * 3


@settings(deadline=None)
@given(
    st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=12),
    st.integers(0, 12),
    st.sampled_from([pa.int64(), pa.uint8(), pa.float32(), pa.string()]),
)
def test_slices_keep_their_labels(values: list[int | None], start: int, kind: pa.DataType) -> None:
    """Any slice gives just its own labels."""
    column = pa.array(values, pa.int64()).cast(kind).slice(start)
    assert class_numbers(column, where).to_pylist() == values[start:]


@settings(deadline=None)
@given(
    st.one_of(
        st.lists(st.one_of(st.none(), st.text(max_size=4)), max_size=5),
        st.lists(st.one_of(st.none(), st.floats()), max_size=5),
        st.lists(st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)), max_size=5),
        st.lists(st.one_of(st.none(), st.integers(0, 2**64 - 1)), max_size=5),
    )
)
def test_any_value_is_a_digit_or_an_error(values: list[Any]) -> None:
    """No value raises another error, and none becomes another digit."""
    large = any(isinstance(value, int) and value >= 2**63 for value in values)
    try:
        found = class_numbers(pa.array(values, pa.uint64() if large else None), where).to_pylist()
    except LabelError:
        return
    # `float` takes less for white space than `strip` does.
    texts = ["" if value is None else str(value).strip().lower() for value in values]
    unknown = ("", "nan", "-1", "-1.0")
    assert found == [None if text in unknown else int(float(text)) for text in texts]
    assert all(value is None or 0 <= value <= 9 for value in found)


def test_true_and_false_are_the_classes_of_two() -> None:
    """0 and 1, whatever the two are called; as texts they name them where no model does."""
    column = pa.array([True, None, False])
    for classes in (Classes(2), Classes.of(2, ["cat", "dog"]), None):
        assert class_numbers(column, where, Numbering(classes)).to_pylist() == [1, None, 0]
    assert sorted(texts_of(column)) == ["false", "true"]


@pytest.mark.parametrize(
    ("values", "classes", "is_said"),
    [
        (range(1, 11), Classes(), True),
        ([str(number) for number in range(1, 11)], Classes(), True),
        ([float(number) for number in (10, 1, 2, 3, 4, 5)], Classes(), True),
        (range(1, 27), Classes(26), True),
        (range(11), Classes(), False),
        ([1, 2, 10], Classes(), False),
        (range(1, 12), Classes(), False),
    ],
)
def test_labels_that_begin_at_one_are_told(
    values: Iterable[Any], classes: Classes, is_said: bool
) -> None:
    """Where there is no 0, the last is as many as the classes, and most of them are there."""
    with pytest.raises(LabelError, match=r"^row \d+: label ") as caught:
        class_numbers(pa.array(list(values)), where, Numbering(classes))
    assert ("lower them by 1" in str(caught.value)) == is_said
