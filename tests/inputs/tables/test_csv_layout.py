"""The columns of a CSV file are known by its header, or by what they hold."""

from pathlib import Path

import numpy as np
import pytest

from mnist_batch.errors import InputError
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.inputs.tables.csv_files import CsvShard
from mnist_batch.inputs.tables.csv_layout import LayoutError, layout_of
from mnist_batch.options import ReadOptions
from tests.support.forms.form import LABELS
from tests.support.forms.tables import KAGGLE, PIXELS, csv, csv_text

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
        (csv_text(LABELS[-1:], PIXELS[-1:]), FIRST),
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
    tmp_path: Path, text: str, expected: tuple[tuple[int, ...], int | None]
) -> None:
    """By names, or by the numbers that differ from the pixels beside them."""
    (tmp_path / "digits.csv").write_text(text)
    assert found_in(tmp_path / "digits.csv") == expected


def found_in(path: Path, label: str | None = None) -> tuple[tuple[int, ...], int | None]:
    """Return where pixels and label stand in a file."""
    shard = open_inputs([path], ReadOptions(label_column=label)).shards[0]
    assert isinstance(shard, CsvShard)
    return shard.file.layout.pixels, shard.file.label


@pytest.mark.parametrize("name", ["digits.csv", "digits.csv.gz"])
@pytest.mark.parametrize("digit", [1, 7])
def test_a_single_digit_is_told_from_the_corners(tmp_path: Path, name: str, digit: int) -> None:
    """Corners are 0 in the first and in the last column."""
    ones = digit == LABELS
    assert found_in(csv(LABELS[ones], PIXELS[ones], name=name)(tmp_path)) == FIRST
    assert found_in(csv(PIXELS[ones], LABELS[ones], name=name)(tmp_path)) == LAST
    white = 255 - PIXELS
    assert found_in(csv(LABELS[ones], white[ones], name=name)(tmp_path)) == FIRST
    assert found_in(csv(white, LABELS, name=name)(tmp_path)) == LAST
    assert found_in(csv(white, np.zeros(100, int), name=name)(tmp_path)) == LAST


@pytest.mark.parametrize("name", ["digits.csv", "digits.csv.gz"])
def test_sorted_labels_are_told_by_rows_from_all_over_a_file(tmp_path: Path, name: str) -> None:
    """The first megabyte holds zeros alone."""
    labels = np.repeat(np.arange(10), 100)
    pixels = np.tile(PIXELS, (10, 1))
    assert found_in(csv(pixels, labels, name=name)(tmp_path)) == LAST


def test_labels_of_more_classes_are_told_from_the_corners(tmp_path: Path) -> None:
    """As EMNIST's CSV files have them, without a header; a damaged cell tells nothing else."""
    labels = (np.arange(100) % 47).astype(str)
    labels[3] = ""
    text = csv_text(labels, PIXELS)
    (tmp_path / "digits.csv").write_text(text)
    assert found_in(tmp_path / "digits.csv") == FIRST


def test_where_either_end_may_be_the_label_the_user_says_it(tmp_path: Path) -> None:
    """Zeros alone look like corners."""
    path = csv(np.zeros(100, int), PIXELS)(tmp_path)
    with pytest.raises(InputError, match="label_column 'column 1' or label_column 'column 785'"):
        open_inputs([path])
    assert found_in(path, "column 1") == FIRST
    assert found_in(path, "column 785") == LAST


@pytest.mark.parametrize("names", [["fold"], ["row"], ["id"], ["writer"]])
def test_a_column_of_another_name_is_no_label(tmp_path: Path, names: list[str]) -> None:
    """A note names it, and how it becomes one."""
    path = csv(LABELS, PIXELS, header=[*names, *KAGGLE])(tmp_path)
    assert found_in(path) == (FIRST[0], None)
    note = f"the column '{names[0]}' looks like labels: pass --label-column {names[0]}"
    assert note in str(open_inputs([path]).label_note())
    assert found_in(path, names[0]) == FIRST


@pytest.mark.parametrize(
    ("header", "name"),
    [
        (["label", "label", *KAGGLE], "label"),
        (["label", "pixel4", *KAGGLE], "pixel4"),
        (["label", *KAGGLE[:5], "pixel4", *KAGGLE[6:]], "pixel4"),
    ],
)
def test_a_column_twice_is_refused(tmp_path: Path, header: list[str], name: str) -> None:
    """Nobody knows which of them counts."""
    path = csv(*[LABELS] * (len(header) - 784), PIXELS, header=header)(tmp_path)
    with pytest.raises(InputError, match=f"2 columns '{name}'; rename or remove all but one"):
        open_inputs([path])


def test_lines_before_the_header_may_be_blank(tmp_path: Path) -> None:
    """As anywhere else; lines without LF are refused."""
    text = csv_text(LABELS, PIXELS, header=["label", *KAGGLE])
    (tmp_path / "a.csv").write_text("\n  \n" + text)
    assert found_in(tmp_path / "a.csv") == FIRST
    (tmp_path / "b.csv").write_bytes(text.replace("\n", "\r").encode())
    with pytest.raises(InputError, match="CR alone; save it with LF"):
        open_inputs([tmp_path / "b.csv"])


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "file_name,label\n1.png,7\n", "\0\1\2"])
def test_other_files_are_no_tables_of_pixels(text: str) -> None:
    """They are passed over in folders, and refused where they are named.

    Of a list of paths the message says what to pass instead.
    """
    with pytest.raises(LayoutError, match="no table of pixels"):
        layout_of(text.encode())
    with pytest.raises(LayoutError, match="UTF-16"):
        layout_of(text.encode("utf-16"))


@pytest.mark.parametrize("name", ["path", "file_name", "Filename", "image"])
def test_of_a_list_of_paths_the_message_says_what_to_pass(name: str) -> None:
    """Files of labels are no INPUT."""
    told = "a list of paths: .* pass the folder of the images as INPUT and this file as --labels"
    with pytest.raises(LayoutError, match=told):
        layout_of(f"{name},label\n0/1.png,7\n".encode())
