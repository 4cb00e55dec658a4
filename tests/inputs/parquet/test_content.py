"""What is read of a Parquet file has one meaning, or the file is refused."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.label_file import LabelFile
from tests.support.parquet_files import IMAGES, PNGS, opened, read, with_fixed, write


def test_two_columns_of_another_name_do_no_harm(tmp_path: Path) -> None:
    """Columns that are not read may be called alike."""
    table = pa.Table.from_arrays([pa.array(PNGS), *[pa.array([1, 2, 3])] * 2], ["image", "x", "x"])
    np.testing.assert_array_equal(read(opened(write(tmp_path / "a.parquet", table)))[1], IMAGES)


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([3, None, 9], pa.int64()), pa.array([3, None, 9], pa.uint8()),
        pa.array([3, None, 9], pa.float64()), pa.array(["3", None, "9"]),
        pa.array(["3", None, "9"], pa.string_view()),
        pa.array(["3", None, "9"]).dictionary_encode(),
        pa.array([3, None, 9]).dictionary_encode(),
    ],
    ids=lambda labels: str(labels.type),
)  # fmt: skip
def test_label_columns_of_any_type_are_read(tmp_path: Path, labels: pa.Array) -> None:
    """Integers, floats, text and dictionaries of them are labels, by any name of the column."""
    for name, option in (("label", None), ("y", "y")):
        path = write(tmp_path / "a.parquet", {"image": PNGS, name: labels})
        for batch_size in (1, 3):
            rows, _ = read(opened(path, label_column=option), batch_size)
            assert [label for _, label, _ in rows] == [3, None, 9]


def test_labels_of_another_type_are_an_error(tmp_path: Path) -> None:
    """A column of booleans or of structs holds no labels."""
    for labels in ([True, False, None], [{"a": 1}] * 3, [[1]] * 3):
        path = write(tmp_path / "a.parquet", {"image": PNGS, "label": labels})
        with pytest.raises(LabelError, match=r"a\.parquet, row 0, column label: labels of type "):
            read(opened(path))


@pytest.mark.parametrize("length", [4, 2**31 - 1])
def test_labels_of_another_type_are_not_read(tmp_path: Path, length: int) -> None:
    """For values of a fixed length Arrow takes memory before there is any: 2 GiB for each null."""
    path = with_fixed(tmp_path / "a.parquet", "label", length)
    text = rf"a\.parquet, row 0, column label: labels of type fixed_size_binary\[{length}\]; "
    with pytest.raises(LabelError, match=text):
        opened(path)
    rows, _ = read(opened(path, unlabelled=True))
    assert rows == [(row, None, None) for row in range(3)]


def test_labels_of_no_rows_may_have_any_type(tmp_path: Path) -> None:
    """Where there is no row, there is no label that is wrong."""
    table = pa.table({"image": PNGS, "label": [True] * 3})
    assert opened(write(tmp_path / "a.parquet", table.slice(0, 0))) == []


def test_label_file_must_tell_rows_apart(tmp_path: Path) -> None:
    """Labels of Parquet rows need the column row."""
    path = write(tmp_path / "a.parquet", {"image": PNGS})
    csv = tmp_path / "labels.csv"
    csv.write_text("file_name,label\na,1\n")
    with pytest.raises(LabelError, match=r"labels\.csv: no column row"):
        opened(path, label_file=LabelFile(csv))
