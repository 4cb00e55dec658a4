"""What the input looks like, labels or not: what drifts when a camera or a scanner changes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mnist_batch.evaluation.outcomes import SCORE_UNIT, Outcomes, among
from mnist_batch.schema import DIGITS, Classes

CONFIDENCE_BINS = 20
INK_BINS = 20
MOST_INK = 96.0
"""Grey level: half of MNIST's images have a mean below 33, one of all 70,000 has one above."""
SIZE_BOUNDS = (28, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
"""Pixels: a bin holds sizes up to its bound, above that of the bin before; a last one the rest."""

_MOST_ROWS = 2**50
"""What counts of rows are below: some of them can be added."""

_SIZE_BINS = np.searchsorted(SIZE_BOUNDS, np.arange(SIZE_BOUNDS[-1] + 2))
"""The bin of each size up to the largest bound, and of one above."""


@dataclass(frozen=True)
class InputProfile:
    """Distributions over the rows that have a prediction.

    Attributes:
        rows: how many rows there are.
        predictions: rows per predicted class.
        prepared: rows whose image was brought to MNIST form.
        confidence: rows per bin of confidence, `CONFIDENCE_BINS` of equal width over 0 to 1; None
            where the file gives no confidence.
        ink: rows per bin of ink, the mean pixel of the image as the network saw it, `INK_BINS` of
            equal width over 0 to `MOST_INK`, the last one with all above; None where it is not
            known of all rows.
        size: rows per bin of size, the longer side in pixels of the picture that was read, the
            bounds are `SIZE_BOUNDS`; None as `ink`.
        mean_confidence: 0 to 1; None without confidences.
    """

    rows: int
    predictions: tuple[int, ...]
    prepared: int
    confidence: tuple[int, ...] | None
    ink: tuple[int, ...] | None
    size: tuple[int, ...] | None
    mean_confidence: float | None

    def record(self) -> dict[str, Any]:
        """Return it as JSON holds it, for `of`."""
        return asdict(self)

    def of_images(self) -> dict[str, Any]:
        """Return what only the images tell, for the record of a run; `with_images` reads it."""
        return {"ink": self.ink, "size": self.size}

    def with_images(self, records: Sequence[Mapping[str, Any] | None]) -> "InputProfile":
        """Return it with what the records of runs say of their images, added up.

        It stays as it is where a run has no such record, as before this release, or another one.
        """
        counts = [ImageCounts.of_record(one) for one in records]
        known = [one for one in counts if one is not None]
        if not known or len(known) < len(counts):
            return self
        ink = np.sum([one.ink for one in known], axis=0)
        size = np.sum([one.size for one in known], axis=0)
        return replace(self, ink=_counts(ink, self.rows), size=_counts(size, self.rows))

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "InputProfile":
        """Return the profile that `record` describes, also after it went through JSON."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in record.items()
        }
        return cls(**values)


class ImageCounts(NamedTuple):
    """What only the images tell of rows that have a prediction, counted as in `InputProfile`.

    Attributes:
        ink: int64 (`INK_BINS`,).
        size: int64 (`len(SIZE_BOUNDS) + 1`,).
    """

    ink: NDArray[np.int64]
    size: NDArray[np.int64]

    @classmethod
    def of(
        cls, predicted: NDArray[np.bool_], ink: NDArray[np.float32], sizes: NDArray[np.int32]
    ) -> "ImageCounts":
        """Count rows.

        Args:
            predicted: (n,), whether a row has a prediction.
            ink: (n,), the mean pixel of each image as the network saw it, 0 to 255.
            sizes: (n,), the longer side of each picture as it was read, in pixels.
        """
        bins = _SIZE_BINS[np.minimum(among(sizes, predicted), len(_SIZE_BINS) - 1)]
        return cls(
            _histogram(among(ink, predicted), MOST_INK, INK_BINS),
            np.bincount(bins, minlength=len(SIZE_BOUNDS) + 1),
        )

    def record(self) -> dict[str, list[int]]:
        """Return it as JSON holds it, for `of_record`."""
        return {"ink": self.ink.tolist(), "size": self.size.tolist()}

    @classmethod
    def of_record(cls, record: object) -> "ImageCounts | None":
        """Return the counts that `record` holds, which went through JSON; None where it has none.

        It is of a file, which may say anything.
        """
        ink = _histogram_of(record, "ink", INK_BINS)
        size = _histogram_of(record, "size", len(SIZE_BOUNDS) + 1)
        return None if ink is None or size is None else cls(ink, size)


class ProfileCounts:
    """Counts rows for an `InputProfile`; order and size of the batches do not matter."""

    def __init__(self, classes: Classes = DIGITS) -> None:
        self._predictions = np.zeros(classes.count, np.int64)
        self._prepared = 0
        self._sure = 0
        self._sum = 0  # of the confidences, in `SCORE_UNIT`
        self._confidence = np.zeros(CONFIDENCE_BINS, np.int64)
        self._ink = np.zeros(INK_BINS, np.int64)
        self._size = np.zeros(len(SIZE_BOUNDS) + 1, np.int64)

    def add(self, outcomes: Outcomes) -> None:
        """Count the rows of a batch that have a prediction."""
        predicted, sure = outcomes.predicted, outcomes.sure
        self._predictions += outcomes.cell_counts.reshape(-1, outcomes.count).sum(axis=0)
        self._prepared += int((outcomes.prepared & predicted).sum())
        confidences = among(outcomes.confidences, sure)
        self._sure += len(confidences)
        self._sum += int(among(outcomes.units, sure).sum())
        self._confidence += _histogram(confidences, 1.0, CONFIDENCE_BINS)

    def add_images(self, images: ImageCounts) -> None:
        """Add what is known of the images of such rows."""
        self._ink += images.ink
        self._size += images.size

    def merge(self, others: "ProfileCounts") -> None:
        """Add what others have counted, of the same classes."""
        self._predictions += others._predictions
        self._prepared += others._prepared
        self._sure += others._sure
        self._sum += others._sum
        self._confidence += others._confidence
        self._ink += others._ink
        self._size += others._size

    def profile(self) -> InputProfile:
        """Return the profile of the rows so far."""
        rows = int(self._predictions.sum())
        return InputProfile(
            rows=rows,
            predictions=tuple(self._predictions.tolist()),
            prepared=self._prepared,
            confidence=tuple(self._confidence.tolist()) if self._confidence.any() else None,
            ink=_counts(self._ink, rows),
            size=_counts(self._size, rows),
            mean_confidence=self._sum * SCORE_UNIT / self._sure if self._sure else None,
        )


def _histogram_of(record: object, name: str, bins: int) -> NDArray[np.int64] | None:
    """Return counts of so many bins from a record that went through JSON; None where it has none.

    It is of a file, which may say anything.
    """
    found = record.get(name) if isinstance(record, dict) else None
    if not isinstance(found, list) or len(found) != bins:
        return None
    if not all(type(one) is int and 0 <= one < _MOST_ROWS for one in found):
        return None
    return np.array(found, np.int64)


def _histogram(values: NDArray[np.floating[Any]], most: float, bins: int) -> NDArray[np.int64]:
    """Count values by bins of equal width over 0 to `most`, the last one with all above."""
    places = (values * np.float64(bins / most)).astype(np.int64)
    return np.bincount(np.minimum(places, bins - 1), minlength=bins)


def _counts(histogram: NDArray[np.int64], rows: int) -> tuple[int, ...] | None:
    """Return a histogram of some rows; None without any, or if it is not of all of them."""
    return tuple(histogram.tolist()) if rows and histogram.sum() == rows else None
