"""What the input looks like, labels or not: what drifts when a camera or a scanner changes."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mnist_batch.evaluation.outcomes import SCORE_UNIT, Outcomes, among
from mnist_batch.mnist import CLASSES

CONFIDENCE_BINS = 20
INK_BINS = 20
MOST_INK = 96.0
"""Grey level: half of MNIST's images have a mean below 33, one of all 70,000 has one above."""
SIZE_BOUNDS = (28, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024, 1536, 2048, 4096)
"""Pixels: a bin holds sizes up to its bound, above that of the bin before; a last one the rest."""

_SIZE_BINS = np.searchsorted(SIZE_BOUNDS, np.arange(SIZE_BOUNDS[-1] + 2))
"""The bin of each size up to the largest bound, and of one above."""


@dataclass(frozen=True)
class InputProfile:
    """Distributions over the rows that have a prediction.

    Attributes:
        rows: how many rows there are.
        predictions: rows per predicted digit; 10 counts.
        prepared: rows whose image was brought to MNIST form.
        confidence: rows per bin of confidence, `CONFIDENCE_BINS` of equal width over 0 to 1; None
            where the file gives no confidence.
        ink: rows per bin of ink, the mean pixel of the image as the network saw it, `INK_BINS` of
            equal width over 0 to `MOST_INK`, the last one with all above. Rows that an earlier run
            predicted, or whose images are not at hand, are not among them; None without any.
        size: rows per bin of size, the longer side in pixels of the picture that was read, the
            bounds are `SIZE_BOUNDS`; of the same rows as `ink`.
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
        ink = [_histogram_of(one, "ink", INK_BINS) for one in records]
        size = [_histogram_of(one, "size", len(SIZE_BOUNDS) + 1) for one in records]
        return replace(self, ink=_added(ink) or self.ink, size=_added(size) or self.size)

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> "InputProfile":
        """Return the profile that `record` describes, also after it went through JSON."""
        values: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in record.items()
        }
        return cls(**values)


class ProfileCounts:
    """Counts rows for an `InputProfile`; order and size of the batches do not matter."""

    def __init__(self) -> None:
        self._predictions = np.zeros(CLASSES, np.int64)
        self._prepared = 0
        self._sure = 0
        self._sum = 0  # of the confidences, in `SCORE_UNIT`
        self._confidence = np.zeros(CONFIDENCE_BINS, np.int64)
        self._ink = np.zeros(INK_BINS, np.int64)
        self._size = np.zeros(len(SIZE_BOUNDS) + 1, np.int64)

    def add(
        self,
        outcomes: Outcomes,
        ink: NDArray[np.float32] | None = None,
        sizes: NDArray[np.int32] | None = None,
    ) -> None:
        """Count the rows of a batch that have a prediction.

        Args:
            outcomes: the rows.
            ink: (n,), the mean pixel of each image as the network saw it, 0 to 255.
            sizes: (n,), the longer side of each picture as it was read, in pixels.
        """
        predicted, sure = outcomes.predicted, outcomes.sure
        self._predictions += outcomes.cell_counts.reshape(-1, CLASSES).sum(axis=0)
        self._prepared += int((outcomes.prepared & predicted).sum())
        confidences = among(outcomes.confidences, sure)
        self._sure += len(confidences)
        self._sum += int(among(outcomes.units, sure).sum())
        self._confidence += _histogram(confidences, 1.0, CONFIDENCE_BINS)
        if ink is not None:
            self._ink += _histogram(among(ink, predicted), MOST_INK, INK_BINS)
        if sizes is not None:
            bins = _SIZE_BINS[np.minimum(among(sizes, predicted), len(_SIZE_BINS) - 1)]
            self._size += np.bincount(bins, minlength=len(self._size))

    def profile(self) -> InputProfile:
        """Return the profile of the rows so far."""
        return InputProfile(
            rows=int(self._predictions.sum()),
            predictions=tuple(self._predictions.tolist()),
            prepared=self._prepared,
            confidence=_counts(self._confidence),
            ink=_counts(self._ink),
            size=_counts(self._size),
            mean_confidence=self._sum * SCORE_UNIT / self._sure if self._sure else None,
        )


def _histogram_of(record: Mapping[str, Any] | None, name: str, bins: int) -> list[int] | None:
    """Return counts of so many bins from a record that went through JSON; None where it has none.

    It is of a file, which may say anything.
    """
    found = record.get(name) if isinstance(record, dict) else None
    if not isinstance(found, list) or len(found) != bins:
        return None
    return found if all(type(one) is int and one >= 0 for one in found) else None


def _added(histograms: Sequence[list[int] | None]) -> tuple[int, ...] | None:
    """Return the sum of histograms; None where one is missing."""
    known = [one for one in histograms if one is not None]
    if len(known) < len(histograms):
        return None
    return tuple(map(sum, zip(*known, strict=True))) or None


def _histogram(values: NDArray[np.floating[Any]], most: float, bins: int) -> NDArray[np.int64]:
    """Count values by bins of equal width over 0 to `most`, the last one with all above."""
    places = (values * np.float64(bins / most)).astype(np.int64)
    return np.bincount(np.minimum(places, bins - 1), minlength=bins)


def _counts(histogram: NDArray[np.int64]) -> tuple[int, ...] | None:
    return tuple(histogram.tolist()) if histogram.any() else None
