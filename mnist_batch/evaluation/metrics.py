"""Metrics of predictions: counts are added per batch and divided once, at the end.

Rows without a prediction are counted beside the accuracy, never inside it. Where a number is
undefined (no labels, no samples of a class) it is None, never 0.
"""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mnist_batch.evaluation.calibration import CalibrationCounts, Coverage, ReliabilityBin
from mnist_batch.evaluation.outcomes import SCORE_UNIT, Outcomes, Packed, in_units, unlabelled
from mnist_batch.evaluation.proportions import interval, ratio
from mnist_batch.schema import DIGITS, PROBABILITIES, Classes, reason

NO_REASON = "no reason given"
"""Counted for a row that has neither a prediction nor an error."""


@dataclass(frozen=True)
class ClassMetrics:
    """The scores of one class, over the scored rows.

    Attributes:
        digit: the class by its number, from 0.
        support: rows whose label is the class.
        predicted: rows whose prediction is the class.
        precision: right among the predicted, 0 to 1; None where the class is never predicted.
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
        predictions: rows per predicted class, labelled or not.
        confusion_matrix: int64 (n, n), scored rows; rows are true classes, columns predicted.
        log_loss: mean negative logarithm (base e) of the probability given to the true class,
            clipped to [eps, 1 - eps] with eps = 2**-23, float32's, as scikit-learn clips float32
            probabilities. None unless every scored row has probabilities.
        brier: mean over rows of the sum over classes of (p - [class is true])**2, 0 to 2; G. W.
            Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather
            Review 78 (1950). None unless every scored row has probabilities.
        calibration_error: the expected calibration error of the confidence, 0 to 1: how far
            accuracy and mean confidence are apart, over 15 bins of equal width over (0, 1], see
            `CalibrationCounts`. None unless every scored row has a confidence.
        mean_confidence: of the scored rows, 0 to 1; None where `calibration_error` is.
        reliability: those 15 bins; empty where `calibration_error` is None.
        risk_coverage: what is left where rows below a confidence are refused, by `THRESHOLDS`;
            empty where `calibration_error` is None.
        classes: those of labels and predictions.
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
    mean_confidence: float | None = None
    reliability: tuple[ReliabilityBin, ...] = ()
    risk_coverage: tuple[Coverage, ...] = ()
    classes: Classes = DIGITS

    def __repr__(self) -> str:
        """Return how many rows there are and how many are right, in one line."""
        scored = f"{self.correct:,} right of {self.scored:,} with a label"
        return f"<Metrics: {self.rows:,} rows, {scored}>"

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
        return ratio(self.correct, self.scored)

    @cached_property
    def accuracy_interval(self) -> tuple[float, float] | None:
        """95 % confidence interval of the accuracy (Wilson 1927); None without scored rows."""
        return interval(self.correct, self.scored)

    @cached_property
    def per_class(self) -> tuple[ClassMetrics, ...]:
        """The classes in order."""
        return tuple(self._class_metrics(number) for number in range(self.classes.count))

    @property
    def macro_precision(self) -> float | None:
        """Mean precision over the classes with support, where defined."""
        return _mean(metrics.precision for metrics in self._present)

    @property
    def macro_recall(self) -> float | None:
        """Mean recall over the classes with support."""
        return _mean(metrics.recall for metrics in self._present)

    @property
    def macro_f1(self) -> float | None:
        """Mean F1 over the classes with support."""
        return _mean(metrics.f1 for metrics in self._present)

    def confused_pairs(self, n: int = 3) -> list[tuple[int, int, int]]:
        """Return up to `n` (true class, predicted one, rows), most rows first, ties by number."""
        pairs = [
            (int(true), int(predicted), int(self.confusion_matrix[true, predicted]))
            for true, predicted in np.argwhere(self.confusion_matrix)
            if true != predicted
        ]
        return sorted(pairs, key=lambda pair: (-pair[2], pair))[:n]

    def worst_first(self) -> list[ClassMetrics]:
        """Return the classes by recall, the lowest first; those without support come last."""
        return sorted(
            self.per_class, key=lambda one: (one.recall is None, one.recall or 0.0, -one.support)
        )

    def most_confused(self, n: int) -> list[int]:
        """Return up to `n` classes with the most mistakes, in order.

        A mistake counts for the class that it is, and for the one that it is taken for.
        """
        counts = self.confusion_matrix
        wrong = counts.sum(axis=0) + counts.sum(axis=1) - 2 * counts.diagonal()
        return sorted(np.argsort(-wrong, kind="stable")[:n].tolist())

    @property
    def _present(self) -> list[ClassMetrics]:
        return [metrics for metrics in self.per_class if metrics.support]

    def _class_metrics(self, number: int) -> ClassMetrics:
        right = int(self.confusion_matrix[number, number])
        support = int(self.confusion_matrix[number].sum())
        predicted = int(self.confusion_matrix[:, number].sum())
        precision, recall = ratio(right, predicted), ratio(right, support)
        # 2 tp + fp + fn is the sum of what is predicted and what there is.
        f1 = 2 * right / (predicted + support) if support else None
        return ClassMetrics(number, support, predicted, precision, recall, f1)


class PredictionCounts:
    """Counts predictions by batches; the order and the size of the batches do not matter.

    Attributes:
        rows: the number of rows so far.
    """

    def __init__(self, classes: Classes = DIGITS) -> None:
        """Begin, with rows of some classes."""
        self.rows = 0
        self._classes = classes
        self._labelled = 0
        self._prepared = 0
        self._errors: Counter[str] = Counter()
        self._predictions = np.zeros(classes.count, dtype=np.int64)
        self._confusion = np.zeros(unlabelled(classes.count), dtype=np.int64)
        self._calibration = CalibrationCounts()
        self._with_probabilities = 0
        self._log_loss = 0
        self._brier = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Count the rows of `batch`: the columns of `schema.PREDICTIONS`, classes within theirs.

        The column of probabilities may be there or not.
        """
        self.add_outcomes(Outcomes.of(batch, self._classes))

    def add_outcomes(self, outcomes: Outcomes) -> None:
        """Count rows, as `add` does."""
        batch, predicted, by_cell = outcomes.batch, outcomes.predicted, outcomes.cell_counts
        self.rows += len(outcomes)
        self._labelled += int(outcomes.labelled.sum())
        self._prepared += int(outcomes.prepared.sum())
        self._predictions += by_cell.reshape(-1, outcomes.count).sum(axis=0)
        self._confusion += by_cell[: len(self._confusion)]
        if not predicted.all():
            errors = batch.column("error").filter(pa.array(~predicted)).fill_null(NO_REASON)
            for entry in errors.value_counts().to_pylist():
                self._errors[reason(entry["values"])] += entry["counts"]
        self._calibration.add(outcomes)
        if PROBABILITIES.name in batch.schema.names:
            self._add_scores(batch.column(PROBABILITIES.name), outcomes.labels, outcomes.scored)

    def __getstate__(self) -> dict[str, Any]:
        """Return what is pickled."""
        return vars(self) | {"_confusion": Packed.of(self._confusion)}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Begin with what was pickled."""
        vars(self).update(state | {"_confusion": state["_confusion"].unpacked()})

    def merge(self, others: "PredictionCounts") -> None:
        """Add what others have counted, of the same classes."""
        self.rows += others.rows
        self._labelled += others._labelled
        self._prepared += others._prepared
        self._errors.update(others._errors)
        self._predictions += others._predictions
        self._confusion += others._confusion
        self._calibration.merge(others._calibration)
        self._with_probabilities += others._with_probabilities
        self._log_loss += others._log_loss
        self._brier += others._brier

    def metrics(self) -> Metrics:
        """Return the metrics of the rows so far."""
        confusion = self._confusion.reshape(self._classes.count, -1).copy()
        sure = 0 < self._calibration.rows == confusion.sum()
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
            calibration_error=self._calibration.expected_error() if sure else None,
            mean_confidence=self._calibration.mean_confidence() if sure else None,
            reliability=self._calibration.reliability() if sure else (),
            risk_coverage=self._calibration.risk_coverage() if sure else (),
            classes=self._classes,
        )

    def _add_scores(
        self, column: pa.Array, labels: NDArray[np.int64], scored: NDArray[np.bool_]
    ) -> None:
        # Imported here, so that the process that draws does without it.
        from mnist_batch.inference.probabilities import log_losses

        given = scored & column.is_valid().to_numpy(zero_copy_only=False)
        values = column.filter(pa.array(given)).flatten().to_numpy(zero_copy_only=False)
        # float64, because the difference to 1 of a confident float32 has few digits left.
        probabilities = values.reshape(-1, self._classes.count).astype(np.float64)
        truth = (np.arange(len(probabilities)), labels[given])
        self._log_loss += int(in_units(log_losses(probabilities, labels[given])).sum())
        probabilities[truth] -= 1
        self._brier += int(in_units(np.square(probabilities).sum(axis=1)).sum())
        self._with_probabilities += len(probabilities)

    def _mean_score(self, units: int) -> float:
        return units * SCORE_UNIT / self._with_probabilities


def _mean(values: Iterable[float | None]) -> float | None:
    defined = [value for value in values if value is not None]
    return math.fsum(defined) / len(defined) if defined else None
