"""A damaged line or cell costs its row, and no other."""

import numpy as np
import pytest

from mnist_batch.inputs.tables.csv_layout import layout_of
from mnist_batch.inputs.tables.csv_rows import parse_rows
from mnist_batch.inputs.tables.pixel_columns import table_images
from tests.support.forms.form import IMAGES, LABELS
from tests.support.forms.tables import KAGGLE, PIXELS, csv_text

LINES = csv_text(LABELS, PIXELS).encode().split(b"\n")[:-1]
LAYOUT = layout_of(csv_text(LABELS, PIXELS, header=["label", *KAGGLE]).encode())


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        (b"", "bad pixels: expected numbers"),
        (b"?", "bad pixels: expected numbers"),
        (b"256", "bad pixels: expected numbers"),
        (b"99999999999999999999", "bad pixels: expected numbers"),
        (b"1,2", "bad pixels: a line of 786 cells, expected 785"),
        (b'"1,2"', "bad pixels: expected numbers"),
        (b'"1', "bad pixels: a line on which a quote is not closed"),
        (b"\xfc", "bad pixels: a line that is not UTF-8"),
    ],
)
def test_a_bad_cell_costs_its_row(cell: bytes, error: str) -> None:
    """All others are read with their labels."""
    lines = list(LINES)
    cells = lines[40].split(b",")
    cells[300] = cell
    lines[40] = b",".join(cells)
    rows = parse_rows(b"\n".join([*lines, b""]), LAYOUT, [0])
    images, found = table_images([rows.columns[place] for place in LAYOUT.pixels])
    errors = rows.with_errors(found).to_pylist()
    assert [row for row, text in enumerate(errors) if text] == [40]
    assert errors[40].startswith(error)
    others = np.arange(100) != 40
    np.testing.assert_array_equal(np.asarray(images)[others], IMAGES[others])
    assert np.array(rows.columns[0].to_pylist())[others].tolist() == [
        str(label) for label in LABELS[others]
    ]


def test_blank_lines_are_no_rows() -> None:
    """And the last needs no end."""
    rows = parse_rows(b"\n \t\n" + b"\n\r\n".join(LINES[:3]), LAYOUT, [0])
    assert rows.count == 3
    assert rows.columns[0].to_pylist() == [str(label) for label in LABELS[:3]]


def test_lines_that_are_no_text_have_an_error() -> None:
    """A label that is no UTF-8 cannot be told."""
    rows = parse_rows(b"\xff\xfe" + LINES[0][1:] + b"\n", LAYOUT, [0])
    assert rows.errors.to_pylist() == ["bad pixels: a line that is not UTF-8"]


def test_commas_start_fractions_between_semicolons() -> None:
    """As Excel writes them in many countries."""
    text = csv_text(LABELS, PIXELS / 255, header=["label", *KAGGLE])
    layout = layout_of(text.replace(",", ";").encode())
    body = text.split("\n", 1)[1].replace(",", ";").replace(".", ",").encode()
    columns = parse_rows(body, layout, [0]).columns
    images, _ = table_images([columns[one] for one in layout.pixels])
    np.testing.assert_array_equal(images, IMAGES)


def test_what_is_not_read_may_be_damaged() -> None:
    """One row lacks a pixel; notes with commas and in Latin-1 cost nothing."""
    layout = layout_of(csv_text(LABELS, PIXELS, LABELS, header=["label", *KAGGLE, "who"]).encode())
    lines = [line + b',"a, b"' for line in LINES]
    lines[5] = LINES[5] + b",J\xfcrgen"
    lines[9] = lines[9].replace(b",0,", b",x,", 1)
    rows = parse_rows(b"\n".join(lines), layout, [0])
    _, found = table_images([rows.columns[place] for place in layout.pixels])
    errors = rows.with_errors(found).to_pylist()
    assert [row for row, text in enumerate(errors) if text] == [9]
    kept = parse_rows(b"\n".join(lines), layout, [0, 785])
    assert [row for row, text in enumerate(kept.errors.to_pylist()) if text] == [5]
    assert kept.columns[785].to_pylist()[:6] == [*["a, b"] * 5, None]
