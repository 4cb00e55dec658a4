"""The columns of a CSV file are known by its header, or by what they hold."""

import numpy as np
import pytest

from mnist_batch.inputs.tables.csv_layout import LayoutError, layout_of
from tests.support.forms.form import LABELS
from tests.support.forms.tables import KAGGLE, PIXELS, csv_text

FIRST, LAST = (tuple(range(1, 785)), 0), (tuple(range(784)), 784)


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_delimiters_line_ends_and_marks_are_found(delimiter: str, end: str, mark: bytes) -> None:
    """As Excel in several countries writes them; the header ends where rows start."""
    text = csv_text(LABELS, PIXELS, header=["label", *KAGGLE])
    content = mark + text.replace(",", delimiter).replace("\n", end).encode()
    layout = layout_of(content)
    assert (layout.pixels, layout.label, layout.delimiter) == (*FIRST, delimiter)
    assert content[layout.start :].startswith(f"{LABELS[0]}{delimiter}".encode())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (csv_text(LABELS, PIXELS), FIRST),
        (csv_text(PIXELS, LABELS), LAST),
        (csv_text(np.sort(LABELS), PIXELS), FIRST),
        (csv_text(LABELS[:1], PIXELS[:1]), FIRST),
        (csv_text(PIXELS, LABELS, header=[str(n) for n in range(785)]), LAST),
        (csv_text(LABELS, PIXELS, header=[str(n) for n in range(785)]), FIRST),
        (csv_text(PIXELS), (tuple(range(784)), None)),
        (csv_text(np.arange(100), LABELS, PIXELS, header=["", "label", *KAGGLE]),
         (tuple(range(2, 786)), 1)),
        (csv_text(LABELS, PIXELS, header=['"label"', *(f'"{name}"' for name in KAGGLE)]), FIRST),
        (csv_text(LABELS, PIXELS, header=["label", *(f"a{chr(97 + n)}" for n in range(784))]),
         FIRST),
    ],
)  # fmt: skip
def test_label_and_pixels_are_told_apart(
    text: str, expected: tuple[tuple[int, ...], int | None]
) -> None:
    """By names, or by the digits that differ from row to row."""
    layout = layout_of(text.encode())
    assert (layout.pixels, layout.label) == expected


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "file_name,label\n1.png,7\n", "\0\1\2"])
def test_other_files_are_no_tables_of_pixels(text: str) -> None:
    """They are passed over in folders, and refused where they are named."""
    with pytest.raises(LayoutError, match="no table of pixels"):
        layout_of(text.encode())
    with pytest.raises(LayoutError, match="UTF-16"):
        layout_of(text.encode("utf-16"))
