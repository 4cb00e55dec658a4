"""Metrics of predictions: counts are added per batch and divided once, at the end.

Rows without a prediction are counted beside the accuracy, never inside it. Where a number is
undefined (no labels, no samples of a digit) it is None, never 0.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from mnist_batch.mnist import CLASSES
from mnist_batch.schema import PROBABILITIES, reason

NO_REASON = "no reason given"
"""Counted for a row that has neither a prediction nor an error."""

# 97.5 % quantile of the standard normal distribution: 95 % lie within it on both sides.
_Z_95 = 1.959963984540054

# Per-row scores are added as integers in this unit, because the sum of integers, unlike that of
# floats, does not depend on where the batches are cut: predict and evaluate then agree to the
# last digit. Scores are below 2**4, so a batch of up to 2**27 rows fits into an int64.
_SCORE_UNIT = 2.0**-32

BINS = 15
"""Bins of confidence, as many as in Guo's paper, see `ConfidenceBins`."""


@dataclass(frozen=True)
class ClassMetrics:
    """The scores of one digit, over the scored rows.

    Attributes:
        digit: the class, 0 to 9.
        support: rows whose label is the digit.
        predicted: rows whose prediction is the digit.
        precision: right among the predicted, 0 to 1; None where the digit is never predicted.
        recall: right among the support, 0 to 1; None without support.
        f1: 2 tp / (2 tp + fp + fn), 0 to 1; None without support.
    """

    digit: int
    support: int
    predicted: int
    precision: float | None
    recall: float | None
    f1: float | None

    @property
    def undefined(self) -> str:
        """Why a score that is None has no value, in two words."""
        return "never predicted" if self.support else "no samples"


# Compared by identity: the generated == would be ambiguous for an array.
@dataclass(frozen=True, eq=False)
class Metrics:
    """The metrics of a set of predictions.

    Attributes:
        rows: all rows.
        labelled: rows with a label.
        prepared: rows whose image was brought to the MNIST form.
        errors_by_reason: rows without a prediction per reason, most frequent first.
        predictions: rows per predicted digit, labelled or not; 10 counts.
        confusion_matrix: int64 (10, 10), scored rows; rows are true digits, columns predicted.
        log_loss: mean negative logarithm (base e) of the probability given to the true digit,
            clipped to [eps, 1 - eps] with eps = 2**-23, float32's, as scikit-learn clips float32
            probabilities. None unless every scored row has probabilities.
        brier: mean over rows of the sum over digits of (p - [digit is true])**2, 0 to 2; G. W.
            Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather
            Review 78 (1950). None unless every scored row has probabilities.
        calibration_error: the expected calibration error of the confidence, 0 to 1: how far
            accuracy and mean confidence are apart, over 15 bins of equal width over (0, 1], see
            `ConfidenceBins`. None unless every scored row has a confidence.
    """

    rows: int
    labelled: int
    prepared: int
    errors_by_reason: dict[str, int]
    predictions: tuple[int, ...]
    confusion_matrix: NDArray[np.int64]
    log_loss: float | None
    brier: float | None
    calibration_error: float | None

    @property
    def errors(self) -> int:
        """Rows without a prediction."""
        return sum(self.errors_by_reason.values())

    @cached_property
    def scored(self) -> int:
        """Rows with a label and a prediction."""
        return int(self.confusion_matrix.sum())

    @cached_property
    def correct(self) -> int:
        """Scored rows whose prediction is the label."""
        return int(self.confusion_matrix.trace())

    @cached_property
    def accuracy(self) -> float | None:
        """Share of the scored rows that are correct, 0 to 1; None without scored rows."""
        return _ratio(self.correct, self.scored)

    @cached_property
    def accuracy_interval(self) -> tuple[float, float] | None:
        """95 % confidence interval of the accuracy; None without scored rows.

        E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
        Journal of the American Statistical Association 22 (1927). It stays within 0 to 1 and is
        not empty at an accuracy of 1.
        """
        return wilson_interval(self.correct, self.scored) if self.scored else None

    @cached_property
    def per_class(self) -> tuple[ClassMetrics, ...]:
        """The ten digits in order."""
        return tuple(self._class_metrics(digit) for digit in range(CLASSES))

    @property
    def macro_precision(self) -> float | None:
        """Mean precision over the digits with support, where defined."""
        return _mean(metrics.precision for metrics in self._present)

    @property
    def macro_recall(self) -> float | None:
        """Mean recall over the digits with support."""
        return _mean(metrics.recall for metrics in self._present)

    @property
    def macro_f1(self) -> float | None:
        """Mean F1 over the digits with support."""
        return _mean(metrics.f1 for metrics in self._present)

    def confused_pairs(self, n: int = 3) -> list[tuple[int, int, int]]:
        """Return up to `n` (true digit, predicted digit, rows), most rows first, ties by digit."""
        pairs = [
            (int(true), int(predicted), int(self.confusion_matrix[true, predicted]))
            for true, predicted in np.argwhere(self.confusion_matrix)
            if true != predicted
        ]
        return sorted(pairs, key=lambda pair: (-pair[2], pair))[:n]

    @property
    def _present(self) -> list[ClassMetrics]:
        return [metrics for metrics in self.per_class if metrics.support]

    def _class_metrics(self, digit: int) -> ClassMetrics:
        right = int(self.confusion_matrix[digit, digit])
        support = int(self.confusion_matrix[digit].sum())
        predicted = int(self.confusion_matrix[:, digit].sum())
        precision, recall = _ratio(right, predicted), _ratio(right, support)
        # 2 tp + fp + fn is the sum of what is predicted and what there is.
        f1 = 2 * right / (predicted + support) if support else None
        return ClassMetrics(digit, support, predicted, precision, recall, f1)


