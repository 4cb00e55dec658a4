"""The rows of a predictions file, found by its own name or by that of its report or night."""

from pathlib import Path

import pytest

from mnist_batch.errors import PredictionsError
from mnist_batch.evaluation.comparison.predicted_rows import predictions_file, read_rows
from tests.support.dataset_folders import write_dataset
from tests.support.predictions_files import write_predictions


@pytest.mark.parametrize("suffix", ["parquet", "csv"])
def test_both_formats_are_read(tmp_path: Path, suffix: str) -> None:
    """With the columns by which images are known; a row without a digit has -1."""
    path = tmp_path / f"out.{suffix}"
    write_predictions(
        path, [1, None, 3], [None, 2, 4], further={"path": ["x", None, "x"], "other": [1, 2, 3]}
    )
    rows = read_rows(path)
    assert rows.labels.tolist() == [1, -1, 3]
    assert rows.predictions.tolist() == [-1, 2, 4]
    assert rows.has("path")
    first, missing, third = rows.keys["path"].tolist()
    assert first == third != missing == -1
    assert not rows.has("content")
    assert not rows.has("other")


def test_a_column_without_a_value_is_not_there(tmp_path: Path) -> None:
    """Nothing can be known by it."""
    path = write_predictions(
        tmp_path / "out.parquet", [1, 2], [1, 2], further={"path": [None, None]}
    )
    assert not read_rows(path).has("path")


def test_a_folder_of_predictions_is_read_as_one(tmp_path: Path) -> None:
    """So it is by the name of its report beside it."""
    folder = write_dataset(tmp_path / "runs.5", [([1, 2], [1, None]), ([3], [3])])
    (tmp_path / "runs.5.report").mkdir()
    for named in (folder, tmp_path / "runs.5.report"):
        rows = read_rows(named)
        assert (rows.path, rows.predictions.tolist()) == (folder, [1, -1, 3])


def test_a_report_stands_for_the_predictions_beside_it(tmp_path: Path) -> None:
    """Parquet or CSV."""
    for suffix in ("parquet", "csv"):
        path = write_predictions(tmp_path / f"{suffix}.{suffix}", [1], [1])
        (tmp_path / f"{suffix}.report").mkdir()
        assert predictions_file(tmp_path / f"{suffix}.report") == path


def test_the_folder_of_a_night_stands_for_its_predictions(tmp_path: Path) -> None:
    """As `mnist-batch nightly` writes it."""
    night = tmp_path / "2026-11-27"
    night.mkdir()
    path = write_predictions(night / "predictions.parquet", [1], [1])
    assert predictions_file(night) == path


def test_a_folder_without_predictions_is_refused(tmp_path: Path) -> None:
    """The message says what was expected."""
    with pytest.raises(PredictionsError, match="is a folder without predictions; expected"):
        predictions_file(tmp_path)
