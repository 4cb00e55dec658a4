"""A report is in its folder whole, or the folder is as it was."""

import contextlib
import csv
import errno
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.evaluation.samples import Samples
from mnist_batch.evaluation.slices import Slice
from mnist_batch.mnist import CLASSES
from mnist_batch.reports.report import FILES, Report
from tests.support.example_metrics import evaluation_of
from tests.support.full_disk import limited_file_size
from tests.support.parsed_page import ParsedPage, missing_targets
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
IMAGES = np.zeros((2, 28, 28), np.uint8)
SAMPLES = Samples(PLACES, ["a", "a"], PLACES, [1, 2], [1, 3], [0.9, 0.5], IMAGES)
NO_SAMPLES = replace(SAMPLES, images=None)


def write(folder: Path, metrics: Metrics = WITH_LABELS, *, overwrite: bool = False) -> Report:
    """Write a report with samples and return it."""
    with Report(folder, overwrite=overwrite) as report:
        report.stage(evaluation_of(metrics, SAMPLES), RUN)
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
    with Report(tmp_path / "report", overwrite=False) as report:
        report.stage(evaluation_of(WITH_LABELS, SAMPLES), RUN)
        assert report.files == []
        report.commit()
    assert report.missing == {}
    assert names(tmp_path / "report") == REPORT_FILES
    assert set(report.files) == {tmp_path / "report" / name for name in REPORT_FILES}


UNLABELLED_FILES = {"metrics.json", "index.html", "predictions.png", "samples.png"}


def test_without_labels_the_predictions_are_drawn(tmp_path: Path) -> None:
    """There is nothing to score."""
    write(tmp_path / "report", WITHOUT_LABELS)
    assert names(tmp_path / "report") == UNLABELLED_FILES


@pytest.mark.parametrize("metrics", [WITH_LABELS, WITHOUT_LABELS])
def test_the_page_leads_to_files_of_the_report_alone(tmp_path: Path, metrics: Metrics) -> None:
    """And to its own parts."""
    write(tmp_path, metrics)
    page = ParsedPage((tmp_path / "index.html").read_text(encoding="utf-8"))
    assert page.unclosed == []
    assert "metrics.json" in page.links
    assert missing_targets(page, tmp_path) == set()


def test_pictures_are_pictures(tmp_path: Path) -> None:
    """Each PNG can be opened."""
    for path in write(tmp_path).files:
        if path.suffix == ".png":
            with Image.open(path) as image:
                image.load()
                assert image.format == "PNG"


