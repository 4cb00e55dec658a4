"""The temperature that makes a network right as often as it says: temperature scaling.

C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017.
"""

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int8]
Weights = list[npt.NDArray[np.float32]]

_LIMIT = 4.0  # beyond it all rows are right, or the network guesses: no finite T is best
_STEPS = 40  # each halves the interval: from log(16) to 3e-12, less than float32 can tell


def best_temperature(logits: Logits, labels: Labels) -> float:
    """Return the T, from 1/4 to 4, at which softmax(logits / T) has the lowest log loss.

    The log loss is convex in 1/T, so there is one place where its slope changes its sign; it is
    found by halving the interval.

    Args:
        logits: float32 (n, 10), n at least 1.
        labels: true digits (n,), 0 to 9.
    """
    low, high = -np.log(_LIMIT), np.log(_LIMIT)  # logarithms of 1/T
    for _ in range(_STEPS):
        middle = (low + high) / 2
        if _slope(logits, labels, np.exp(middle)) < 0:
            low = middle
        else:
            high = middle
    return float(np.exp(-(low + high) / 2))


def log_loss(logits: Logits, labels: Labels) -> float:
    """Return the mean negative logarithm (base e) of the true digit's probability, not clipped."""
    exponents = _exponents(logits)
    true = exponents[np.arange(len(labels)), labels]
    return float(np.mean(np.log(np.exp(exponents).sum(axis=1)) - true))


def with_temperature(weights: Weights, temperature: float) -> Weights:
    """Return a network's weights with its logits divided by `temperature`: no layer is added.

    Args:
        weights: of a network whose last layer is Dense: its kernel and its bias come last.
        temperature: above 0.
    """
    *rest, kernel, bias = weights
    factor = np.float32(1 / temperature)
    return [*rest, kernel * factor, bias * factor]


def _slope(logits: Logits, labels: Labels, inverse: float) -> float:
    """Return the derivative of the log loss by 1/T: the mean of E[logit] - logit of the truth."""
    shares = np.exp(_exponents(logits * inverse))
    shares /= shares.sum(axis=1, keepdims=True)
    expected = (shares * logits).sum(axis=1)
    return float(np.mean(expected - logits[np.arange(len(labels)), labels]))


def _exponents(logits: Logits) -> npt.NDArray[np.float64]:
    """Return logits float64, shifted row by row so that the largest is 0: none overflows."""
    exact = logits.astype(np.float64)
    shifted: npt.NDArray[np.float64] = exact - exact.max(axis=1, keepdims=True)
    return shifted
