"""The report: a folder of metrics, tables and pictures, written whole or not at all."""

import contextlib
import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mnist_batch.errors import OutputError
from mnist_batch.evaluation import figures
from mnist_batch.evaluation.drawing_process import draw
from mnist_batch.evaluation.metrics import ClassMetrics, Metrics
from mnist_batch.evaluation.samples import Samples
from mnist_batch.mnist import CLASSES
from mnist_batch.outputs.atomic import StagedFile, check_writable, output_errors

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FILES = (
    "metrics.json",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "per_class.csv",
    "per_class.png",
    "predictions.png",
    "samples.png",
    "history.csv",
    "learning_curves.png",
)
"""Every name a report may use; other files in its folder are never touched."""


class Report:
    """A report that is staged under temporary names beside its files, then committed.

    Each file is replaced whole. A run that is killed between the renames of `commit` leaves
    files of two reports; `metrics.json` is renamed last.

    Attributes:
        folder: where the files go; it is made if it does not exist.
        files: the files written by `commit`, empty before.
    """

    def __init__(self, folder: Path, *, overwrite: bool) -> None:
        """Check that a report can be written; nothing is touched.

        Raises:
            OutputError: `folder` is a file, or cannot be written or made, or holds files of a
                report and `overwrite` is false.
        """
        self.folder = folder
        self.files: list[Path] = []
        self._overwrite = overwrite
        self._staged: list[StagedFile] = []
        self._kept: set[str] = set()
        self._made_folder = False
        if folder.is_dir():
            self._check_files()
        elif folder.exists():
            raise OutputError(f"{folder} is a file; name a folder for the report")
        else:
            check_writable(folder, overwrite=overwrite)

    def stage(
        self,
        metrics: Metrics,
        samples: Samples | None,
        run: Mapping[str, Any] | None,
        history: Mapping[str, Sequence[float]] | None = None,
    ) -> None:
        """Write all files under temporary names, and remove them again if that fails.

        With scored rows, the files are the confusion matrix and the numbers per class; without,
        the histogram of the predictions.

        Args:
            metrics: what is reported.
            samples: drawn if they have images.
            run: how the predictions were made, put into `metrics.json` as it is.
            history: one number per epoch and name, as Keras' `History.history`.

        Raises:
            OutputError: the disk refuses.
        """
        try:
            with output_errors(self.folder):
                if not self.folder.is_dir():
                    self.folder.mkdir()
                    self._made_folder = True
            if metrics.scored:
                self._stage_table("confusion_matrix.csv", _confusion_table(metrics))
                self._stage_figure("confusion_matrix.png", figures.confusion_matrix_figure, metrics)
                self._stage_table("per_class.csv", _per_class_table(metrics))
                self._stage_figure("per_class.png", figures.per_class_figure, metrics)
            elif metrics.rows:
                self._stage_figure("predictions.png", figures.prediction_histogram_figure, metrics)
            if samples is not None and len(samples.index):
                if samples.images is None:
                    self._kept = {"samples.png"}  # it was drawn when the images were at hand
                else:
                    self._stage_figure("samples.png", figures.samples_figure, samples)
            if history is not None:
                self._stage_table("history.csv", _history_table(history))
                self._stage_figure("learning_curves.png", figures.learning_curves_figure, history)
            text = json.dumps(metrics_record(metrics, run), indent=2) + "\n"
            self._stage("metrics.json", lambda path: path.write_text(text, encoding="utf-8"))
        except BaseException:
            self.discard()
            raise

    def commit(self) -> None:
        """Rename all files to their names; remove files of an earlier report that this one lacks.

        Raises:
            OutputError: the disk refuses, or a file was created meanwhile and `overwrite` is
                false.
        """
        for staged in self._staged:
            staged.commit()
            self.files.append(staged.target)
        for name in FILES:
            stale = self.folder / name
            if stale not in self.files and name not in self._kept:
                with output_errors(stale):
                    stale.unlink(missing_ok=True)

    def discard(self) -> None:
        """Remove what `stage` made, the folder included; what is committed stays."""
        for staged in self._staged:
            staged.discard()
        if self._made_folder:
            # It is not empty after a commit, or where another program put a file into it.
            with contextlib.suppress(OSError):
                self.folder.rmdir()

    def _check_files(self) -> None:
        for name in FILES:
            if (self.folder / name).exists() and not self._overwrite:
                raise OutputError(
                    f"{self.folder} holds a report already ({name}); name another folder or pass "
                    "--overwrite"
                )
            check_writable(self.folder / name, overwrite=self._overwrite)

    def _stage_table(self, name: str, rows: Iterable[Sequence[object]]) -> None:
        def write(path: Path) -> None:
            with path.open("w", newline="", encoding="utf-8") as file:
                csv.writer(file, lineterminator="\n").writerows(rows)

        self._stage(name, write)

    def _stage_figure(self, name: str, make: "Callable[[Any], Figure]", content: object) -> None:
        self._stage(name, lambda path: draw(make, content, path))

    def _stage(self, name: str, write: Callable[[Path], object]) -> None:
        staged = StagedFile(self.folder / name, overwrite=self._overwrite)
        self._staged.append(staged)
        with output_errors(staged.target):
            write(staged.path)


