"""Metrics agree with scikit-learn, whatever is missing and wherever the batches are cut."""

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import sklearn.metrics
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_batch.evaluation.metrics import NO_REASON, Metrics, PredictionCounts
from mnist_batch.mnist import CLASSES
from tests.support.prediction_batches import Row, predictions_batch


def metrics_of(*batches: pa.RecordBatch) -> Metrics:
    """Return the metrics of some batches."""
    counts = PredictionCounts()
    for batch in batches:
        counts.add(batch)
    return counts.metrics()


def everything(metrics: Metrics) -> dict[str, Any]:
    """Return all numbers of `metrics`, for comparison."""
    methods = {"confused_pairs", "most_confused", "worst_first"}
    names = [name for name in dir(metrics) if not name.startswith("_") and name not in methods]
    values = {name: getattr(metrics, name) for name in names}
    return values | {"confusion_matrix": metrics.confusion_matrix.tolist()}


def scored(rows: Sequence[Row]) -> tuple[list[int], list[int]]:
    """Return labels and predictions of the rows that have both."""
    pairs = [(a, b) for a, b in rows if a is not None and b is not None]
    return [a for a, _ in pairs], [b for _, b in pairs]


@st.composite
def some_rows(draw: st.DrawFn) -> list[Row]:
    """Rows of a few of the classes, some without a label, some without a prediction."""
    present = st.sampled_from(draw(st.lists(st.integers(0, 9), min_size=1, max_size=10)))
    row = st.tuples(st.none() | present, st.none() | present | st.integers(0, 9))
    return draw(st.lists(row, max_size=60))


@given(rows=some_rows())
def test_the_confusion_matrix_is_scikit_learns(rows: list[Row]) -> None:
    """Rows are true digits and columns predicted; rows that lack either are in no cell."""
    metrics = metrics_of(predictions_batch(rows))
    labels, predictions = scored(rows)
    if labels:
        expected = sklearn.metrics.confusion_matrix(labels, predictions, labels=range(CLASSES))
        np.testing.assert_array_equal(metrics.confusion_matrix, expected)
        assert metrics.accuracy == sklearn.metrics.accuracy_score(labels, predictions)
    else:
        assert not metrics.confusion_matrix.any()
        assert metrics.accuracy is None
        assert metrics.accuracy_interval is None


@given(rows=some_rows())
def test_precision_recall_and_f1_are_scikit_learns(rows: list[Row]) -> None:
    """Per class and macro, over the classes with support; nan there is None here."""
    metrics = metrics_of(predictions_batch(rows))
    labels, predictions = scored(rows)
    present = sorted(set(labels))
    if not present:
        assert metrics.macro_precision is metrics.macro_recall is metrics.macro_f1 is None
        return
    arguments: dict[str, Any] = {"labels": present, "zero_division": np.nan}
    scores = sklearn.metrics.precision_recall_fscore_support
    expected = np.array(scores(labels, predictions, **arguments))
    ours = [metrics.per_class[digit] for digit in present]
    found = np.array([[c.precision, c.recall, c.f1, c.support] for c in ours], dtype=float)
    np.testing.assert_allclose(found.T, expected)
    macro = (metrics.macro_precision, metrics.macro_recall, metrics.macro_f1)
    with warnings.catch_warnings():
        # NumPy's, where no class was ever predicted and the mean is over nothing.
        warnings.simplefilter("ignore", RuntimeWarning)
        expected_macro = scores(labels, predictions, average="macro", **arguments)[:3]
    np.testing.assert_allclose(np.array(macro, dtype=float), expected_macro)


@given(rows=some_rows())
def test_every_row_is_counted_once(rows: list[Row]) -> None:
    """Rows are predicted or have an error; labelled and scored count what they say."""
    metrics = metrics_of(predictions_batch(rows))
    assert metrics.rows == len(rows)
    assert metrics.labelled == sum(label is not None for label, _ in rows)
    assert metrics.scored == len(scored(rows)[0])
    assert sum(metrics.predictions) + sum(metrics.errors_by_reason.values()) == len(rows)


def random_probabilities(n: int, seed: int = 5) -> NDArray[np.float32]:
    """Return float32 (n, 10) rows that sum to 1, one in four with all on one class."""
    generator = np.random.default_rng(seed)
    probabilities = generator.dirichlet(np.full(CLASSES, 0.3), size=n)
    probabilities[::4] = np.eye(CLASSES)[generator.integers(0, CLASSES, len(probabilities[::4]))]
    return probabilities.astype(np.float32)


