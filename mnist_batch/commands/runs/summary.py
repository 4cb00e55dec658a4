"""The result of `predict` or `evaluate`."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_batch.evaluation.evaluator import Unreadable
from mnist_batch.evaluation.input_profile import InputProfile
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.evaluation.slices import Slice
from mnist_batch.remote.addresses import Place
from mnist_batch.reports.notebook import result_html, scores
from mnist_batch.reports.records import metrics_record, slice_records


@dataclass(frozen=True)
class Summary:
    """The result of `predict` or `evaluate`.

    `predict` makes report and pictures when the predictions are in place. No failure of these
    raises: `report_missing`, `prepared_folder` and a note say what is not there.

    Attributes:
        predictions: the predictions file, written or evaluated; of several the first.
        metrics: counts and, where labels are known, accuracy and all that goes with it.
        run: how the predictions were made, as in the file's metadata; of several files what is
            alike in all; None where that says nothing.
        report_files: the files of the report that are in place; empty without one.
        notes: what the user should know, one sentence each.
        profile: what the input looks like, labels or not.
        unreadable: the first rows without a prediction, per reason.
        slices: accuracy of parts of the rows.
        prepared_folder: where the pictures of prepared images are; None where none were wanted.
        prepared_pictures: the number of these pictures.
        uncounted_sources: the number of sources that are one row with an error each, since nobody
            knows how many rows they hold.
        further_predictions: the others where several files were evaluated as one.
        report_missing: the names of files of the report that could not be made; a note says why.
        shard: which share of the parts was predicted, as `2/3`; None for all.
    """

    predictions: Place
    metrics: Metrics
    run: Mapping[str, Any] | None
    report_files: Sequence[Place]
    notes: Sequence[str]
    profile: InputProfile
    unreadable: Mapping[str, Sequence[Unreadable]]
    slices: Sequence[Slice]
    prepared_folder: Path | None = None
    prepared_pictures: int = 0
    uncounted_sources: int = 0
    report_missing: Sequence[str] = ()
    further_predictions: Sequence[Place] = ()
    shard: str | None = None

    def __repr__(self) -> str:
        """Return the file and what was counted, in one line."""
        return f"<Summary of {self.predictions}: {scores(self.metrics)}>"

    def _repr_html_(self) -> str:
        """Return what a notebook shows: the figures of the report too."""
        title = str(self.predictions)
        return result_html(title, self.metrics, self.report_files, self.notes)

    def record(self) -> dict[str, Any]:
        """Return what `metrics.json` holds, the notes, and where the files are."""
        return {
            **metrics_record(self.metrics, self.run),
            "slices": slice_records(self.slices),
            "notes": list(self.notes),
            "predictions_file": str(self.predictions),
            "further_predictions_files": [str(path) for path in self.further_predictions],
            "shard": self.shard,
            "report_files": [str(path) for path in self.report_files],
            "report_missing": list(self.report_missing),
            "prepared_folder": str(self.prepared_folder) if self.prepared_folder else None,
            "prepared_pictures": self.prepared_pictures,
        }
