"""Digits are read split by split; what has no label at all is not tested on."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from mnist_batch.errors import LabelError
from mnist_batch.options import ReadOptions
from mnist_batch.synthetic.generator import write_parquet
from mnist_batch.training.digits import read_digits


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder named `digits` with 30 digits to train on and 20 to test on."""
    folder = tmp_path / "digits"
    folder.mkdir()
    write_parquet(folder / "train.parquet", 30, seed=1)
    write_parquet(folder / "test.parquet", 20, seed=2)
    return folder


def test_both_splits_are_read(folder: Path) -> None:
    """They are named by the last part of the path alone: a model file goes to other people."""
    digits = read_digits(str(folder), ReadOptions(), None)
    assert (digits.name, digits.rows, digits.notes) == ("digits", 30, [])
    assert digits.test is not None
    assert len(digits.test.labels) == 20
    assert digits.test_inputs == [str(folder / "test.parquet")]


def test_a_test_split_without_labels_is_left_out(folder: Path) -> None:
    """With a note; where a single row has a label, those without one are an error."""
    table = pq.read_table(folder / "test.parquet")
    pq.write_table(table.drop_columns(["label"]), folder / "test.parquet")
    digits = read_digits(str(folder), ReadOptions(), None)
    assert (digits.test, digits.test_inputs) == (None, [])
    assert digits.notes == [
        "the model is complete, but not tested: no row of test.parquet has a label"
    ]
    place, labels = table.schema.get_field_index("label"), table["label"].to_pylist()
    pq.write_table(
        table.set_column(place, "label", [[labels[0], *[None] * 19]]), folder / "test.parquet"
    )
    with pytest.raises(LabelError, match=r"test\.parquet, row 1: no label"):
        read_digits(str(folder), ReadOptions(), None)
