"""A report is in its folder whole, or the folder is as it was."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_batch.errors import OutputError
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.evaluation.report import FILES, Report
from mnist_batch.evaluation.samples import Samples
from mnist_batch.mnist import CLASSES
from tests.support.full_disk import limited_file_size
from tests.support.report_files import REPORT_FILES

RUN: dict[str, Any] = {"version": "1.0", "model": {"name": "MNIST.h5"}, "elapsed_s": 1.5}
HISTORY = {"loss": [0.5, 0.25], "val_loss": [0.75, 0.5]}

# Digit 4 is never predicted, 5 has no samples but is predicted, 6 has neither.
COUNTS = np.diag([9, 9, 9, 9, 0, 0, 0, 9, 9, 9]).astype(np.int64)
COUNTS[4, 5] = 2

WITH_LABELS = Metrics(
    rows=100,
    labelled=70,
    prepared=4,
    errors_by_reason={"not an image": 5, "too large": 1},
    predictions=(11, 11, 11, 11, 11, 11, 7, 7, 7, 7),
    confusion_matrix=COUNTS,
    log_loss=0.25,
    brier=0.5,
    calibration_error=0.125,
)
WITHOUT_LABELS = replace(
    WITH_LABELS,
    labelled=0,
    confusion_matrix=np.zeros_like(COUNTS),
    log_loss=None,
    brier=None,
    calibration_error=None,
)

PLACES = np.arange(2, dtype=np.int64)
SAMPLES = Samples(PLACES, ["a", "a"], PLACES, [1, 2], [1, 3], np.zeros((2, 28, 28), np.uint8))


def write(folder: Path, metrics: Metrics = WITH_LABELS, *, overwrite: bool = False) -> Report:
    """Write a report with samples and return it."""
    report = Report(folder, overwrite=overwrite)
    report.stage(metrics, SAMPLES, RUN)
    report.commit()
    return report


def names(folder: Path) -> set[str]:
    """Return the names of all files in a folder."""
    return {path.name for path in folder.iterdir()}


def rows(path: Path) -> list[list[str]]:
    """Return the rows of a CSV file."""
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_with_labels_the_scores_are_written(tmp_path: Path) -> None:
    """And named by `files`, which is empty before the commit."""
    report = Report(tmp_path / "report", overwrite=False)
    report.stage(WITH_LABELS, SAMPLES, RUN)
    assert report.files == []
    report.commit()
    assert names(tmp_path / "report") == REPORT_FILES
    assert set(report.files) == {tmp_path / "report" / name for name in REPORT_FILES}


def test_without_labels_the_predictions_are_drawn(tmp_path: Path) -> None:
    """There is nothing to score."""
    write(tmp_path / "report", WITHOUT_LABELS)
    assert names(tmp_path / "report") == {"metrics.json", "predictions.png", "samples.png"}


def test_pictures_are_pictures(tmp_path: Path) -> None:
    """Each PNG can be opened."""
    for path in write(tmp_path).files:
        if path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
                assert image.format == "PNG"


@pytest.mark.parametrize("samples", [None, replace(SAMPLES, images=None)])
def test_samples_without_images_are_not_drawn(tmp_path: Path, samples: Samples | None) -> None:
    """The rest of the report is written."""
    report = Report(tmp_path, overwrite=False)
    report.stage(WITH_LABELS, samples, None)
    report.commit()
    assert names(tmp_path) == REPORT_FILES - {"samples.png"}


def test_metrics_json_holds_every_number(tmp_path: Path) -> None:
    """In a fixed order of keys, with the run as it was passed in."""
    write(tmp_path)
    record = json.loads((tmp_path / "metrics.json").read_text())
    assert list(record) == [
        "rows",
        "labelled",
        "scored",
        "prepared",
        "errors",
        "accuracy",
        "accuracy_interval_95",
        "macro",
        "per_class",
        "log_loss",
        "brier",
        "calibration_error",
        "confusion_matrix",
        "predictions",
        "run",
    ]
    assert (record["rows"], record["labelled"], record["prepared"]) == (100, 70, 4)
    assert record["scored"] == 65
    assert record["errors"] == {"total": 6, "by_reason": {"not an image": 5, "too large": 1}}
    assert record["accuracy"] == 63 / 65
    low, high = record["accuracy_interval_95"]
    assert 0.89 < low < 63 / 65 < high < 1
    # Eight digits have samples; 4 is never right and never predicted.
    assert record["macro"] == {"precision": 1, "recall": 7 / 8, "f1": 7 / 8}
    assert record["per_class"][4] == {
        "digit": 4,
        "support": 2,
        "predicted": 0,
        "precision": None,
        "recall": 0,
        "f1": 0,
    }
    assert (record["log_loss"], record["brier"], record["calibration_error"]) == (0.25, 0.5, 0.125)
    assert record["confusion_matrix"] == COUNTS.tolist()
    assert record["predictions"] == [11, 11, 11, 11, 11, 11, 7, 7, 7, 7]
    assert record["run"] == RUN


def test_what_is_undefined_is_null(tmp_path: Path) -> None:
    """Never 0 and never NaN, which is no JSON."""
    report = Report(tmp_path, overwrite=False)
    report.stage(WITHOUT_LABELS, None, None)
    report.commit()
    record = json.loads((tmp_path / "metrics.json").read_text(), parse_constant=pytest.fail)
    assert record["accuracy"] is record["accuracy_interval_95"] is record["log_loss"] is None
    assert record["macro"] == {"precision": None, "recall": None, "f1": None}
    assert record["run"] is None


def test_the_confusion_table_names_both_directions(tmp_path: Path) -> None:
    """A row per true digit, a column per predicted one."""
    write(tmp_path)
    header, *body = rows(tmp_path / "confusion_matrix.csv")
    assert header == ["true\\predicted", *"0123456789"]
    assert [row[0] for row in body] == list("0123456789")
    assert [[int(cell) for cell in row[1:]] for row in body] == COUNTS.tolist()


def test_the_table_per_class_says_what_is_undefined(tmp_path: Path) -> None:
    """In words that say why."""
    write(tmp_path)
    header, *body = rows(tmp_path / "per_class.csv")
    assert header == ["digit", "support", "predicted", "precision", "recall", "f1"]
    assert len(body) == CLASSES
    assert body[3] == ["3", "9", "9", "1.0", "1.0", "1.0"]
    assert body[4] == ["4", "2", "0", "never predicted", "0.0", "0.0"]
    assert body[5] == ["5", "0", "2", "0.0", "no samples", "no samples"]
    assert body[6] == ["6", "0", "0", "no samples", "no samples", "no samples"]


def test_training_adds_its_history(tmp_path: Path) -> None:
    """As a table with a row per epoch, and as curves."""
    report = Report(tmp_path, overwrite=False)
    report.stage(WITH_LABELS, None, None, HISTORY)
    report.commit()
    assert names(tmp_path) == REPORT_FILES - {"samples.png"} | {
        "history.csv",
        "learning_curves.png",
    }
    assert rows(tmp_path / "history.csv") == [
        ["epoch", "loss", "val_loss"],
        ["1", "0.5", "0.75"],
        ["2", "0.25", "0.5"],
    ]


def test_an_earlier_report_is_not_overwritten_unasked(tmp_path: Path) -> None:
    """One file of it is enough, and nothing is touched."""
    (tmp_path / "per_class.csv").write_text("mine")
    with pytest.raises(OutputError, match="holds a report already"):
        Report(tmp_path, overwrite=False)
    assert names(tmp_path) == {"per_class.csv"}


def test_a_folder_with_other_files_is_taken(tmp_path: Path) -> None:
    """They stay as they are, also with overwrite."""
    (tmp_path / "notes.txt").write_text("mine")
    write(tmp_path)
    write(tmp_path, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_stale_files_of_an_earlier_report_are_removed(tmp_path: Path) -> None:
    """A reader would take them for this report's."""
    report = Report(tmp_path, overwrite=False)
    report.stage(WITH_LABELS, SAMPLES, RUN, HISTORY)
    report.commit()
    write(tmp_path, WITHOUT_LABELS, overwrite=True)
    assert names(tmp_path) == {"metrics.json", "predictions.png", "samples.png"}


