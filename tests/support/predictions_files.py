"""Write predictions files whose rows a test names."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from mnist_batch.schema import PREDICTIONS

Digits = Sequence[int | None]


def write_predictions(
    path: Path,
    labels: Digits,
    predictions: Digits,
    *,
    sources: Sequence[str] | None = None,
    rows: Sequence[int] | None = None,
    confidences: Sequence[float | None] | None = None,
    further: Mapping[str, Sequence[object]] | None = None,
) -> Path:
    """Write a row for each label and prediction, Parquet or CSV by the suffix, and return its path.

    By default all rows are of one file, in order; `further` are columns after the schema's own.
    """
    count = len(labels)
    missing = [prediction is None for prediction in predictions]
    columns = [
        ["test.parquet"] * count if sources is None else sources,
        range(count) if rows is None else rows,
        labels,
        predictions,
        confidences or [None if absent else 0.75 for absent in missing],
        [False] * count,
        ["truncated" if absent else None for absent in missing],
    ]
    arrays = [
        pa.array(list(values), field.type)
        for values, field in zip(columns, PREDICTIONS, strict=True)
    ]
    table = pa.table(arrays, schema=PREDICTIONS)
    for name, values in (further or {}).items():
        table = table.append_column(name, pa.array(values))
    if path.suffix == ".csv":
        pyarrow.csv.write_csv(table, path)
    else:
        pq.write_table(table, path)
    return path
