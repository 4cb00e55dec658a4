"""What came of the rows of a batch, as arrays: all that is counted is counted from these."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mnist_batch.schema import DIGITS, Classes

ScalarT = TypeVar("ScalarT", bound=np.generic)

SCORE_UNIT = 2.0**-32
"""Per-row scores are added as integers in this unit, because the sum of integers, unlike that of
floats, does not depend on where the batches are cut: predict and evaluate then agree to the last
digit. Scores are below 2**4, so a batch of up to 2**27 rows fits into an int64."""


THRESHOLDS = (0.0, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.999)
"""Confidences below which a row may be refused; 0 refuses none."""

_LEAST = np.array(THRESHOLDS, np.float32)


def unlabelled(count: int) -> int:
    """Return the first cell of rows without a label, of so many classes: see `Outcomes.cells`."""
    return count * count


def number_of_cells(count: int) -> int:
    """Return how many cells there are of so many classes."""
    return count * (count + 1)


class Packed(NamedTuple):
    """Counts of which most are 0, to be pickled: those of 1,000 classes have a million cells."""

    places: NDArray[np.int64]  # of those that are not
    counts: NDArray[np.int64]
    size: int  # of all

    @classmethod
    def of(cls, counts: NDArray[np.int64]) -> "Packed":
        """Pack counts, int64 (n,)."""
        places = np.flatnonzero(counts)
        return cls(places, counts[places], len(counts))

    def unpacked(self) -> NDArray[np.int64]:
        """Return them."""
        counts = np.zeros(self.size, np.int64)
        counts[self.places] = self.counts
        return counts


def among(values: NDArray[ScalarT], which: NDArray[np.bool_]) -> NDArray[ScalarT]:
    """Return the values of some rows; all of them, as is usual, in less time."""
    return values if which.all() else values[which]


def in_units(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Return scores in `SCORE_UNIT`, rounded: int64 (n,)."""
    return np.rint(scores / SCORE_UNIT).astype(np.int64)


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Rows of predictions; entry i of every array is the same row.

    Attributes:
        batch: columns of `schema.PREDICTIONS`, classes within the `count`; others may follow.
        labels: int64 (n,), the true classes, 0 where a row has none.
        labelled: bool (n,), which have one.
        predictions: int64 (n,), the predicted classes, 0 where a row has none.
        predicted: bool (n,), which have one.
        count: how many classes there are.
    """

    batch: pa.RecordBatch
    labels: NDArray[np.int64]
    labelled: NDArray[np.bool_]
    predictions: NDArray[np.int64]
    predicted: NDArray[np.bool_]
    count: int

    @classmethod
    def of(cls, batch: pa.RecordBatch, classes: Classes = DIGITS) -> "Outcomes":
        """Return those of a batch."""
        labels, labelled = _numbers(batch.column("label"))
        predictions, predicted = _numbers(batch.column("prediction"))
        return cls(batch, labels, labelled, predictions, predicted, classes.count)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.labels)

    @cached_property
    def scored(self) -> NDArray[np.bool_]:
        """Which rows have a label and a prediction: bool (n,)."""
        return self.labelled & self.predicted

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Which scored rows have their label as prediction: bool (n,)."""
        equal: NDArray[np.bool_] = self.labels == self.predictions
        return self.scored & equal

    @cached_property
    def sure(self) -> NDArray[np.bool_]:
        """Which rows have a prediction and its confidence: bool (n,)."""
        return self.predicted & _is_valid(self.batch.column("confidence"))

    @cached_property
    def confidences(self) -> NDArray[np.float32]:
        """The confidences, 0 to 1, 0 where a row has none: float32 (n,)."""
        column = self.batch.column("confidence")
        if column.null_count:
            column = column.fill_null(0)
        values: NDArray[np.float32] = column.to_numpy()
        return values

    @cached_property
    def units(self) -> NDArray[np.int64]:
        """The confidences in `SCORE_UNIT`: int64 (n,)."""
        return in_units(self.confidences.astype(np.float64))

    @cached_property
    def levels(self) -> NDArray[np.int64]:
        """The last of `THRESHOLDS` that each confidence reaches: int64 (n,)."""
        return np.searchsorted(_LEAST, self.confidences, side="right") - 1

    @cached_property
    def cells(self) -> NDArray[np.int64]:
        """What each row is counted by: `count` times its label, and its prediction.

        Rows without a label have that of one more class, see `unlabelled`. It says nothing of rows
        without a prediction: int64 (n,).
        """
        if self.labelled.all():
            return self.labels * self.count + self.predictions
        true = np.where(self.labelled, self.labels * self.count, unlabelled(self.count))
        return true + self.predictions

    @cached_property
    def cell_counts(self) -> NDArray[np.int64]:
        """Rows with a prediction, by cell: int64 (cells,), see `number_of_cells`."""
        cells = among(self.cells, self.predicted)
        return np.bincount(cells, minlength=number_of_cells(self.count))

    @cached_property
    def prepared(self) -> NDArray[np.bool_]:
        """Which images were brought to MNIST form: bool (n,)."""
        column = self.batch.column("prepared")
        if column.null_count:  # as another program may write it
            column = column.fill_null(False)
        values: NDArray[np.bool_] = column.to_numpy(zero_copy_only=False)
        return values


def _numbers(column: pa.Array) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """Return a column's numbers, 0 where it is null, and where it is not null."""
    if not column.null_count:  # the usual case, and four times as fast
        return column.to_numpy().astype(np.int64), _is_valid(column)
    known = _is_valid(column)
    return column.fill_null(0).to_numpy(zero_copy_only=False).astype(np.int64), known


def _is_valid(column: pa.Array) -> NDArray[np.bool_]:
    """Return where a column is not null: bool (n,)."""
    if not column.null_count:
        return np.ones(len(column), np.bool_)
    valid: NDArray[np.bool_] = column.is_valid().to_numpy(zero_copy_only=False)
    return valid
