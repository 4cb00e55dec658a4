"""What the confidence says: how it agrees with the accuracy, and what refusing below it leaves.

Counts are added per batch and divided once; order and size of the batches do not matter.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_batch.evaluation.outcomes import SCORE_UNIT, THRESHOLDS, Outcomes, among
from mnist_batch.evaluation.proportions import interval, ratio

BINS = 15
"""Bins of confidence, as many as in Guo's paper, see `CalibrationCounts`."""


@dataclass(frozen=True)
class ReliabilityBin:
    """The scored rows whose confidence is in `(low, high]`; the first bin has 0 too.

    Attributes:
        low: the lower bound, 0 to 1.
        high: the upper bound, 0 to 1.
        rows: how many rows there are.
        right: those whose prediction is the label.
        mean_confidence: 0 to 1; None without rows.
    """

    low: float
    high: float
    rows: int
    right: int
    mean_confidence: float | None

    @property
    def accuracy(self) -> float | None:
        """Share of the rows that are right, 0 to 1; None without rows."""
        return ratio(self.right, self.rows)

    @property
    def accuracy_interval(self) -> tuple[float, float] | None:
        """95 % confidence interval of the accuracy (Wilson 1927); None without rows."""
        return interval(self.right, self.rows)


@dataclass(frozen=True)
class Coverage:
    """What is left of the scored rows where those below a confidence are refused.

    R. El-Yaniv, Y. Wiener, "On the foundations of noise-free selective classification", Journal of
    Machine Learning Research 11 (2010): coverage is the share that stays, risk the share of these
    that is wrong.

    Attributes:
        threshold: the least confidence that stays, as a float32, the type of the column.
        rows: how many rows stay.
        right: those of them whose prediction is the label.
        scored: how many rows there are in all.
    """

    threshold: float
    rows: int
    right: int
    scored: int

    @property
    def coverage(self) -> float:
        """Share of the scored rows that stay, 0 to 1."""
        return self.rows / self.scored

    @property
    def accuracy(self) -> float | None:
        """Share of the rows that stay that are right, 0 to 1; None where none stays."""
        return ratio(self.right, self.rows)

    @property
    def accuracy_interval(self) -> tuple[float, float] | None:
        """95 % confidence interval of the accuracy (Wilson 1927); None where none stays."""
        return interval(self.right, self.rows)


class CalibrationCounts:
    """Adds up confidences and right rows.

    The bins of the reliability diagram are 15 of equal width, (0, 1/15], (1/15, 2/15] and so on to
    (14/15, 1]; a confidence of 0 falls into the first. The expected calibration error over them is
    of M. P. Naeini, G. F. Cooper, M. Hauskrecht, AAAI 2015, as C. Guo, G. Pleiss, Y. Sun, K. Q.
    Weinberger, "On calibration of modern neural networks", ICML 2017, use it.

    Attributes:
        rows: the number of scored rows with a confidence so far.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._bins = np.zeros((BINS, 2), np.int64)  # columns: wrong, right
        self._sums = [0] * BINS  # of the confidences, in `SCORE_UNIT`
        self._levels = np.zeros((len(THRESHOLDS), 2), np.int64)  # between thresholds; as above

    def add(self, outcomes: Outcomes) -> None:
        """Count the scored rows of a batch that have a confidence."""
        given = outcomes.scored & outcomes.sure
        right = among(outcomes.right, given)
        exact = among(outcomes.confidences, given).astype(np.float64)
        bins = np.maximum(np.ceil(exact * BINS).astype(np.int64) - 1, 0)
        self._bins += _by_right(bins, right, BINS)
        sums = np.zeros(BINS, np.int64)
        np.add.at(sums, bins, among(outcomes.units, given))
        self._sums = [before + new for before, new in zip(self._sums, sums.tolist(), strict=True)]
        self._levels += _by_right(among(outcomes.levels, given), right, len(THRESHOLDS))
        self.rows += len(right)

    def merge(self, others: "CalibrationCounts") -> None:
        """Add what others have counted."""
        self._bins += others._bins
        self._sums = [one + other for one, other in zip(self._sums, others._sums, strict=True)]
        self._levels += others._levels
        self.rows += others.rows

    def expected_error(self) -> float:
        """Return the expected calibration error of at least one row, 0 to 1.

        The mean over the bins, weighted by their rows, of |accuracy - mean confidence|.
        """
        right: list[int] = self._bins[:, 1].tolist()
        gaps = [abs(n * _ONE - total) for n, total in zip(right, self._sums, strict=True)]
        return sum(gaps) * SCORE_UNIT / self.rows

    def mean_confidence(self) -> float:
        """Return the mean confidence of at least one row, 0 to 1."""
        return sum(self._sums) * SCORE_UNIT / self.rows

    def reliability(self) -> tuple[ReliabilityBin, ...]:
        """Return the bins of the reliability diagram, the lowest first."""
        return tuple(
            ReliabilityBin(
                low=number / BINS,
                high=(number + 1) / BINS,
                rows=wrong + right,
                right=right,
                mean_confidence=total * SCORE_UNIT / rows if (rows := wrong + right) else None,
            )
            for number, ((wrong, right), total) in enumerate(
                zip(self._bins.tolist(), self._sums, strict=True)
            )
        )

    def risk_coverage(self) -> tuple[Coverage, ...]:
        """Return what each of `THRESHOLDS` leaves of at least one row."""
        at_least = self._levels[::-1].cumsum(axis=0)[::-1].tolist()
        return tuple(
            Coverage(threshold, wrong + right, right, self.rows)
            for threshold, (wrong, right) in zip(THRESHOLDS, at_least, strict=True)
        )


_ONE = round(1 / SCORE_UNIT)


def _by_right(places: NDArray[np.int64], right: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Count rows by place, 0 to `count` - 1, and by whether they are right: int64 (count, 2)."""
    return np.bincount(2 * places + right, minlength=2 * count).reshape(count, 2)