def probability_batch(n: int) -> tuple[pa.RecordBatch, NDArray[np.int64], NDArray[np.float32]]:
    """Return a batch in which every fifth row has no prediction, and the scored rows of it."""
    labels = np.random.default_rng(6).integers(0, CLASSES, n)
    probabilities = random_probabilities(n)
    readable = np.arange(n) % 5 != 0
    rows: list[Row] = [
        (int(label), int(row.argmax()) if read else None)
        for label, row, read in zip(labels, probabilities, readable, strict=True)
    ]
    given_rows = [row if read else None for row, read in zip(probabilities, readable, strict=True)]
    confidences = [None if row is None else float(row.max()) for row in given_rows]
    batch = predictions_batch(rows, probabilities=given_rows, confidences=confidences)
    return batch, labels[readable], probabilities[readable]


def test_log_loss_is_scikit_learns() -> None:
    """Also where a network was sure and wrong: clipped at float32's epsilon."""
    batch, labels, probabilities = probability_batch(400)
    expected = sklearn.metrics.log_loss(labels, probabilities, labels=range(CLASSES))
    assert metrics_of(batch).log_loss == pytest.approx(expected, rel=1e-6)


def test_the_brier_score_is_the_mean_squared_distance_to_the_one_hot_label() -> None:
    """Brier 1950: the sum over the classes, the mean over the rows."""
    batch, labels, probabilities = probability_batch(400)
    expected = ((probabilities.astype(float) - np.eye(CLASSES)[labels]) ** 2).sum(axis=1).mean()
    assert metrics_of(batch).brier == pytest.approx(expected, rel=1e-9)


def test_a_sure_and_wrong_prediction_has_the_worst_scores() -> None:
    """By hand: -ln(2**-23) and 1 + 1."""
    batch = predictions_batch([(3, 4)], probabilities=[np.eye(CLASSES)[4]])
    metrics = metrics_of(batch)
    assert metrics.log_loss == pytest.approx(23 * np.log(2))
    assert metrics.brier == 2


def test_without_all_probabilities_there_is_no_log_loss() -> None:
    """None rather than a mean over some of the scored rows."""
    with_probabilities, _, _ = probability_batch(10)
    metrics = metrics_of(with_probabilities, predictions_batch([(1, 1)]))
    assert metrics.log_loss is None
    assert metrics.brier is None


def plain_calibration_error(confidences: NDArray[np.float32], right: NDArray[np.bool_]) -> float:
    """Return it as Guo et al. define it in equations 1 to 3, bin by bin."""
    error = 0.0
    for m in range(1, 16):
        inside = ((m - 1) / 15 < confidences) & (confidences <= m / 15)
        if inside.any():
            gap = right[inside].mean() - confidences[inside].mean(dtype=np.float64)
            error += inside.sum() / len(right) * abs(gap)
    return error


@pytest.mark.parametrize("seed", range(5))
def test_the_calibration_error_is_the_papers(seed: int) -> None:
    """Of a network that is right half of the time, so not sure enough or too sure by bin."""
    generator = np.random.default_rng(seed)
    confidences = generator.random(300).astype(np.float32)
    right = generator.random(300) < 0.5
    rows: list[Row] = [(3, 3 if hit else 4) for hit in right]
    error = metrics_of(predictions_batch(rows, confidences=confidences.tolist())).calibration_error
    assert error == pytest.approx(plain_calibration_error(confidences, right), abs=1e-9)


def test_the_calibration_error_is_over_the_scored_rows() -> None:
    """Whatever else there is, and with the column of probabilities as without it."""
    batch, labels, probabilities = probability_batch(400)
    expected = plain_calibration_error(
        probabilities.max(axis=1), probabilities.argmax(axis=1) == labels
    )
    for given_batch in (batch, batch.drop_columns("probabilities")):
        error = metrics_of(given_batch).calibration_error
        assert error == pytest.approx(expected, abs=1e-9)


def test_a_network_that_is_right_as_often_as_it_says_has_no_calibration_error() -> None:
    """By hand: three of four at 0.75 are right, and a wrong one more leaves |0.6 - 0.75|."""
    rows: list[Row] = [(1, 1), (2, 2), (3, 3), (4, 9)]
    perfect = predictions_batch(rows, confidences=[0.75] * 4)
    assert metrics_of(perfect).calibration_error == 0
    one_more = predictions_batch([(5, 6)], confidences=[0.75])
    assert metrics_of(perfect, one_more).calibration_error == pytest.approx(0.15)