def test_until_the_commit_the_earlier_report_stays(tmp_path: Path) -> None:
    """Byte for byte; the new one is hidden."""
    write(tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    report = Report(tmp_path, overwrite=True)
    report.stage(WITHOUT_LABELS, None, None)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before
    assert all(name.startswith(".") for name in names(tmp_path) - set(before))
    report.discard()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_nothing_is_left_of_a_discarded_report(tmp_path: Path) -> None:
    """Neither files nor the folder that was made for them."""
    report = Report(tmp_path / "report", overwrite=False)
    assert names(tmp_path) == set()
    report.stage(WITH_LABELS, SAMPLES, RUN)
    report.discard()
    assert names(tmp_path) == set()


def test_a_folder_that_was_there_stays(tmp_path: Path) -> None:
    """It is not ours to remove."""
    report = Report(tmp_path, overwrite=False)
    report.stage(WITH_LABELS, SAMPLES, RUN)
    report.discard()
    assert names(tmp_path) == set()


def test_discarding_after_the_commit_changes_nothing(tmp_path: Path) -> None:
    """So that it can stand in a `finally`."""
    report = write(tmp_path / "report")
    report.discard()
    assert names(tmp_path / "report") == REPORT_FILES


def test_a_failure_while_staging_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's refusal is one line for the user, and there is no half report."""
    # Another test may have left the process that draws, which has no such limit.
    monkeypatch.setattr("mnist_batch.evaluation.drawing_process._second", None)
    report = Report(tmp_path / "report", overwrite=False)
    with limited_file_size(1000), pytest.raises(OutputError, match=r"\.png.*File too large"):
        report.stage(WITH_LABELS, SAMPLES, RUN)
    assert names(tmp_path) == set()


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """It is refused even with overwrite."""
    (tmp_path / "report").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        Report(tmp_path / "report", overwrite=True)


def test_the_folder_above_must_exist(tmp_path: Path) -> None:
    """As for any other output."""
    with pytest.raises(OutputError, match="create it first"):
        Report(tmp_path / "none" / "report", overwrite=False)


def test_a_folder_in_the_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    """Before anything is computed."""
    (tmp_path / "metrics.json").mkdir()
    with pytest.raises(OutputError, match=r"metrics\.json is a folder"):
        Report(tmp_path, overwrite=True)


def test_every_file_of_a_report_is_among_its_names(tmp_path: Path) -> None:
    """Otherwise it would not be removed when stale."""
    written = set()
    for metrics in (WITH_LABELS, WITHOUT_LABELS):
        report = Report(tmp_path, overwrite=True)
        report.stage(metrics, SAMPLES, RUN, HISTORY)
        report.commit()
        written |= {path.name for path in report.files}
    assert written == set(FILES)
