"""Labels from the names of folders."""

from pathlib import Path

import pyarrow as pa
import pytest

from mnist_batch.inputs.labelling.folders import folder_labels, partition_values


def test_folder_names_are_labels_by_value() -> None:
    """The own folder's name counts where it is one digit, by value and never by rank."""
    paths = ["a/7/x.png", "a/3/x.png", "a/3/raw/x.png", "a/07/x.png", "a/10/x.png", "a/٣/x.png"]
    assert folder_labels(paths).to_pylist() == [7, 3, None, None, None, None]
    assert folder_labels([]).type == pa.int8()


def test_name_of_a_folder_that_cannot_be_read_is_no_label() -> None:
    """What its images are nobody knows."""
    assert folder_labels(["in/7/", "in/7/a.png", "in/7/", "7/"]).to_pylist() == [
        None,
        7,
        None,
        None,
    ]


def test_folder_of_a_bare_name_is_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a working directory named 4, x.png and ./x.png are fours."""
    (tmp_path / "4").mkdir()
    monkeypatch.chdir(tmp_path / "4")
    assert folder_labels(["x.png", "./x.png", "../x.png"]).to_pylist() == [4, 4, None]


def test_folders_of_partitions_name_values() -> None:
    """`key=value` anywhere above the file, percent-encoded; Hive's null is null."""
    paths = [
        "/in/label=7/a.parquet", "/in/label=3/year=2026/a.parquet", "/in/other=1/a.parquet",
        "/in/label=%37/a.parquet", "/in/label=__HIVE_DEFAULT_PARTITION__/a", "/in/label=1.parquet",
    ]  # fmt: skip
    assert partition_values(paths, "label").to_pylist() == ["7", "3", None, "7", None, None]
    assert partition_values(paths, "other").to_pylist() == [None, None, "1", None, None, None]
