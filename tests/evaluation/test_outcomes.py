"""What came of the rows is what their columns say."""

import pyarrow as pa

from mnist_batch.evaluation.outcomes import Outcomes
from tests.support.prediction_batches import predictions_batch


def test_rows_are_told_apart() -> None:
    """Right, wrong, without a label, without a prediction, without both."""
    rows = [(3, 3), (3, 5), (None, 0), (0, None), (None, None)]
    outcomes = Outcomes.of(predictions_batch(rows, confidences=[0.5, None, 1, None, None]))
    assert len(outcomes) == 5
    assert outcomes.scored.tolist() == [True, True, False, False, False]
    assert outcomes.right.tolist() == [True, False, False, False, False]
    assert outcomes.predicted.tolist() == [True, True, True, False, False]
    assert outcomes.sure.tolist() == [True, False, True, False, False]
    assert outcomes.confidences.tolist() == [0.5, 0, 1, 0, 0]


def test_what_another_program_left_empty_was_not_prepared() -> None:
    """The schema allows no null there, a file may hold one."""
    batch = predictions_batch([(1, 1), (1, 1)], prepared=[True, True])
    place = batch.schema.get_field_index("prepared")
    batch = batch.set_column(place, "prepared", pa.array([True, None]))
    assert Outcomes.of(batch).prepared.tolist() == [True, False]
