"""Where the labels of Parquet files come from."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadArguments, ReadOptions


def written(path: Path, **columns: list[Any]) -> Path:
    """Write three images, which need not be any, and further columns."""
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": [b"1", b"2", b"3"], **columns}), path)
    return path


def labels_of(path: Path, reading: ReadArguments | None = None) -> list[int | None]:
    """Return the labels of all rows."""
    return [
        label
        for shard in open_inputs([path], ReadOptions.of(**(reading or {}))).shards
        for batch in shard.read(2)
        for label in batch.label.to_pylist()
    ]


def test_a_folder_of_a_partition_is_the_label(tmp_path: Path) -> None:
    """Of all rows of its files; a column stands before it."""
    written(tmp_path / "label=7" / "a.parquet")
    written(tmp_path / "label=3" / "year=2026" / "b.parquet")
    written(tmp_path / "label=4" / "c.parquet", label=[1, 2, None])
    assert labels_of(tmp_path) == [3] * 3 + [1, 2, None] + [7] * 3
    assert labels_of(tmp_path / "label=7") == [7] * 3
    assert labels_of(tmp_path / "label=7" / "a.parquet") == [7] * 3
    assert labels_of(tmp_path, {"labels": "none"}) == [None] * 9


def test_the_key_of_the_folders_may_be_named(tmp_path: Path) -> None:
    """As a column may; a note says so."""
    written(tmp_path / "digit=7" / "a.parquet")
    written(tmp_path / "digit=3" / "a.parquet")
    opened = open_inputs([tmp_path])
    assert opened.label_note() == (
        "no image has a label: folders are called digit=...: pass --label-column digit"
    )
    assert labels_of(tmp_path, {"label_column": "digit"}) == [3] * 3 + [7] * 3
    with pytest.raises(InputError, match="no column 'gone'; it has image"):
        labels_of(tmp_path, {"label_column": "gone"})


def test_a_partition_that_is_no_digit_is_an_error(tmp_path: Path) -> None:
    """It names the file."""
    path = written(tmp_path / "label=17" / "a.parquet")
    with pytest.raises(LabelError, match=r"label=17/a.parquet: label '17' is not a digit"):
        labels_of(tmp_path)
    assert labels_of(path, {"labels": "none"}) == [None] * 3


def test_the_name_of_a_file_may_be_the_label(tmp_path: Path) -> None:
    """By a pattern; where it does not fit, the column counts."""
    written(tmp_path / "digit7.parquet", label=[1, 2, 3])
    written(tmp_path / "other.parquet", label=[1, 2, 3])
    assert labels_of(tmp_path, {"label_pattern": r"digit(\d)"}) == [7] * 3 + [1, 2, 3]


@pytest.mark.parametrize("name", ["class", "Label", "target", "y", "digit", "labels", "category"])
@pytest.mark.parametrize("kind", [pa.int64(), pa.float64(), pa.string(), pa.decimal128(5, 1)])
def test_a_column_that_looks_like_labels_is_named(
    tmp_path: Path, name: str, kind: pa.DataType
) -> None:
    """Whatever the type of its digits."""
    values = pa.array([7, 3, None], pa.int8()).cast(kind)
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"image": [b"1", b"2", b"3"], "id": [1, 2, 3], name: values}), path)
    assert open_inputs([path]).label_note() == (
        f"no image has a label: the column {name!r} looks like labels: pass --label-column {name}"
    )


def test_where_no_column_looks_so_a_file_is_asked_for(tmp_path: Path) -> None:
    """One that tells rows apart."""
    path = written(tmp_path / "a.parquet", writer=["anna", "ben", None])
    assert open_inputs([path]).label_note() == (
        "no image has a label: pass --labels FILE.csv with the columns source, row and label"
    )
