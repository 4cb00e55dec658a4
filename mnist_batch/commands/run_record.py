"""How predictions were made: what an output's metadata and the report say of it."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from mnist_batch import __version__
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.inference.predictors import Predictor
from mnist_batch.options import PredictorChoice


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
