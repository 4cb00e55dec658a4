"""Samples: a few rows of the predictions, chosen at random, and their images.

The same rows are chosen wherever batches are cut.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mnist_batch.evaluation.found_images import Place
from mnist_batch.mnist import SIDE
from mnist_batch.schema import DIGIT, Images

_MASK = 2**64 - 1

PICTURE = "picture"
"""A column beside those of predictions where pictures are split: the place of each row's picture
among those of the input, from 0."""


def of_split(batch: pa.RecordBatch) -> list[str]:
    """Return the columns that tell which digit of which picture rows are, if they are there."""
    return [DIGIT.name, PICTURE] if PICTURE in batch.schema.names else []


@dataclass(frozen=True, eq=False)
class Samples:
    """The chosen rows, in row order; entry i of every attribute is the same row.

    Attributes:
        index: int64 (k,), the rows' places in the whole stream, from 0, ascending.
        source: the files, as in the predictions.
        row: int64 (k,), the rows in the sources.
        label: the true classes, None where a row has no label.
        prediction: the predicted classes.
        confidence: of the predictions, 0 to 1; None where a file gives none.
        images: uint8 (k, 28, 28), light strokes on black, 0 to 255; None where not given.
        digit, picture: as of `found_images.Place`.
    """

    index: NDArray[np.int64]
    source: list[str]
    row: NDArray[np.int64]
    label: list[int | None]
    prediction: list[int]
    confidence: list[float | None]
    images: NDArray[np.uint8] | None
    digit: Sequence[int | None] = ()
    picture: Sequence[int | None] = ()

    def places(self) -> list[Place]:
        """Return where the images of these rows are to be found."""
        count = len(self.index)
        digits, pictures = self.digit or [None] * count, self.picture or [None] * count
        rows = zip(self.index.tolist(), self.source, self.row.tolist(), strict=True)
        return [
            Place(*row, digit=digit, picture=picture)
            for row, digit, picture in zip(rows, digits, pictures, strict=True)
        ]

    def with_images(self, images: Sequence[Images] | Images) -> "Samples":
        """Return these rows with `images`, uint8 (k, 28, 28), in the same order."""
        return replace(self, images=np.array(images, np.uint8).reshape(-1, SIDE, SIDE))


@dataclass(frozen=True, eq=False)
class _Row:
    key: int
    index: int
    source: str
    row: int
    label: int | None
    prediction: int
    confidence: float | None
    image: NDArray[np.uint8] | None
    digit: int | None = None
    picture: int | None = None


class SampleChooser:
    """Chooses `size` rows among those that have a prediction, or all if there are fewer.

    Each row has a random key that depends on `seed`, the place of its picture in the input and its
    number in the picture alone; the rows with the smallest keys are chosen. Neither the cuts
    between batches nor their order matter, every set of rows is equally likely, and only the chosen
    images are kept in memory.

    Attributes:
        seed: any integer.
        size: rows to choose, at least 1.
        first: place in the input of the first picture of a part that is to be merged.
    """

    def __init__(self, seed: int, size: int = 10, first: int = 0) -> None:
        self.seed = seed
        self.size = size
        self.first = first
        self._chosen: list[_Row] = []  # ascending by key

    def add(
        self, start: int, batch: pa.RecordBatch, images: NDArray[np.uint8] | None = None
    ) -> None:
        """Choose among the rows of `batch` too.

        Args:
            start: place of the batch's first row among those of the stream, or of the part, from 0.
            batch: predictions, columns of `schema.PREDICTIONS`, and where pictures are split
                `digit` and `PICTURE`.
            images: uint8 (n, 28, 28), one per row of the batch; kept by copy.
        """
        keys = self._keys(start, batch)
        takes_part = np.ones(len(keys), np.bool_)
        if len(self._chosen) == self.size:
            takes_part = keys < self._chosen[-1].key
            if not takes_part.any():
                return  # as in nearly every batch of a long stream
        takes_part &= batch.column("prediction").is_valid().to_numpy(zero_copy_only=False)
        candidates = np.flatnonzero(takes_part)
        smallest = candidates[np.argsort(keys[candidates])][: self.size]
        columns = ["source", "row", "label", "prediction", "confidence", *of_split(batch)]
        rows = batch.select(columns).take(pa.array(smallest))
        new = [
            _Row(
                key=int(keys[place]),
                index=start + int(place),
                image=None if images is None else images[place].copy(),
                **row,
            )
            for place, row in zip(smallest, rows.to_pylist(), strict=True)
        ]
        self._choose(new)

    def merge(self, start: int, later: "SampleChooser") -> None:
        """Choose among the rows that another one has chosen of those that follow, too.

        `start` is the place of the other's first row, as of `add`.
        """
        rows = later._chosen
        if len(self._chosen) == self.size:  # then few of them are chosen
            last = self._chosen[-1].key
            rows = [row for row in rows if row.key < last]
        if rows:
            self._choose([replace(row, index=start + row.index) for row in rows])

    def _choose(self, new: list[_Row]) -> None:
        chosen = sorted(self._chosen + new, key=lambda row: (row.key, row.index))
        self._chosen = chosen[: self.size]

    def _keys(self, start: int, batch: pa.RecordBatch) -> NDArray[np.uint64]:
        """Return the keys of rows, uint64 (n,)."""
        if PICTURE not in batch.schema.names:
            first = np.uint64(self.first + start)
            return _splitmix64(self.seed, first + np.arange(len(batch), dtype=np.uint64))
        pictures = batch.column(PICTURE).to_numpy().astype(np.uint64)
        keys = _splitmix64(self.seed, pictures)
        digits = batch.column(DIGIT.name).fill_null(0).to_numpy().astype(np.uint64)
        # The digits after the first are outputs of a generator that the picture's key seeds.
        return np.where(digits == 0, keys, _splitmix64(keys, digits))

    def samples(self) -> Samples:
        """Return the rows chosen so far; without images unless every batch came with them."""
        rows = sorted(self._chosen, key=lambda row: row.index)
        images = [row.image for row in rows if row.image is not None]
        return Samples(
            index=np.array([row.index for row in rows], dtype=np.int64),
            source=[row.source for row in rows],
            row=np.array([row.row for row in rows], dtype=np.int64),
            label=[row.label for row in rows],
            prediction=[row.prediction for row in rows],
            confidence=[row.confidence for row in rows],
            images=np.stack(images) if images and len(images) == len(rows) else None,
            digit=[row.digit for row in rows],
            picture=[row.picture for row in rows],
        )


def _splitmix64(seed: int | NDArray[np.uint64], places: NDArray[np.uint64]) -> NDArray[np.uint64]:
    """Return outputs of the generator SplitMix64 by their places, from 0: uint64 (n,).

    G. L. Steele, D. Lea, C. H. Flood, "Fast splittable pseudorandom number generators", OOPSLA
    2014. Output i is a bijective mix of seed + (i + 1) * gamma, so each can be computed alone and
    no two of one seed are equal. Arrays of uint64 wrap around without a warning, as intended.
    """
    gamma = np.uint64(0x9E3779B97F4A7C15)
    state = np.uint64(seed & _MASK) if isinstance(seed, int) else seed
    z = state + (places + np.uint64(1)) * gamma
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
