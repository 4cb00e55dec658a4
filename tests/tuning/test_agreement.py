"""Predictions held to others: what is the same, and what is wrong."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest

from mnist_batch.errors import ModelError
from mnist_batch.schema import PROBABILITIES
from mnist_batch.tuning.agreement import check_same, probabilities_of

Row = dict[int, float] | None
"""Probabilities by digit, the others 0; None where there is no prediction."""


def predictions(rows: list[Row]) -> pa.RecordBatch:
    """Return the column of probabilities."""
    values = np.array([[(row or {}).get(i, 0.0) for i in range(10)] for row in rows], np.float32)
    column = pa.FixedSizeListArray.from_arrays(
        pa.array(values.reshape(-1)),
        type=PROBABILITIES.type,
        mask=pa.array([row is None for row in rows]),
    )
    return pa.record_batch({"probabilities": column})


def found(rows: list[Row]) -> npt.NDArray[np.float32]:
    """Return probabilities as they are compared."""
    return probabilities_of([predictions(rows)])


REFERENCE: list[Row] = [{3: 0.9, 5: 0.1}, None, {4: 0.50001, 9: 0.49999}]


def test_probabilities_are_a_row_an_image() -> None:
    """Over all batches, NaN where there is no prediction."""
    values = probabilities_of([predictions(REFERENCE[:1]), predictions(REFERENCE[1:])])
    assert values.shape == (3, 10)
    assert values.dtype == np.float32
    np.testing.assert_allclose(values[0], [0, 0, 0, 0.9, 0, 0.1, 0, 0, 0, 0], rtol=1e-6)
    assert np.isnan(values[1]).all()
    assert values[2].argmax() == 4


def test_the_same_predictions_agree() -> None:
    """Last bits aside, whichever of two equally likely digits it is."""
    same: list[Row] = [{3: 0.90005, 5: 0.09995}, None, {9: 0.50001, 4: 0.49999}]
    check_same(found(same), found(REFERENCE), tolerance=1e-4, made="a test")


@pytest.mark.parametrize(
    "rows",
    [
        [{3: 0.9002, 5: 0.1}, None],  # another confidence
        [{5: 0.9, 3: 0.1}, None],  # another digit
        [None, None],  # none
        [{3: 0.9, 5: 0.1}, {3: 0.9}],  # one where there was none
    ],
)
def test_other_predictions_are_an_error(rows: list[Row]) -> None:
    """It says how they were made."""
    with pytest.raises(ModelError, match="predictions differ: a test reads an image as"):
        check_same(found(rows), found(REFERENCE[:2]), tolerance=1e-4, made="a test")
