"""The best temperature is SciPy's, makes the log loss lower and changes no prediction."""

import numpy as np
import pytest
import scipy.optimize
import scipy.special
import sklearn.metrics
from numpy.typing import NDArray

from mnist_batch.training.fitting import best_temperature, log_loss, with_temperature


def outputs(
    confidence: float, *, n: int = 500, seed: int = 1
) -> tuple[NDArray[np.float32], NDArray[np.int8]]:
    """Return logits whose softmax at temperature 1 / `confidence` is true, and digits so drawn."""
    random = np.random.default_rng(seed)
    logits = random.normal(0, 2, (n, 10))
    shares = scipy.special.softmax(logits, axis=1)
    labels = np.array([random.choice(10, p=row) for row in shares], np.int8)
    return (confidence * logits).astype(np.float32), labels


@pytest.mark.parametrize("confidence", [0.5, 1, 2.5])
def test_the_log_loss_is_scikit_learns(confidence: float) -> None:
    """Of the softmax of the logits."""
    logits, labels = outputs(confidence)
    shares = scipy.special.softmax(logits.astype(np.float64), axis=1)
    expected = sklearn.metrics.log_loss(labels, shares, labels=range(10))
    assert log_loss(logits, labels) == pytest.approx(expected, rel=1e-9)


def test_the_log_loss_does_not_overflow() -> None:
    """By hand: 1000 more is all the probability there is, 1000 less costs 1000."""
    logits = np.zeros((1, 10), np.float32)
    logits[0, 3] = 1000
    assert log_loss(logits, np.array([3], np.int8)) == 0
    assert log_loss(logits, np.array([4], np.int8)) == pytest.approx(1000)


@pytest.mark.parametrize("confidence", [0.4, 1, 3])
def test_the_best_temperature_is_scipys(confidence: float) -> None:
    """Found by another search, of the lowest log loss and not of a slope."""
    logits, labels = outputs(confidence)
    found = scipy.optimize.minimize_scalar(
        lambda temperature: sklearn.metrics.log_loss(
            labels,
            scipy.special.softmax(logits.astype(np.float64) / temperature, axis=1),
            labels=range(10),
        ),
        bounds=(0.25, 4),
        method="bounded",
        options={"xatol": 1e-9},
    )
    assert best_temperature(logits, labels) == pytest.approx(found.x, rel=1e-4)
    assert best_temperature(logits, labels) == pytest.approx(confidence, rel=0.15)


@pytest.mark.parametrize("confidence", [0.4, 3])
def test_the_best_temperature_lowers_the_log_loss_and_keeps_the_predictions(
    confidence: float,
) -> None:
    """Of a network that is not sure enough, and of one that is too sure."""
    logits, labels = outputs(confidence)
    scaled = logits / np.float32(best_temperature(logits, labels))
    assert log_loss(scaled, labels) < log_loss(logits, labels) - 0.05
    np.testing.assert_array_equal(scaled.argmax(axis=1), logits.argmax(axis=1))


def test_the_temperature_has_limits() -> None:
    """All right: surer would be better for ever. All wrong: the less sure the better."""
    logits = 3 * np.eye(10, dtype=np.float32)
    labels = np.arange(10, dtype=np.int8)
    assert best_temperature(logits, labels) == pytest.approx(0.25)
    assert best_temperature(logits, (labels + 1) % 10) == pytest.approx(4)


def test_a_temperature_divides_the_logits() -> None:
    """By the last layer's kernel and bias; the layers before stay as they are."""
    random = np.random.default_rng(2)
    shapes = [(784, 5), (5,), (5, 10), (10,)]
    weights = [random.normal(size=shape).astype(np.float32) for shape in shapes]
    cooler = with_temperature(weights, 2.5)
    hidden = random.normal(size=(3, 5)).astype(np.float32)
    np.testing.assert_allclose(
        hidden @ cooler[2] + cooler[3], (hidden @ weights[2] + weights[3]) / 2.5, rtol=1e-5
    )
    np.testing.assert_array_equal(cooler[0], weights[0])
    np.testing.assert_array_equal(cooler[1], weights[1])
    assert {array.dtype for array in cooler} == {np.dtype(np.float32)}
