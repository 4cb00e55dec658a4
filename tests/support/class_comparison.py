"""Two runs over the same images of classes that are not the digits, compared."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from mnist_batch.evaluation.comparison.comparing import Compared, compare_rows
from mnist_batch.evaluation.comparison.predicted_rows import SOURCE_AND_ROW, PredictedRows
from mnist_batch.schema import Classes
from tests.support.class_predictions import class_batch


def predicted_rows(
    classes: Classes, rows: int, *, seed: int = 0, wrong: float = 0.1, name: str = "new"
) -> PredictedRows:
    """Return random predictions of the same images: labels do not depend on the seed."""
    batch = class_batch(classes, rows)
    random = np.random.default_rng(seed)
    labels = batch.column("label").to_numpy().astype(np.int64)
    others = (labels + random.integers(1, classes.count, rows)) % classes.count
    read = pa.array(np.where(random.random(rows) < wrong, others, labels)).cast(classes.dtype)
    batch = batch.set_column(3, batch.schema.field("prediction"), read)
    keys = {SOURCE_AND_ROW: np.arange(rows)}
    path = Path(f"{name}.parquet")
    return PredictedRows(path, None, pa.Table.from_batches([batch]), keys, classes)


def class_comparison(classes: Classes, rows: int, *, worse: float = 0.3) -> Compared:
    """Return a comparison with a new run that is worse."""
    base = predicted_rows(classes, rows, seed=1, wrong=0.05, name="base")
    return compare_rows(base, predicted_rows(classes, rows, seed=2, wrong=worse))
