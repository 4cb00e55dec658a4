"""What `predict` and `evaluate` return, and what they record of a run."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mnist_batch import __version__, _kernels
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.evaluation.report import metrics_record
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inputs.labels import shortened
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.options import NO_LABELS, PredictorChoice, Prepare


@dataclass(frozen=True)
class Summary:
    """What a job did.

    Attributes:
        predictions: the predictions file, written or evaluated.
        metrics: counts and, where labels are known, accuracy and all that goes with it.
        run: how the predictions were made, as in the file's metadata; None where it says nothing.
        report_files: the files of the report; empty without one.
        notes: what the user should know, one sentence each.
        prepared_folder: where the pictures of prepared images are; None where none were wanted.
        prepared_pictures: how many there are.
        uncounted_sources: how many sources are one row with an error each, since nobody knows how
            many rows they hold.
    """

    predictions: Path
    metrics: Metrics
    run: Mapping[str, Any] | None
    report_files: Sequence[Path]
    notes: Sequence[str]
    prepared_folder: Path | None = None
    prepared_pictures: int = 0
    uncounted_sources: int = 0

    def record(self) -> dict[str, Any]:
        """Return what `metrics.json` holds, the notes, and where the files are."""
        return {
            **metrics_record(self.metrics, self.run),
            "notes": list(self.notes),
            "predictions_file": str(self.predictions),
            "report_files": [str(path) for path in self.report_files],
            "prepared_folder": str(self.prepared_folder) if self.prepared_folder else None,
            "prepared_pictures": self.prepared_pictures,
        }


def run_record(
    predictor: Predictor,
    metrics: Metrics,
    elapsed_s: float,
    predicted_rows: int,
    options: Mapping[str, Any],
    versions: Mapping[str, str],
) -> dict[str, Any]:
    """Return how predictions were made.

    Args:
        predictor: the model.
        metrics: of all rows.
        elapsed_s: seconds from the first read to the last write.
        predicted_rows: how many of the rows this run has predicted itself.
        options: by name.
        versions: what `library_versions` returns.
    """
    import platform

    return {
        "version": __version__,
        "model": {"name": predictor.model.path.name, "sha256": predictor.model.sha256},
        "predictor": str(predictor.name),
        "options": {**options, "scale": str(predictor.scale)},
        "counts": {
            "rows": metrics.rows,
            "labelled": metrics.labelled,
            "prepared": metrics.prepared,
            "errors": dict(metrics.errors_by_reason),
        },
        "elapsed_s": round(elapsed_s, 3),
        "images_per_s": round(predicted_rows / elapsed_s) if elapsed_s else None,
        "resumed_rows": metrics.rows - predicted_rows,
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "versions": {"python": platform.python_version(), **versions},
    }


def library_versions(predictor: Predictor) -> dict[str, str]:
    """Return the versions of the libraries that predictions depend on."""
    from importlib.metadata import version

    versions = {package: version(package) for package in ("numpy", "pyarrow", "pillow")}
    if predictor.name is PredictorChoice.KERAS:
        from mnist_batch.inference import (
            keras_network,  # imported already, by what loaded the model
        )

        versions |= keras_network.versions()
    return versions


_NAMED = 5
"""Names in a note, at most."""


def reading_notes(
    opened: OpenInputs,
    *,
    rows: int,
    labelled: int,
    prepared: int,
    prepare: Prepare,
    labels: str | Path | None,
) -> list[str]:
    """Return what the user should know of how the inputs were read, one sentence each.

    Args:
        opened: the inputs.
        rows: the number of rows read.
        labelled: those with a label.
        prepared: those whose image was changed.
        prepare: which images were to be brought to MNIST form.
        labels: what the user named as labels.
    """
    notes = list(_kernels.notes())
    if opened.uncounted:
        notes.append(
            f"sources that cannot be read at all, one row each: {_listed(opened.uncounted)}"
        )
    if opened.passed_over:
        kinds = [f"{shortened(kind)} {n:,}" for kind, n in opened.passed_over.most_common()]
        notes.append(
            f"files that are not images, passed over: {opened.passed_over.total():,} "
            f"({_listed(kinds)})"
        )
    if prepared:
        notes.append(
            f"images that were not 28x28, resized: {prepared:,}"
            if prepare is Prepare.NEVER
            else f"images that were not in MNIST form, brought to it: {prepared:,}"
        )
    if labels not in (None, NO_LABELS) and labelled < rows:
        notes.append(
            f"{labels} labels {labelled:,} of {rows:,} images; it has to name them "
            "as the column source does"
        )
    return notes


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _NAMED
    return f"{', '.join(texts[:_NAMED])}{f' and {more:,} more' if more > 0 else ''}"
