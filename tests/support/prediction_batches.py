"""Batches of predictions, from labels and predictions."""

from collections.abc import Sequence
from typing import Any

import pyarrow as pa

from mnist_batch.schema import predictions_schema

Row = tuple[int | None, int | None]


def predictions_batch(
    rows: Sequence[Row],
    *,
    confidences: Sequence[float | None] | None = None,
    errors: Sequence[str | None] | None = None,
    prepared: Sequence[bool] | None = None,
    probabilities: Sequence[Any] | None = None,
) -> pa.RecordBatch:
    """Return a batch of predictions from (label, prediction) pairs."""
    columns = {
        "source": ["digits.parquet"] * len(rows),
        "row": list(range(len(rows))),
        "label": [label for label, _ in rows],
        "prediction": [prediction for _, prediction in rows],
        "confidence": list(confidences)
        if confidences is not None
        else [None if prediction is None else 0.5 for _, prediction in rows],
        "prepared": list(prepared) if prepared else [False] * len(rows),
        "error": list(errors)
        if errors
        else [
            "not an image: digits.parquet" if prediction is None else None for _, prediction in rows
        ],
        "probabilities": list(probabilities) if probabilities is not None else [],
    }
    schema = predictions_schema(with_probabilities=probabilities is not None)
    return pa.RecordBatch.from_pydict({name: columns[name] for name in schema.names}, schema=schema)
