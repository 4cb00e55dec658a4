"""Labels that come after the predictions."""

from pathlib import Path

import pyarrow as pa
import pytest

from mnist_batch.errors import LabelError
from mnist_batch.evaluation.late_labels import LateLabels
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.schema import PREDICTIONS

_OUT = Path("out.parquet")


def _batch(sources: list[str], rows: list[int], label: int | None = 5) -> pa.RecordBatch:
    count = len(sources)
    columns = [
        pa.array(sources),
        pa.array(rows, pa.int64()),
        pa.array([label] * count, pa.int8()),
        pa.array([1] * count, pa.int8()),
        pa.array([0.5] * count, pa.float32()),
        pa.array([False] * count),
        pa.nulls(count, pa.string()),
    ]
    return pa.record_batch(columns, schema=PREDICTIONS)


def _labels(folder: Path, text: str) -> LateLabels:
    path = folder / "late.csv"
    path.write_text(text)
    return LateLabels(path)


def test_they_alone_count(tmp_path: Path) -> None:
    """By source and row, in any order; a row that has none loses the one it had."""
    labels = _labels(tmp_path, "source,row,label\nb,1,7\na,0,3\n'=c,0,1\n")
    batch = labels.label(_batch(["a", "a", "b", "=c"], [0, 1, 1, 0]), _OUT)
    assert batch.schema == PREDICTIONS
    assert batch.column("label").to_pylist() == [3, None, 7, 1]
    (note,) = labels.notes()
    assert note == f"{tmp_path / 'late.csv'} labels 3 of 4 images; it has no line for 'a', row 1"


def test_lines_for_no_image_are_counted_and_the_first_is_shown(tmp_path: Path) -> None:
    """So that rows that lack are told from names that are wrong."""
    labels = _labels(tmp_path, "file_name,label\nb,7\nd/x,1\na,3\nd/y,4\n")
    labels.label(_batch(["a", "c", "b"], [0, 0, 0]), _OUT)
    labels.label(_batch(["bb"], [0]), _OUT)
    assert labels.notes() == [
        f"{tmp_path / 'late.csv'} labels 2 of 4 images; it has no line for 'bb'; lines for none of "
        "the images: 2, the first (line 3) for 'd/x'"
    ]


def test_names_of_images_are_enough_where_each_is_a_file(tmp_path: Path) -> None:
    """Several rows of one source need the column row."""
    text = "file_name,label\na.png,3\n"
    labels = _labels(tmp_path, text)
    assert labels.label(_batch(["a.png"], [0]), _OUT).column("label").to_pylist() == [3]
    assert labels.notes() == []
    with pytest.raises(LabelError, match="no column row, which labels of"):
        labels.label(_batch(["a.png", "a.png"], [0, 1]), _OUT)


def test_a_bad_label_is_refused_with_advice_for_evaluate(tmp_path: Path) -> None:
    """Which reads no images: it scores the labels of the predictions instead."""
    with pytest.raises(LabelError, match=r"'x' is not a digit .*; correct it, or evaluate without"):
        _labels(tmp_path, "file_name,label\na.png,x\n")


def test_one_image_is_no_images(tmp_path: Path) -> None:
    """Nor is it in the note of `predict`, which is the same."""
    (tmp_path / "late.csv").write_text("file_name,label\n")
    file = LabelFile(tmp_path / "late.csv")
    assert file.note(0, 1) == f"{tmp_path / 'late.csv'} labels 0 of 1 image"


def test_labels_of_nothing_are_refused_by_a_line_that_shows_names(tmp_path: Path) -> None:
    """Those of the file beside those of the predictions."""
    labels = _labels(tmp_path, "file_name,label\nscans/1.png,3\n")
    labels.label(_batch(["1.png"], [0]), _OUT)
    with pytest.raises(LabelError) as error:
        labels.notes()
    assert str(error.value) == (
        f"{tmp_path / 'late.csv'}: labels none of the predictions (1); it names images as "
        "'scans/1.png', they as '1.png'; name images as the column source does"
    )
    labels = _labels(tmp_path, "file_name,label\n")
    labels.label(_batch(["1.png"], [0]), _OUT)
    with pytest.raises(LabelError, match="it names no image, they as"):
        labels.notes()
