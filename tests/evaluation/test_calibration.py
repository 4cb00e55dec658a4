"""Reliability and risk-coverage are scikit-learn's and NumPy's, wherever batches are cut."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from mnist_batch.evaluation.calibration import BINS, CalibrationCounts, Coverage
from mnist_batch.evaluation.metrics import Metrics, PredictionCounts
from mnist_batch.evaluation.outcomes import THRESHOLDS, Outcomes
from tests.support.prediction_batches import cut, predictions_batch, random_predictions


def metrics_of(confidences: list[float], right: list[bool]) -> Metrics:
    """Return the metrics of rows with a confidence each, right or wrong."""
    counts = PredictionCounts()
    rows = [(1, 1 if one else 2) for one in right]
    counts.add(predictions_batch(rows, confidences=confidences))
    return counts.metrics()


@pytest.mark.parametrize("seed", range(5))
def test_the_reliability_diagram_is_scikit_learns(seed: int) -> None:
    """Bins without rows are left out there; its bins hold their lower bound, ours the upper."""
    random = np.random.default_rng(seed)
    confidences = random.random(500).astype(np.float32)
    right = random.random(500) < confidences
    metrics = metrics_of(confidences.tolist(), right.tolist())
    shares, means = calibration_curve(right, confidences, n_bins=BINS)
    filled = [one for one in metrics.reliability if one.rows]
    assert [one.accuracy for one in filled] == pytest.approx(shares)
    assert [one.mean_confidence for one in filled] == pytest.approx(means)
    assert sum(one.rows for one in filled) == 500
    assert sum(one.right for one in filled) == metrics.correct
    assert metrics.mean_confidence == pytest.approx(confidences.mean(dtype=np.float64))


def test_a_bin_holds_its_upper_bound_and_the_first_one_zero() -> None:
    """As in the paper of the calibration error."""
    metrics = metrics_of([0.0, 1 / 16, 2 / 15 - 1e-6, 1.0], [True, False, True, True])
    rows = {at: one.rows for at, one in enumerate(metrics.reliability) if one.rows}
    assert rows == {0: 2, 1: 1, 14: 1}
    empty = metrics.reliability[7]
    assert (empty.accuracy, empty.mean_confidence, empty.accuracy_interval) == (None, None, None)
    assert (empty.low, empty.high) == (7 / 15, 8 / 15)


@pytest.mark.parametrize("seed", range(5))
def test_what_stays_above_a_confidence_is_what_numpy_counts(seed: int) -> None:
    """A row with just that confidence, as a float32, stays."""
    random = np.random.default_rng(seed)
    values = [*THRESHOLDS, 0.3, 0.97, 1.0]
    confidences = random.choice(values, 400).astype(np.float32)
    right = random.random(400) < 0.9
    for one in metrics_of(confidences.tolist(), right.tolist()).risk_coverage:
        stays = confidences >= np.float32(one.threshold)
        assert one.rows == stays.sum()
        assert one.right == (stays & right).sum()
        assert one.coverage == pytest.approx(stays.mean())
        assert one.accuracy == pytest.approx(right[stays].mean())
        interval = binomtest(one.right, one.rows).proportion_ci(method="wilson")
        assert one.accuracy_interval == pytest.approx(tuple(interval))


def test_the_sentence_of_the_report() -> None:
    """Refuse below 0.90: 75 % of the rows stay, all of them right."""
    metrics = metrics_of([0.9, 0.95, 0.99, 0.4], [True, True, True, False])
    by_threshold = {one.threshold: one for one in metrics.risk_coverage}
    assert by_threshold[0.0] == Coverage(0.0, rows=4, right=3, scored=4)
    assert by_threshold[0.9] == Coverage(0.9, rows=3, right=3, scored=4)
    assert by_threshold[0.999] == Coverage(0.999, rows=0, right=0, scored=4)
    assert by_threshold[0.999].accuracy is None
    assert by_threshold[0.999].accuracy_interval is None


def test_without_all_confidences_there_is_none_of_it() -> None:
    """A diagram of some rows would pass for one of all."""
    counts = PredictionCounts()
    counts.add(predictions_batch([(1, 1), (2, 2)], confidences=[0.5, None]))
    metrics = counts.metrics()
    assert (metrics.mean_confidence, metrics.reliability, metrics.risk_coverage) == (None, (), ())


@settings(deadline=None, max_examples=25)
@given(cuts=st.sets(st.integers(0, 300)), seed=st.integers(0, 9))
def test_the_cuts_between_batches_change_nothing(cuts: set[int], seed: int) -> None:
    """Equal to the last bit."""
    batch = random_predictions(300, seed)
    whole, parts = CalibrationCounts(), CalibrationCounts()
    whole.add(Outcomes.of(batch))
    for part in cut(batch, cuts):
        parts.add(Outcomes.of(part))
    assert parts.reliability() == whole.reliability()
    assert parts.risk_coverage() == whole.risk_coverage()
    assert parts.mean_confidence() == whole.mean_confidence()
    assert parts.expected_error() == whole.expected_error()
