"""Predictions of classes that are not the digits: any number of them, with names from anywhere."""

import string

import numpy as np
import pyarrow as pa

from mnist_batch.evaluation.evaluator import Evaluation, Evaluator
from mnist_batch.schema import Classes, predictions_schema

GARMENTS = Classes(4, ("T-shirt/top", "Coat", "Shirt", "Ankle boot"))

CHARACTERS = Classes(62, tuple(string.digits + string.ascii_uppercase + string.ascii_lowercase))
"""Those of EMNIST ByClass."""

HOSTILE = (
    "=1+1",
    "<b>bold</b><script>alert(1)</script>",
    "\x1b[31mred\x1b[0m\nline",
    "\u202eevil\u202c",
    "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}\N{HEBREW LETTER VAV}",
    "x" * 200,
    f"{'x' * 199}y",
    "$\\frac{a}{b}$",
    "\N{HIRAGANA LETTER KI}",
    "a,b\"c'd",
    "",
    "  ",
)
"""Names of classes that are text of somebody else's."""


def class_batch(
    classes: Classes, rows: int, seed: int = 0, *, wrong: float = 0.3
) -> pa.RecordBatch:
    """Return random predictions, all with a label; a share of them is wrong, in any way."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes.count, rows)
    others = (labels + random.integers(1, classes.count, rows)) % classes.count
    predictions = np.where(random.random(rows) < wrong, others, labels)
    columns = {
        "source": pa.array([f"{label}.png" for label in labels]),
        "row": pa.array(np.zeros(rows, np.int64)),
        "label": pa.array(labels).cast(classes.dtype),
        "prediction": pa.array(predictions).cast(classes.dtype),
        "confidence": pa.array(random.random(rows, np.float32)),
        "prepared": pa.array(np.zeros(rows, np.bool_)),
        "error": pa.nulls(rows, pa.string()),
    }
    schema = predictions_schema(with_probabilities=False, classes=Classes(classes.count))
    return pa.record_batch(columns, schema=schema)


def class_evaluation(classes: Classes, rows: int, **options: float) -> Evaluation:
    """Return what there is to say of such predictions, without their images."""
    evaluator = Evaluator(classes=classes)
    evaluator.add(class_batch(classes, rows, **options))  # type: ignore[arg-type]
    return evaluator.evaluation()
