"""Predictions held to others: what is the same, what is a tie, what is wrong."""

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.errors import ModelError
from mnist_batch.schema import PROBABILITIES
from mnist_batch.tuning.measuring import Reference


def predictions(rows: list[dict[int, float] | None]) -> list[pa.RecordBatch]:
    """Return predictions of which the probabilities are named, without one where None is."""
    values = np.array([[(row or {}).get(i, 0.0) for i in range(10)] for row in rows], np.float32)
    unread = np.array([row is None for row in rows])
    columns = {
        "prediction": pa.array(values.argmax(axis=1).astype(np.int8), mask=unread),
        "confidence": pa.array(values.max(axis=1), mask=unread),
        "probabilities": pa.FixedSizeListArray.from_arrays(
            pa.array(values.reshape(-1)), type=PROBABILITIES.type, mask=pa.array(unread)
        ),
    }
    return [pa.record_batch(columns)]


REFERENCE = Reference(predictions([{3: 0.9, 5: 0.1}, None, {4: 0.50001, 9: 0.49999}]))


def check(rows: list[dict[int, float] | None], period: int = 3) -> None:
    """Hold some predictions to the three of the reference."""
    REFERENCE.check(predictions(rows), period=period, tolerance=1e-4, made="a test")


def test_the_same_predictions_agree() -> None:
    """Last bits aside; whichever of two equally likely digits it is; again from the first row."""
    same: list[dict[int, float] | None] = [{3: 0.90005, 5: 0.09995}, None, {9: 0.50001, 4: 0.49999}]
    check(same)
    check([*same, *same, same[0]])
    check([*same[:2], *same[:2], same[0]], period=2)


@pytest.mark.parametrize(
    "rows",
    [
        [{3: 0.9002}, None],  # another confidence
        [{5: 0.9}, None],  # another digit
        [None, None],  # none
        [{3: 0.9}, {3: 0.9}],  # one where there was none
    ],
)
def test_other_predictions_are_an_error(rows: list[dict[int, float] | None]) -> None:
    """It says how they were made."""
    with pytest.raises(ModelError, match=r"predictions differ: a test reads image [01] as"):
        check(rows)