class ConfidenceBins:
    """Adds up the gaps between confidence and accuracy; order and size of batches do not matter.

    The bins are 15 of equal width, (0, 1/15], (1/15, 2/15] and so on to (14/15, 1]; a confidence
    of 0 falls into the first. The expected calibration error over them is of M. P. Naeini, G. F.
    Cooper, M. Hauskrecht, AAAI 2015, as C. Guo, G. Pleiss, Y. Sun, K. Q. Weinberger, "On
    calibration of modern neural networks", ICML 2017, use it.

    Attributes:
        rows: the number of rows so far.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._gaps = [0] * BINS

    def add(self, confidences: NDArray[np.float32], right: NDArray[np.bool_]) -> None:
        """Count rows: their confidences (n,), 0 to 1, and which of them were right (n,)."""
        exact = confidences.astype(np.float64)
        bins = np.clip(np.ceil(exact * BINS).astype(np.int64) - 1, 0, BINS - 1)
        gaps = np.zeros(BINS, np.int64)
        np.add.at(gaps, bins, np.rint((right - exact) / _SCORE_UNIT).astype(np.int64))
        self._gaps = [before + gap for before, gap in zip(self._gaps, gaps.tolist(), strict=True)]
        self.rows += len(confidences)

    def expected_error(self) -> float:
        """Return the expected calibration error of at least one row, 0 to 1.

        The mean over the bins, weighted by their rows, of |accuracy - mean confidence|.
        """
        return sum(map(abs, self._gaps)) * _SCORE_UNIT / self.rows


class PredictionCounts:
    """Counts predictions by batches; the order and the size of the batches do not matter.

    Attributes:
        rows: the number of rows so far.
    """

    def __init__(self) -> None:
        self.rows = 0
        self._labelled = 0
        self._prepared = 0
        self._errors: Counter[str] = Counter()
        self._predictions = np.zeros(CLASSES, dtype=np.int64)
        self._confusion = np.zeros(CLASSES * CLASSES, dtype=np.int64)
        self._confidences = ConfidenceBins()
        self._with_probabilities = 0
        self._log_loss = 0
        self._brier = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of `batch`: the columns of `schema.PREDICTIONS`, digits within 0 to 9.

        The column of probabilities may be there or not.
        """
        labels, labelled = _digits(batch.column("label"))
        predictions, predicted = _digits(batch.column("prediction"))
        scored = labelled & predicted
        self.rows += batch.num_rows
        self._labelled += int(labelled.sum())
        self._prepared += pc.sum(batch.column("prepared")).as_py() or 0
        self._predictions += np.bincount(predictions[predicted], minlength=CLASSES)
        self._confusion += np.bincount(
            labels[scored] * CLASSES + predictions[scored], minlength=CLASSES * CLASSES
        )
        if not predicted.all():
            errors = batch.column("error").filter(pa.array(~predicted)).fill_null(NO_REASON)
            for entry in pc.value_counts(errors).to_pylist():
                self._errors[reason(entry["values"])] += entry["counts"]
        self._add_confidences(batch.column("confidence"), labels == predictions, scored)
        if PROBABILITIES.name in batch.schema.names:
            self._add_scores(batch.column(PROBABILITIES.name), labels, scored)

    @property
    def errors(self) -> int:
        """Rows without a prediction so far."""
        return self._errors.total()

    def metrics(self) -> Metrics:
        """Return the metrics of the rows so far."""
        confusion = self._confusion.reshape(CLASSES, CLASSES).copy()
        sure = 0 < self._confidences.rows == confusion.sum()
        complete = 0 < self._with_probabilities == confusion.sum()
        return Metrics(
            rows=self.rows,
            labelled=self._labelled,
            prepared=self._prepared,
            errors_by_reason=dict(sorted(self._errors.items(), key=lambda item: (-item[1], item))),
            predictions=tuple(self._predictions.tolist()),
            confusion_matrix=confusion,
            log_loss=self._mean_score(self._log_loss) if complete else None,
            brier=self._mean_score(self._brier) if complete else None,
            calibration_error=self._confidences.expected_error() if sure else None,
        )

    def _add_confidences(
        self, column: pa.Array, right: NDArray[np.bool_], scored: NDArray[np.bool_]
    ) -> None:
        given = scored & column.is_valid().to_numpy(zero_copy_only=False)
        confidences = column.to_numpy(zero_copy_only=False)
        self._confidences.add(confidences[given], right[given])

    def _add_scores(
        self, column: pa.Array, labels: NDArray[np.int64], scored: NDArray[np.bool_]
    ) -> None:
        # Imported here, so that the process that draws does without it.
        from mnist_batch.inference.predictors import log_losses

        given = scored & column.is_valid().to_numpy(zero_copy_only=False)
        values = column.filter(pa.array(given)).flatten().to_numpy(zero_copy_only=False)
        # float64, because the difference to 1 of a confident float32 has few digits left.
        probabilities = values.reshape(-1, CLASSES).astype(np.float64)
        truth = (np.arange(len(probabilities)), labels[given])
        self._log_loss += _in_units(log_losses(probabilities, labels[given]))
        probabilities[truth] -= 1
        self._brier += _in_units(np.square(probabilities).sum(axis=1))
        self._with_probabilities += len(probabilities)

    def _mean_score(self, units: int) -> float:
        return units * _SCORE_UNIT / self._with_probabilities


def wilson_interval(successes: int, trials: int) -> tuple[float, float]:
    """Return Wilson's score interval (1927) at 95 % of a proportion; `trials` is at least 1."""
    share = successes / trials
    z_squared = _Z_95**2
    scale = 1 + z_squared / trials
    centre = (share + z_squared / (2 * trials)) / scale
    spread = share * (1 - share) / trials + z_squared / (4 * trials**2)
    half = _Z_95 * math.sqrt(spread) / scale
    # The bounds are within 0 to 1; rounding may not take them out.
    return max(0.0, centre - half), min(1.0, centre + half)


def _digits(column: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return a column's digits, 0 where it is null, and where it is not null."""
    if not column.null_count:  # the usual case, and four times as fast
        return column.to_numpy().astype(np.int64), np.ones(len(column), np.bool_)
    known = column.is_valid().to_numpy(zero_copy_only=False)
    return column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64), known


def _in_units(scores: NDArray[np.float64]) -> int:
    return int(np.rint(scores / _SCORE_UNIT).astype(np.int64).sum())


def _ratio(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _mean(values: Iterable[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return math.fsum(defined) / len(defined) if defined else None
