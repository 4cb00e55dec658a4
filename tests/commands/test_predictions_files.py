"""Finding the predictions files that a user names."""

from pathlib import Path

import pytest

from mnist_batch.commands.predictions_files import find_predictions
from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS, part_name
from tests.support.dataset_folders import write_dataset
from tests.support.predictions_files import write_predictions


def _write(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_predictions(path, [1], [1])


def test_a_folder_means_the_predictions_right_in_it(tmp_path: Path) -> None:
    """In natural order; neither labels, nor hidden files, nor a report's tables."""
    expected = [_write(tmp_path / name) for name in ("2.csv", "10.csv")]
    (tmp_path / "labels.csv").write_text("file_name,label\na,1\n")
    (tmp_path / "notes.txt").write_text("")
    _write(tmp_path / ".hidden.csv")
    _write(tmp_path / "2.report" / "mistakes.csv")
    assert find_predictions([tmp_path]) == expected


def test_a_folder_that_predict_wrote_is_one(tmp_path: Path) -> None:
    """Its parts are no files of their own; where it is not whole, its reader says so."""
    folder = write_dataset(tmp_path / "all", [([1], [1]), ([2], [2])])
    assert find_predictions([f"{folder}/"]) == [folder]
    (folder / SUCCESS).unlink()
    assert find_predictions([folder]) == [folder]


def test_a_folder_that_spark_wrote_is_one_of_files(tmp_path: Path) -> None:
    """It has a mark of the same name, no manifest, and longer names."""
    folder = write_dataset(tmp_path / "all", [([1], [1]), ([2], [2])])
    (folder / MANIFEST).unlink()
    spark = [folder / f"part-{number:05}-0b5c-c000.snappy.parquet" for number in range(2)]
    for number, path in enumerate(spark):
        (folder / part_name(number)).rename(path)
    assert find_predictions([folder]) == spark


@pytest.mark.parametrize("lost", [[MANIFEST], [MANIFEST, SUCCESS], [MANIFEST, SUCCESS, "b.csv"]])
def test_parts_that_no_run_has_finished_are_refused(tmp_path: Path, lost: list[str]) -> None:
    """Nobody knows how many there are to be, whatever lies beside them."""
    folder = write_dataset(tmp_path / "all", [([1], [1]), ([2], [2])])
    _write(folder / "b.csv")
    for name in lost:
        (folder / name).unlink()
    with pytest.raises(PredictionsError, match=r"/all: is not whole: _manifest\.json and _SUCCESS"):
        find_predictions([folder])


def test_a_glob_matches_in_natural_order(tmp_path: Path) -> None:
    """As 'runs/*/predictions.parquet'; what is named keeps its order."""
    second, tenth = (_write(tmp_path / f"{n}" / "predictions.parquet") for n in (2, 10))
    glob = f"{tmp_path}/*/predictions.parquet"
    assert find_predictions([glob]) == [second, tenth]
    assert find_predictions([tenth, str(second)]) == [tenth, second]


def test_a_file_of_the_name_of_a_glob_is_the_file(tmp_path: Path) -> None:
    """Brackets may be in names."""
    path = _write(tmp_path / "a[1].csv")
    assert find_predictions([path]) == [path]


def test_what_cannot_be_meant_is_refused(tmp_path: Path) -> None:
    """Each in a line that says what to name."""
    path = _write(tmp_path / "a.csv")
    for named, text in (
        ([], "no predictions file is named"),
        ([path, tmp_path], "a.csv: is named twice"),
        ([f"{tmp_path}/*.parquet"], "matches no predictions; expected .parquet or .csv"),
    ):
        with pytest.raises(PredictionsError, match=text):
            find_predictions(named)
    (tmp_path / "empty").mkdir()
    with pytest.raises(PredictionsError, match="empty: no predictions right in this folder"):
        find_predictions([tmp_path / "empty"])
    _write(tmp_path / "a.parquet")
    with pytest.raises(PredictionsError, match=r"\(a.csv, a.parquet\), which may be the same"):
        find_predictions([tmp_path])
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(PredictionsError, match=r"b\.csv cannot be read"):
        find_predictions([tmp_path])