def test_gaps_of_different_bins_do_not_cancel_out() -> None:
    """By hand: too sure by 0.875 once, not sure enough by 0.375 once; the mean is 0.625."""
    batch = predictions_batch([(1, 2), (3, 3)], confidences=[0.875, 0.625])
    assert metrics_of(batch).calibration_error == 0.625


def test_gaps_within_a_bin_do_cancel_out() -> None:
    """By hand: 1 and 0.9375 are both above 14/15; one of two is right, 0.96875 was said."""
    batch = predictions_batch([(1, 2), (3, 3)], confidences=[1, 0.9375])
    assert metrics_of(batch).calibration_error == 0.46875


def test_without_all_confidences_there_is_no_calibration_error() -> None:
    """None rather than a mean over some of the scored rows; without a label none is needed."""
    rows: list[Row] = [(1, 1), (2, 2)]
    assert metrics_of(predictions_batch(rows, confidences=[1, None])).calibration_error is None
    rows = [(1, 1), (None, 2)]
    assert metrics_of(predictions_batch(rows, confidences=[1, None])).calibration_error == 0


@pytest.mark.parametrize("size", [1, 7, 400])
def test_the_cuts_between_batches_change_nothing(size: int) -> None:
    """Every number is equal to the last bit for batches of 1, 7 and n rows."""
    batch, _, _ = probability_batch(400)
    pieces = [batch.slice(start, size) for start in range(0, batch.num_rows, size)]
    assert everything(metrics_of(*pieces)) == everything(metrics_of(batch))


def test_the_order_of_batches_changes_nothing() -> None:
    """Counts of parts that were computed in parallel may be added as they come."""
    batch, _, _ = probability_batch(100)
    pieces = [batch.slice(start, 9) for start in range(0, 100, 9)]
    assert everything(metrics_of(*reversed(pieces))) == everything(metrics_of(batch))


def test_errors_are_counted_by_reason() -> None:
    """The details after the colon are left out; the most frequent reason comes first."""
    rows: list[Row] = [(None, None), (1, None), (2, 2), (3, None), (None, None)]
    errors = ["too large: 9000x9000", "not an image: a", None, "not an image: b", None]
    metrics = metrics_of(predictions_batch(rows, errors=errors))
    assert list(metrics.errors_by_reason.items()) == [
        ("not an image", 2),
        (NO_REASON, 1),
        ("too large", 1),
    ]


def test_prepared_rows_are_counted() -> None:
    """Those that were brought to the MNIST form, with and without a prediction."""
    batch = predictions_batch([(1, 1), (1, 1), (2, None)], prepared=[True, False, True])
    assert metrics_of(batch).prepared == 2


def test_a_class_without_samples_has_no_recall() -> None:
    """None says that nothing is known; 0 would say that all were wrong."""
    metrics = metrics_of(predictions_batch([(1, 2), (1, 1)]))
    two, three = metrics.per_class[2], metrics.per_class[3]
    assert (two.support, two.predicted, two.precision, two.recall, two.f1) == (0, 1, 0, None, None)
    assert (three.precision, three.recall, three.undefined) == (None, None, "no samples")


def test_a_class_that_is_never_predicted_has_no_precision() -> None:
    """Its recall and F1 are 0, and the macro precision is over the other classes."""
    metrics = metrics_of(predictions_batch([(1, 2), (2, 2)]))
    one = metrics.per_class[1]
    assert (one.precision, one.recall, one.f1) == (None, 0, 0)
    assert one.undefined == "never predicted"
    assert metrics.macro_precision == 0.5


def test_the_pairs_most_often_confused_come_first() -> None:
    """Right predictions are no pairs; equal counts are in the order of the digits."""
    rows = [*[(4, 9)] * 3, *[(7, 2)] * 2, *[(3, 5)] * 2, *[(3, 3)] * 9, (0, 6)]
    metrics = metrics_of(predictions_batch(rows))
    assert metrics.confused_pairs() == [(4, 9, 3), (3, 5, 2), (7, 2, 2)]
    assert metrics.confused_pairs(1) == [(4, 9, 3)]


def test_no_batches_give_empty_metrics() -> None:
    """An empty input is no error here: zeros for counts, None for shares."""
    metrics = metrics_of()
    assert (metrics.rows, metrics.scored, metrics.prepared) == (0, 0, 0)
    assert metrics.accuracy is metrics.log_loss is metrics.macro_f1 is None
    assert metrics.calibration_error is None
    assert metrics.predictions == (0,) * CLASSES
    assert metrics.confused_pairs() == []
