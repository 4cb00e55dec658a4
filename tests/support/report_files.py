"""What a run leaves: the files of its report, and its record in the predictions file."""

import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

REPORT_FILES = {
    "metrics.json",
    "index.html",
    "confusion_matrix.csv",
    "confusion_matrix.png",
    "per_class.csv",
    "mistakes.csv",
    "slices.csv",
    "per_class.png",
    "samples.png",
    "mistakes.png",
}
"""Of a run with labels, of which some are misread."""


def run_of(path: Path) -> dict[str, Any]:
    """Return how a predictions file says it was made."""
    run: dict[str, Any] = json.loads(pq.read_metadata(path).metadata[b"mnist_batch"])
    return run
