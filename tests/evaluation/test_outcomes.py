"""What came of the rows is what their columns say."""

import numpy as np
import pyarrow as pa

from mnist_batch.evaluation.outcomes import Outcomes, Packed
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


def test_counts_are_packed_without_zeros() -> None:
    """And are what they were, if all are 0 or none is."""
    for counts in ([0, 3, 0, 0, 2**40, 1], [0, 0], [5, 6]):
        packed = Packed.of(np.array(counts))
        assert packed.counts.tolist() == [count for count in counts if count]
        assert packed.unpacked().tolist() == counts
