"""What travels between the folders: predictions' columns, reasons, and batches of images."""

import re

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.schema import (
    FORMULA,
    ImageBatch,
    Reason,
    error_text,
    predictions_schema,
    reason,
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
