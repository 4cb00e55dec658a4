"""CSV files are read in shards, plain and packed; damage costs the rows from there on."""

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_batch.decoding.decode import decode_batch
from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.inputs.tables import csv_files, csv_lines
from mnist_batch.options import ReadOptions
from tests.support.forms.form import IMAGES, LABELS
from tests.support.forms.tables import KAGGLE, PIXELS, csv, csv_text

TEXT = csv_text(LABELS, PIXELS, header=["label", *KAGGLE]).encode()


@pytest.fixture(autouse=True)
def _small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (csv_files, csv_lines):
        monkeypatch.setattr(module, "SHARD_ROWS", 30)


def rows_of(
    path: Path, batch_size: int = 7
) -> tuple[NDArray[np.uint8], list[int | None], list[str | None]]:
    """Return images, labels and errors of all rows, which are counted on from 0."""
    images, labels, errors, rows = [], list[Any](), list[Any](), list[int]()
    for shard in open_inputs([path]).shards:
        for batch in shard.read(batch_size):
            assert 0 < len(batch) <= batch_size
            images.append(decode_batch(batch).images)
            labels += batch.label.to_pylist()
            errors += batch.error.to_pylist()
            rows += batch.row.to_pylist()
    assert rows == [*range(len(rows))]
    return np.concatenate(images), labels, errors


@pytest.mark.parametrize("name", ["digits.csv", "digits.csv.gz"])
@pytest.mark.parametrize("batch_size", [1, 7, 1000])
def test_all_rows_come_once_in_order(tmp_path: Path, name: str, batch_size: int) -> None:
    """Whatever the batches and the shards."""
    path = csv(LABELS, PIXELS, header=["label", *KAGGLE], name=name)(tmp_path)
    images, labels, errors = rows_of(path, batch_size)
    np.testing.assert_array_equal(images, IMAGES)
    assert labels == LABELS.tolist()
    assert set(errors) == {None}


def test_rows_after_a_truncation_cost_one_row(tmp_path: Path) -> None:
    """Nobody knows how many there were; those before are read."""
    path = tmp_path / "digits.csv.gz"
    content = gzip.compress(TEXT)
    path.write_bytes(content[: len(content) // 2])
    images, labels, errors = rows_of(path)
    count = len(errors) - 1
    assert 20 < count < 80
    assert errors[:count] == [None] * count
    assert "it ends too soon" in str(errors[-1])
    np.testing.assert_array_equal(images[:count], IMAGES[:count])
    assert labels == [*LABELS[:count].tolist(), None]


def test_a_cut_off_line_costs_its_row(tmp_path: Path) -> None:
    """Where a plain file was cut."""
    (tmp_path / "digits.csv").write_bytes(TEXT[:-100])
    _, _, errors = rows_of(tmp_path / "digits.csv")
    assert errors[:99] == [None] * 99
    assert str(errors[99]).startswith("bad pixels: a line of ")


def test_a_bad_label_ends_the_run_and_says_where(tmp_path: Path) -> None:
    """By the row and the name of the column."""
    labels = LABELS.astype(str)
    labels[45] = "cat"
    path = csv(labels, PIXELS, header=["label", *KAGGLE])(tmp_path)
    with pytest.raises(LabelError, match=r"digits\.csv, row 45, column label: label 'cat'"):
        rows_of(path)


def test_columns_can_be_kept_and_another_be_the_label(tmp_path: Path) -> None:
    """Those that are neither pixels nor labels are text."""
    header = ["label", "desk", "other", *KAGGLE]
    path = csv(LABELS, ["A", "B"] * 50, 9 - LABELS, PIXELS, header=header)(tmp_path)
    opened = open_inputs([path], ReadOptions(label_column="other", keep_columns=("desk",)))
    batch = next(opened.shards[0].read(100))
    assert batch.label.to_pylist() == (9 - LABELS).tolist()[: len(batch)]
    assert batch.kept is not None
    assert batch.kept.column("desk").to_pylist()[:4] == ["A", "B", "A", "B"]


def test_smaller_pictures_are_resized(tmp_path: Path) -> None:
    """64 columns are 8x8, whose white is 16, as in scikit-learn's digits."""
    from sklearn.datasets import load_digits

    digits = load_digits(as_frame=True)
    digits.frame.head(20).to_csv(tmp_path / "d.csv", index=False)
    batch = next(open_inputs([tmp_path / "d.csv"]).shards[0].read(20))
    assert batch.images[0].as_py().startswith(b"P5 8 8 255\n")
    whites = np.frombuffer(batch.images[3].as_py()[11:], np.uint8)
    np.testing.assert_array_equal(whites, np.rint(digits.data.iloc[3] * 255 / 16))
    assert batch.label.to_pylist() == digits.target.head(20).tolist()


@pytest.mark.parametrize("content", [b"", b"a,b\n1,2\n", gzip.compress(b"a,b\n", mtime=0)])
def test_what_is_no_table_is_one_line(tmp_path: Path, content: bytes) -> None:
    """Named, it is refused; in a folder, passed over."""
    path = tmp_path / ("digits.csv.gz" if content[:1] == b"\x1f" else "digits.csv")
    path.write_bytes(content)
    with pytest.raises(InputError, match="no table of pixels") as caught:
        open_inputs([path])
    assert str(caught.value).startswith(f"{path}: ")
    with pytest.raises(InputError, match="only files of other kinds"):
        open_inputs([tmp_path])


def test_a_folder_of_tables_is_read_without_other_csv_files(tmp_path: Path) -> None:
    """As Kaggle's, which has a sample of what to send in."""
    csv(LABELS, PIXELS, header=["label", *KAGGLE], name="train.csv")(tmp_path)
    csv(PIXELS, header=KAGGLE, name="test.csv")(tmp_path)
    csv([1, 2], [0, 0], header=["ImageId", "Label"], name="sample_submission.csv")(tmp_path)
    opened = open_inputs([tmp_path])
    assert opened.rows == 200
    assert opened.passed_over == {".csv": 1}


def test_memory_is_that_of_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A packed file of 37 MB of text, in less than 24 MB."""
    for module in (csv_files, csv_lines):
        monkeypatch.setattr(module, "SHARD_ROWS", 8192)
    (tmp_path / "d.csv.gz").write_bytes(gzip.compress(b"1" + b",100" * 784 + b"\n", 1) * 12_000)
    tracemalloc.start()
    try:
        for shard in open_inputs([tmp_path / "d.csv.gz"]).shards:
            for _ in shard.read(500):
                pass
        assert tracemalloc.get_traced_memory()[1] < 24 * 2**20
    finally:
        tracemalloc.stop()
