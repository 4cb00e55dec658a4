"""What travels between the folders: predictions' columns, reasons, and batches of images."""

import re

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.schema import (
    DIGITS,
    FORMULA,
    Classes,
    ImageBatch,
    Reason,
    error_text,
    predictions_schema,
    reason,
    renumbered,
)


def test_columns_are_those_that_the_contract_lists() -> None:
    """Seven, and an eighth on demand; what every row has is never null."""
    schema = predictions_schema(with_probabilities=True)
    assert schema.names == [
        "source",
        "row",
        "label",
        "prediction",
        "confidence",
        "prepared",
        "error",
        "probabilities",
    ]
    assert [field.name for field in schema if not field.nullable] == ["source", "row", "prepared"]
    assert predictions_schema(with_probabilities=False).names == schema.names[:-1]


def test_an_error_is_one_printable_line_that_starts_with_its_reason() -> None:
    """Details come from damaged files, and may hold anything."""
    text = error_text(Reason.CORRUPT, "chunk\n  \x1b[31mIHDR: bad")
    assert text == "corrupt: chunk ?[31mIHDR: bad"
    assert reason(text) == "corrupt"
    assert error_text(Reason.NO_BYTES) == reason("no bytes") == "no bytes"


@pytest.mark.parametrize(
    ("text", "runs"),
    [
        ("=1+1", True),
        ("+1", True),
        ("-1", True),
        ("@a", True),
        ("\ta", True),
        ("'=1", True),
        ("a=1", False),
        ("'a", False),
        ("", False),
    ],
)
def test_formulas_are_what_a_spreadsheet_would_run(text: str, runs: bool) -> None:
    """By the first character, whatever was put before it."""
    assert (re.match(FORMULA, text) is not None) == runs


@pytest.mark.parametrize(
    "images",
    [
        pa.array([b"a", b"b", b"c"]),
        pa.array([b"a", b"b", b"c"], pa.large_binary()),
        pa.array([b"a", b"b", b"c"], pa.binary_view()),
    ],
    ids=str,
)
def test_rows_are_taken_from_all_columns(images: pa.Array) -> None:
    """Of encoded images of each type."""
    batch = ImageBatch(
        source=pa.array(["x", "y", "z"]),
        row=pa.array([7, 8, 9]),
        label=pa.array([None, 1, 2], pa.int8()),
        images=images,
        error=pa.array([None, None, "no bytes"]),
    ).take(np.array([2, 0]))
    assert batch.source.to_pylist() == ["z", "x"]
    assert batch.row.to_pylist() == [9, 7]
    assert batch.label.to_pylist() == [2, None]
    assert pa.array(batch.images).to_pylist() == [b"c", b"a"]
    assert batch.error.to_pylist() == ["no bytes", None]
    assert batch.prepared is None


def test_pixels_are_taken_with_what_was_prepared() -> None:
    """Rows of a packed file."""
    pixels = np.arange(3 * 784, dtype=np.uint8).reshape(3, 28, 28)
    batch = ImageBatch(
        source=pa.array(["x", "y", "z"]),
        row=pa.array([7, 8, 9]),
        label=pa.nulls(3, pa.int8()),
        images=pixels,
        error=pa.nulls(3, pa.string()),
        prepared=np.array([True, False, False]),
    ).take(np.array([2, 0]))
    np.testing.assert_array_equal(batch.images, pixels[[2, 0]])
    np.testing.assert_array_equal(batch.prepared, [False, True])


def test_names_of_classes_are_short_printable_and_apart() -> None:
    """Whatever their names are; those that would be alike have their numbers."""
    names = ("Coat", "x" * 200, "x" * 199 + "y", "x" * 200 + "y", "a\n\x1b[1mb", "", "Coat ")
    short = Classes(7, names).short_names(12)
    assert short == ("Coat 0", "xxxxxxx..xxx", "xxxx..xy 2", "xxxx..xy 3", "a ?[1mb", "5", "Coat 6")
    assert Classes(3).short_names(12) == ("0", "1", "2")
    assert max(map(len, short)) <= 12


def test_ten_classes_without_names_are_the_digits() -> None:
    """All others are called classes."""
    assert (DIGITS.noun, DIGITS.noun_of_many) == ("digit", "digits")
    assert Classes(10).are_digits
    for classes in (Classes(62), Classes(10, tuple("abcdefghij"))):
        assert (classes.noun, classes.noun_of_many) == ("class", "classes")


def test_predictions_get_the_numbers_of_other_classes() -> None:
    """Labels, predictions and the order of the probabilities; null stays null, also in a slice."""
    classes = Classes(3, ("cat", "dog", "eel"))
    numbers = classes.numbers_in(Classes(3, ("eel", "cat", "dog")))
    assert numbers is not None
    assert numbers.tolist() == [1, 2, 0]
    assert classes.numbers_in(Classes(3, ("eel", "cat", "cow"))) is None
    assert classes.numbers_in(Classes(3)) is None
    rows: list[dict[str, object]] = [
        {"label": 1, "prediction": 2, "probabilities": [0.1, 0.2, 0.7]},
        {"label": 0, "prediction": None, "probabilities": None},
        {"label": None, "prediction": 0, "probabilities": [0.5, 0.25, 0.25]},
    ]
    whole: dict[str, object] = {
        "source": "x",
        "row": 0,
        "confidence": None,
        "prepared": False,
        "error": None,
    }
    schema = predictions_schema(with_probabilities=True, classes=Classes(3))
    batch = pa.RecordBatch.from_pylist([whole | row for row in rows], schema)
    found = renumbered(batch.slice(1), numbers)
    assert found.schema == schema
    assert found.column("label").to_pylist() == [1, None]
    assert found.column("prediction").to_pylist() == [None, 1]
    assert found.column("probabilities").to_pylist() == [None, [0.25, 0.5, 0.25]]
    assert renumbered(batch, numbers).column("label").to_pylist() == [2, 1, None]
