"""Batches of predictions, from labels and predictions."""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
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


def random_predictions(
    rows: int, seed: int, *, unlabelled: float = 0.1, unread: float = 0.1, wrong: float = 0.5
) -> pa.RecordBatch:
    """Return random rows: shares without a label, without a prediction, and wrong ones.

    Confidences are of few values, so that many are equal, and some are missing.
    """
    random = np.random.default_rng(seed)
    labels = random.integers(0, 10, rows)
    others = (labels + random.integers(1, 10, rows)) % 10
    predictions = np.where(random.random(rows) < wrong, others, labels)
    confidences = random.integers(0, 41, rows) / 40
    known, read, sure = ((unlabelled, unread, 0.05) <= random.random((3, rows)).T).T
    return predictions_batch(
        [
            (int(label) if labelled else None, int(prediction) if predicted else None)
            for label, prediction, labelled, predicted in zip(
                labels, predictions, known, read, strict=True
            )
        ],
        confidences=[
            float(confidence) if predicted and given else None
            for confidence, predicted, given in zip(confidences, read, sure, strict=True)
        ],
        prepared=(random.random(rows) < 0.3).tolist(),
    )


def cut(batch: pa.RecordBatch, cuts: Iterable[int]) -> list[pa.RecordBatch]:
    """Return a batch cut at some rows."""
    bounds = [0, *sorted(cuts), len(batch)]
    return [batch.slice(start, stop - start) for start, stop in pairwise(bounds)]