def test_samples_without_images_are_not_drawn(tmp_path: Path) -> None:
    """The rest of the report is written."""
    with Report(tmp_path, overwrite=False) as report:
        report.stage(evaluation_of(WITH_LABELS, NO_SAMPLES), None)
        report.commit()
    assert names(tmp_path) == REPORT_FILES - OF_IMAGES


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
        "mean_confidence",
        "reliability",
        "risk_coverage",
        "confusion_matrix",
        "predictions",
        "run",
        "slices",
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
    with Report(tmp_path, overwrite=False) as report:
        report.stage(evaluation_of(WITHOUT_LABELS, NO_SAMPLES), None)
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
    with Report(tmp_path, overwrite=False) as report:
        report.stage(evaluation_of(WITH_LABELS, NO_SAMPLES), None, history=HISTORY)
        report.commit()
    assert names(tmp_path) == REPORT_FILES - OF_IMAGES | {
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
    with Report(tmp_path, overwrite=False) as report:
        report.stage(evaluation_of(WITH_LABELS, SAMPLES), RUN, history=HISTORY)
        report.commit()
    write(tmp_path, WITHOUT_LABELS, overwrite=True)
    assert names(tmp_path) == UNLABELLED_FILES


def contents(folder: Path) -> dict[str, bytes]:
    """Return what the files in a folder hold, hidden ones too."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_until_the_commit_the_earlier_report_stays(tmp_path: Path) -> None:
    """Byte for byte; the new one is hidden."""
    write(tmp_path)
    before = contents(tmp_path)
    with Report(tmp_path, overwrite=True) as report:
        report.stage(evaluation_of(WITHOUT_LABELS, NO_SAMPLES), None)
        assert {name: (tmp_path / name).read_bytes() for name in before} == before
        assert all(name.startswith(".") for name in names(tmp_path) - set(before))
    assert contents(tmp_path) == before


def test_nothing_is_left_of_a_report_without_commit(tmp_path: Path) -> None:
    """Neither files nor the folder that was made for them; a folder that was there stays."""
    for folder in (tmp_path / "new", tmp_path / "there"):
        if folder.name == "there":
            folder.mkdir()
        with Report(folder, overwrite=False) as report:
            report.stage(evaluation_of(WITH_LABELS, SAMPLES), RUN)
    assert names(tmp_path) == {"there"}
    assert names(tmp_path / "there") == set()


OF_IMAGES = {"samples.png", "mistakes.png"}
TABLES = {"metrics.json", "confusion_matrix.csv", "mistakes.csv", "per_class.csv", "slices.csv"}


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_the_disk_has_no_room_for_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, overwrite: bool
) -> None:
    """The rest is there, and nothing of an earlier report beside it."""
    folder = tmp_path / "report"
    if overwrite:
        write(folder)
    # The process that draws is started anew, with the limit.
    monkeypatch.setattr("mnist_batch.reports.drawing_process._drawer", None)
    with Report(folder, overwrite=overwrite) as report:
        with limited_file_size(5000):
            report.stage(evaluation_of(WITH_LABELS, SAMPLES), RUN)
            report.commit()
        with pytest.raises(
            OutputError, match=r"\.html could not be made: File too large; make room"
        ):
            report.check_whole()
    assert names(folder) == {path.name for path in report.files} == TABLES
    assert report.missing.keys() == REPORT_FILES - TABLES
    (note,) = report.note("and so on")
    assert note == (
        f"the report {folder} lacks index.html, confusion_matrix.png, per_class.png, samples.png, "
        "mistakes.png (File too large); and so on"
    )


@pytest.mark.parametrize(
    "error", [RuntimeError("no latex\n\nat all"), MemoryError(), SystemError()]
)
def test_whatever_drawing_raises_is_a_missing_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """Matplotlib may raise anything; a message of many lines is said on one."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("mnist_batch.reports.report.Drawings.wait", fail)
    report = write(tmp_path)
    assert names(tmp_path) == TABLES | {"index.html"}
    expected = "RuntimeError: no latex at all" if str(error) else type(error).__name__
    assert set(report.missing.values()) == {expected}


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_an_interrupt_is_no_missing_picture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """It goes on to the caller, and nothing is left."""

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("mnist_batch.reports.report.Drawings.wait", fail)
    with pytest.raises(error):
        write(tmp_path / "report")
    assert names(tmp_path) == set()


def test_samples_stay_however_the_same_predictions_are_sliced(tmp_path: Path) -> None:
    """Or none of them, beside a file of another program."""
    write(tmp_path)
    sliced = replace(
        evaluation_of(WITH_LABELS, NO_SAMPLES), slices=[Slice("writer", "a", 9, 9, 8, 0)]
    )
    for content, expected in ((None, REPORT_FILES), (b"[1", REPORT_FILES - OF_IMAGES)):
        if content:
            (tmp_path / "metrics.json").write_bytes(content)
        with Report(tmp_path, overwrite=True) as report:
            report.stage(sliced, RUN)
            report.commit()
        assert report.missing == {}
        assert names(tmp_path) == expected
    assert rows(tmp_path / "slices.csv")[1][:6] == ["writer", "a", "text", "9", "9", "8"]


def test_samples_stay_only_with_the_same_predictions(tmp_path: Path) -> None:
    """Beside other numbers they would pass for theirs."""
    write(tmp_path)
    for run, expected in ((RUN, REPORT_FILES), ({}, REPORT_FILES - OF_IMAGES)):
        with Report(tmp_path, overwrite=True) as report:
            report.stage(evaluation_of(WITH_LABELS, NO_SAMPLES), run)
            report.commit()
        assert names(tmp_path) == expected


class _CutError(BaseException):
    """Stands for the end of the process."""


def commit_cut(folder: Path, cut: int, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Replace a report, up to a step on the file system; tell whether there was such a step."""
    replace_file, unlink, steps = Path.replace, Path.unlink, iter(range(100))

    def count() -> None:
        if next(steps) == cut:
            raise _CutError

    def replacing(path: Path, target: Path) -> Path:
        count()
        return replace_file(path, target)

    def unlinking(path: Path, missing_ok: bool = False) -> None:
        count()
        unlink(path, missing_ok=missing_ok)

    with Report(folder, overwrite=True) as report:
        report.stage(evaluation_of(WITH_LABELS, SAMPLES), RUN)
        with monkeypatch.context() as patch, contextlib.suppress(_CutError):
            patch.setattr(Path, "replace", replacing)
            patch.setattr(Path, "unlink", unlinking)
            report.commit()
    return next(steps) > cut


def test_the_numbers_go_first_and_come_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Wherever a commit is cut, what lies beside a `metrics.json` is of its run."""
    old = {name: name.encode() for name in FILES}
    new = contents(write(tmp_path / "new").folder)
    for cut in range(100):
        folder = tmp_path / str(cut)
        folder.mkdir()
        for name, content in old.items():
            (folder / name).write_bytes(content)
        was_cut = commit_cut(folder, cut, monkeypatch)
        found = contents(folder)
        assert "metrics.json" not in found or found in (old, new)
        if not was_cut:
            break
    assert found == new
    assert cut > len(FILES)


def test_a_file_that_cannot_be_replaced_leaves_no_numbers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside it they would pass for its run's."""
    write(tmp_path)
    stuck, unlink = tmp_path / "per_class.png", Path.unlink

    def refusing(path: Path, missing_ok: bool = False) -> None:
        if path == stuck:
            raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
        unlink(path, missing_ok=missing_ok)

    monkeypatch.setattr(Path, "unlink", refusing)
    report = write(tmp_path, WITHOUT_LABELS, overwrite=True)
    assert report.missing == {"metrics.json": "Operation not permitted"}
    assert names(tmp_path) == UNLABELLED_FILES - {"metrics.json"} | {"per_class.png"}


def test_a_file_that_came_meanwhile_is_kept(tmp_path: Path) -> None:
    """It is not ours to replace, and beside it nothing passes for a report."""
    with Report(tmp_path, overwrite=False) as report:
        report.stage(evaluation_of(WITH_LABELS, SAMPLES), RUN)
        (tmp_path / "per_class.csv").write_text("mine")
        report.commit()
    assert (tmp_path / "per_class.csv").read_text() == "mine"
    assert report.missing.keys() == {"per_class.csv", "metrics.json"}


def test_links_stay_links(tmp_path: Path) -> None:
    """The files behind them are replaced."""
    (tmp_path / "report").mkdir()
    for name in ("metrics.json", "per_class.csv"):
        (tmp_path / name).write_text("old")
        (tmp_path / "report" / name).symlink_to(tmp_path / name)
    write(tmp_path / "report", overwrite=True)
    for name in ("metrics.json", "per_class.csv"):
        assert (tmp_path / "report" / name).is_symlink()
        assert (tmp_path / name).read_text() != "old"


def test_a_second_report_is_refused_while_the_first_is_made(tmp_path: Path) -> None:
    """Through a link to the folder too; and it finds a report afterwards."""
    (tmp_path / "link").symlink_to("report")
    late = Report(tmp_path / "report", overwrite=False)
    with Report(tmp_path / "report", overwrite=False) as report:
        report.stage(evaluation_of(WITH_LABELS, SAMPLES), RUN)
        for other in (late, Report(tmp_path / "link", overwrite=True)):
            with pytest.raises(OutputInUseError, match="another run is writing it"), other:
                pass
        report.commit()
    with pytest.raises(OutputError, match="holds a report already"), late:
        pass
    assert names(tmp_path / "report") == REPORT_FILES


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """It is refused even with overwrite."""
    (tmp_path / "report").write_text("mine")
    with pytest.raises(OutputError, match="is a file"):
        Report(tmp_path / "report", overwrite=True)


def test_folders_above_that_are_missing_are_made(tmp_path: Path) -> None:
    """When it is written, not when it is checked."""
    folder = tmp_path / "a" / "b" / "report"
    Report(folder, overwrite=False)
    assert names(tmp_path) == set()
    assert write(folder).files[0].is_file()


def test_a_folder_in_the_place_of_a_file_is_refused_at_once(tmp_path: Path) -> None:
    """Before anything is computed."""
    (tmp_path / "metrics.json").mkdir()
    with pytest.raises(OutputError, match=r"metrics\.json is a folder"):
        Report(tmp_path, overwrite=True)


def test_every_file_of_a_report_is_among_its_names(tmp_path: Path) -> None:
    """Otherwise it would not be removed when stale."""
    written = set()
    for metrics in (WITH_LABELS, WITHOUT_LABELS):
        with Report(tmp_path, overwrite=True) as report:
            report.stage(evaluation_of(metrics, SAMPLES), RUN, history=HISTORY)
            report.commit()
        written |= {path.name for path in report.files}
    assert written == set(FILES)
