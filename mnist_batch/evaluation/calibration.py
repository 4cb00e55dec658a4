"""Whether a network is right as often as it says: how far off it is, and a cure.

Both are from C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On calibration of modern neural
networks", ICML 2017: the expected calibration error (of M. P. Naeini, G. F. Cooper, M. Hauskrecht,
AAAI 2015) and temperature scaling.
"""

import numpy as np
import numpy.typing as npt

Logits = npt.NDArray[np.float32]
Labels = npt.NDArray[np.int8]
Weights = list[npt.NDArray[np.float32]]

BINS = 15
"""Bins of confidence, as many as in the paper."""

# Gaps are added as integers in this unit, so that sums do not depend on the cuts between batches.
_UNIT = 2.0**-32

_LIMIT = 4.0  # beyond it all rows are right, or the network guesses: no finite T is best
_STEPS = 40  # each halves the interval: from log(16) to 3e-12, less than float32 can tell


class ConfidenceBins:
    """Adds up how far confidence and accuracy are apart; order and size of batches do not matter.

    The bins are 15 of equal width, (0, 1/15], (1/15, 2/15] and so on to (14/15, 1]; a confidence
    of 0 falls into the first.

    Attributes:
        rows: the number of rows so far.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._gaps = [0] * BINS

    def add(self, confidences: npt.NDArray[np.float32], right: npt.NDArray[np.bool_]) -> None:
        """Count rows: their confidences (n,), 0 to 1, and which of them were right (n,)."""
        exact = confidences.astype(np.float64)
        bins = np.clip(np.ceil(exact * BINS).astype(np.int64) - 1, 0, BINS - 1)
        gaps = np.zeros(BINS, np.int64)
        np.add.at(gaps, bins, np.rint((right - exact) / _UNIT).astype(np.int64))
        self._gaps = [before + gap for before, gap in zip(self._gaps, gaps.tolist(), strict=True)]
        self.rows += len(confidences)

    def expected_error(self) -> float:
        """Return the expected calibration error of at least one row, 0 to 1.

        The mean over the bins, weighted by their rows, of |accuracy - mean confidence|.
        """
        return sum(map(abs, self._gaps)) * _UNIT / self.rows


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
