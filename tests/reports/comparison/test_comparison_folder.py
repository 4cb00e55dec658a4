"""The folder of a comparison: its page, all rows that changed, and all numbers."""

import csv
import json
from pathlib import Path

from mnist_batch.evaluation.comparison.comparing import Compared, compare_predictions
from mnist_batch.reports.comparison.comparison_folder import FILES, write_comparison
from mnist_batch.schema import Classes
from tests.support.class_comparison import class_comparison
from tests.support.class_predictions import GARMENTS
from tests.support.predictions_files import write_predictions


def compared(tmp_path: Path) -> Compared:
    """Return a comparison of two rows, of which one is newly wrong."""
    base = write_predictions(tmp_path / "base.parquet", [4, 5], [4, 5], sources=["=1", "b"])
    new = write_predictions(tmp_path / "new.parquet", [4, 5], [9, 5], sources=["=1", "b"])
    return compare_predictions(base, new)


def test_the_folder_holds_three_files(tmp_path: Path) -> None:
    """And nothing else."""
    folder = tmp_path / "comparison"
    folder.mkdir()
    written = write_comparison(folder, compared(tmp_path))
    assert [path.name for path in written] == list(FILES)
    assert sorted(folder.iterdir()) == sorted(written)


def test_the_table_lists_the_rows_that_changed(tmp_path: Path) -> None:
    """A name that a spreadsheet would run as a formula has a `'` before it."""
    write_comparison(tmp_path, compared(tmp_path))
    with (tmp_path / "changes.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    assert row == {
        "change": "newly wrong",
        "source": "'=1",
        "row": "0",
        "label": "4",
        "base_prediction": "4",
        "new_prediction": "9",
        "base_confidence": "0.75",
        "new_confidence": "0.75",
        "prepared": "false",
        "error": "",
        "base_source": "'=1",
        "base_row": "0",
    }


def test_the_record_holds_all_numbers(tmp_path: Path) -> None:
    """The comparison, what is not as in the base, and the two files."""
    write_comparison(tmp_path, compared(tmp_path), changed=["the model is another"])
    record = json.loads((tmp_path / "comparison.json").read_text())
    assert record["verdict"] == "too few rows to tell"
    assert record["overall"]["newly_wrong"] == 1
    assert record["newly_confused"] == [[4, 9, 1]]
    assert record["changed"] == ["the model is another"]
    assert record["base"]["file"] == str(tmp_path / "base.parquet")
    assert record["new"]["images_per_s"] is None


def test_classes_that_are_not_the_digits_are_called_classes(tmp_path: Path) -> None:
    """By number, and by name where they have names; the table has columns of names too."""
    write_comparison(tmp_path, class_comparison(GARMENTS, 500))
    record = json.loads((tmp_path / "comparison.json").read_text())
    assert record["class_names"] == list(GARMENTS.names or ())
    assert [(one["class"], one["name"]) for one in record["per_class"]] == [
        *enumerate(record["class_names"])
    ]
    assert set(record) & {"per_digit", "regressed_digits", "classes"} == set()
    assert "digit" not in record["overall"]
    with (tmp_path / "changes.csv").open(newline="") as file:
        row = next(csv.DictReader(file))
    assert row["label_name"] == GARMENTS.name(int(row["label"]))
    write_comparison(tmp_path, class_comparison(Classes(12), 500))
    record = json.loads((tmp_path / "comparison.json").read_text())
    assert ("class_names" in record, record["per_class"][11]["class"]) == (False, 11)
