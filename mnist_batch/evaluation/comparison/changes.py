"""The rows that a new run reads otherwise than its base."""

from enum import StrEnum

import pyarrow as pa

from mnist_batch.schema import DIGIT, DIGITS, Classes


class Change(StrEnum):
    """How the new run reads an image otherwise than the base, in the order of importance."""

    NEWLY_WRONG = "newly wrong"
    NEWLY_RIGHT = "newly right"
    OTHERWISE_WRONG = "wrong in another way"
    UNLABELLED = "read otherwise, no label"
    LOST = "no prediction any more"
    GAINED = "a prediction now"


CHANGES = pa.schema(
    [
        ("change", pa.string()),
        ("source", pa.string()),
        ("row", pa.int64()),
        ("label", pa.int8()),
        ("base_prediction", pa.int8()),
        ("new_prediction", pa.int8()),
        ("base_confidence", pa.float32()),
        ("new_confidence", pa.float32()),
        ("prepared", pa.bool_()),
        ("error", pa.string()),
        ("base_source", pa.string()),
        ("base_row", pa.int64()),
        ("index", pa.int64()),
        ("content_key", pa.int64()),
    ]
)
"""Columns of the rows that changed, of digits; see `changes_schema` for other classes.

- change: a `Change`.
- source, row, label, prepared: of the new run; label of the base where the new run has none.
- base_prediction, new_prediction, base_confidence, new_confidence: null without a prediction.
- error: why one of the runs has no prediction.
- base_source, base_row: where the image is in the base.
- index: the row's place in the new file, from 0.
- content_key: of the new run, see `predicted_rows.key_of`; null where it is not known.
"""

OF_CLASSES = ("label", "base_prediction", "new_prediction")
"""Columns of classes: of those that have names, columns as `label_name` follow."""

OF_SPLIT = [DIGIT, pa.field("picture", pa.int64())]
"""Columns of the rows that changed where the new run split pictures: the number of the digit, and
the place of its picture among those of the input."""


def changes_schema(classes: Classes = DIGITS, *, split: bool = False) -> pa.Schema:
    """Return the columns of the rows that changed, with the names of classes that have any."""
    columns = [
        field.with_type(classes.dtype) if field.name in OF_CLASSES else field for field in CHANGES
    ]
    names = [pa.field(f"{name}_name", pa.string()) for name in OF_CLASSES] if classes.names else []
    return pa.schema([*columns, *names, *(OF_SPLIT if split else [])])
