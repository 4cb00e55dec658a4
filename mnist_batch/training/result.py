"""What a training has made."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.reports.notebook import result_html, scores
from mnist_batch.reports.records import metrics_record
from mnist_batch.schema import DIGITS, Classes
from mnist_batch.training.fitting import History


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """The result of `train`.

    Attributes:
        out: the model file.
        sha256: SHA-256 of the model file.
        rows: rows to train on, those for validation included.
        test_rows: rows to test on; 0 without a test split.
        unreadable: rows of both that were left out, per reason.
        data_sha256: names the digits of the training split, see `LabelledImages.sha256`.
        history: loss and accuracy of each epoch.
        epoch: the epoch, from 1, after which the weights were taken.
        recipe: how the network was fitted, as its file says under `training`.
        metrics: of the saved file on the test split; None without one, or where it could not be
            read any more, as a note says then.
        report_files: the files of the report that are in place; empty without one.
        elapsed_s: seconds for all of it.
        report_missing: the names of files of the report that could not be made; a note says why.
        notes: what the user should know, one sentence each.
        classes: what was learned: the digits, or other classes.
    """

    out: Path
    sha256: str
    rows: int
    test_rows: int
    unreadable: Mapping[str, int]
    data_sha256: str
    history: History
    epoch: int
    recipe: Mapping[str, Any]
    metrics: Metrics | None
    report_files: Sequence[Path]
    elapsed_s: float
    report_missing: Sequence[str] = ()
    notes: Sequence[str] = ()
    classes: Classes = DIGITS

    @property
    def accuracy(self) -> float | None:
        """Accuracy on the test split, 0 to 1; None without one."""
        return self.metrics.accuracy if self.metrics else None

    def __repr__(self) -> str:
        """Return the model file and how it was tested, in one line."""
        tested = f"tested on {scores(self.metrics)}" if self.metrics else "not tested"
        return f"<TrainingResult of {self.out}: {self.rows:,} rows, {tested}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the figures of the test too."""
        return result_html(str(self.out), self.metrics, self.report_files, self.notes)

    def record(self) -> dict[str, Any]:
        """Return all but the history as `--json` prints it; `test` holds the metrics."""
        return {
            "model_file": str(self.out),
            "sha256": self.sha256,
            "rows": self.rows,
            "test_rows": self.test_rows,
            "unreadable": dict(self.unreadable),
            "data_sha256": self.data_sha256,
            "epoch": self.epoch,
            "training": dict(self.recipe),
            "elapsed_s": round(self.elapsed_s, 3),
            "test": metrics_record(self.metrics, None) if self.metrics else None,
            "report_files": [str(path) for path in self.report_files],
            "report_missing": list(self.report_missing),
            "notes": list(self.notes),
        }
