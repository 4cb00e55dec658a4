"""A folder of predictions is read as one table, and refused where it is not what it says."""

import json
import shutil
from pathlib import Path

import pytest

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS, part_name
from mnist_batch.outputs.reader import PredictionsFile
from tests.support.dataset_folders import write_dataset

RECORD = {
    "options": {"sample_seed": 7, "prepare": "never"},
    "elapsed_s": 1.5,
    "images_per_s": None,
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Five rows in two parts."""
    return write_dataset(tmp_path / "all", [([1, 2], [1, None]), ([3, 4, 5], [3, 4, 0])], RECORD)


def _rows(folder: Path) -> list[int]:
    with PredictionsFile(folder) as file:
        return [row for batch in file.batches() for row in batch.column("row").to_pylist()]


def _check(folder: Path) -> None:
    with PredictionsFile(folder) as file:
        file.check()


def test_rows_come_part_by_part_in_order(folder: Path) -> None:
    """With the record of the run, which no part has."""
    assert _rows(folder) == [0, 1, 2, 3, 4]
    with PredictionsFile(folder) as file:
        assert file.run == RECORD
        labels = [label for batch in file.batches() for label in batch["label"].to_pylist()]
    assert labels == [1, 2, 3, 4, 5]


def test_a_file_that_no_part_is_does_not_count(folder: Path) -> None:
    """The manifest says what belongs to the folder."""
    shutil.copy(folder / part_name(0), folder / f"copy of {part_name(0)}")
    assert _rows(folder) == [0, 1, 2, 3, 4]


def test_a_missing_part_is_named(folder: Path) -> None:
    """Before any row is read: a night is held against the whole folder, or refused."""
    (folder / part_name(1)).unlink()
    with pytest.raises(
        PredictionsError, match=r"part-00001\.parquet: is missing, and _manifest\.json names it"
    ):
        PredictionsFile(folder)


def test_a_part_with_other_rows_is_named(folder: Path) -> None:
    """As one of another run, copied over it."""
    shutil.copy(folder / part_name(0), folder / part_name(1))
    with pytest.raises(
        PredictionsError, match=r"part-00001\.parquet: has 2 rows, and _manifest\.json says 3"
    ):
        _rows(folder)


def test_a_damaged_part_is_named(folder: Path) -> None:
    """In one line, whatever Arrow says."""
    (folder / part_name(1)).write_bytes(b"PAR1 no more")
    for read in (_rows, _check):
        with pytest.raises(
            PredictionsError, match=r"part-00001\.parquet cannot be read: .*damaged"
        ):
            read(folder)


def test_a_folder_that_is_replaced_meanwhile_ends_the_reading(folder: Path, tmp_path: Path) -> None:
    """Rows of two runs are never mixed without a word."""
    with PredictionsFile(folder) as file:
        batches = file.batches()
        next(batches)
        folder.rename(tmp_path / "old")
        write_dataset(folder, [([1, 2], [1, None]), ([3, 4, 5], [3, 4, 0])])
        with pytest.raises(PredictionsError, match="was changed while it was read; try again"):
            list(batches)


def test_a_folder_that_is_not_whole_is_refused(folder: Path) -> None:
    """It may be being copied."""
    (folder / SUCCESS).unlink()
    with pytest.raises(PredictionsError, match="all: is not whole"):
        PredictionsFile(folder)


def test_a_shard_without_parts_says_so(folder: Path) -> None:
    """Where there are more shards than parts."""
    manifest = json.loads((folder / MANIFEST).read_text()) | {"parts": [], "shard": "3/3"}
    for part in folder.glob("part-*"):
        part.unlink()
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(PredictionsError, match=r"all: shard 3/3 of 2 parts has none; name"):
        PredictionsFile(folder)


def test_a_record_of_another_shape_is_none(tmp_path: Path) -> None:
    """Of a file anybody may have written."""
    folder = write_dataset(tmp_path / "all", [([1], [1])], {"options": []})
    with PredictionsFile(folder) as file:
        assert file.run is None