def report_folder(out: Path, report: str | Path | bool) -> Path | None:
    """Return where the report on `out` goes: True for `<out without suffix>.report`."""
    if report is True:
        return out.with_suffix(".report")
    return Path(report) if report else None


@contextlib.contextmanager
def staged_report(
    report: Report | None,
    metrics: Metrics,
    samples: Samples | None,
    run: Mapping[str, Any] | None,
    history: Mapping[str, Sequence[float]] | None = None,
) -> Iterator[None]:
    """Stage a report, let the caller commit what it reports on, then commit the report.

    `report` is None for none; the other arguments are those of `Report.stage`.

    Raises:
        OutputError: the disk refuses; on this and any error of the caller nothing is left.
    """
    if report is None:
        yield
        return
    report.stage(metrics, samples, run, history)
    try:
        yield
        report.commit()
    finally:
        report.discard()


def metrics_record(metrics: Metrics, run: Mapping[str, Any] | None) -> dict[str, Any]:
    """Return the content of `metrics.json`; a number that is undefined is None, null in JSON."""
    return {
        "rows": metrics.rows,
        "labelled": metrics.labelled,
        "scored": metrics.scored,
        "prepared": metrics.prepared,
        "errors": {"total": metrics.errors, "by_reason": metrics.errors_by_reason},
        "accuracy": metrics.accuracy,
        "accuracy_interval_95": metrics.accuracy_interval,
        "macro": {
            "precision": metrics.macro_precision,
            "recall": metrics.macro_recall,
            "f1": metrics.macro_f1,
        },
        "per_class": [vars(digit) for digit in metrics.per_class],
        "log_loss": metrics.log_loss,
        "brier": metrics.brier,
        "calibration_error": metrics.calibration_error,
        "confusion_matrix": metrics.confusion_matrix.tolist(),
        "predictions": metrics.predictions,
        "run": run,
    }


def _confusion_table(metrics: Metrics) -> list[list[object]]:
    rows = enumerate(metrics.confusion_matrix.tolist())
    return [["true\\predicted", *range(CLASSES)], *([digit, *counts] for digit, counts in rows)]


def _per_class_table(metrics: Metrics) -> list[list[object]]:
    """Return a row per digit; in the place of a score that is undefined stands why."""
    return [
        [field.name for field in fields(ClassMetrics)],
        *(
            [digit.undefined if value is None else value for value in vars(digit).values()]
            for digit in metrics.per_class
        ),
    ]


def _history_table(history: Mapping[str, Sequence[float]]) -> list[list[object]]:
    """Return a row per epoch, counted from 1."""
    epochs = zip(*history.values(), strict=True)
    return [["epoch", *history], *([epoch, *row] for epoch, row in enumerate(epochs, start=1))]
