"""The gallery: images to look at, by true and predicted class.

Of wrong rows these are the most confident, of right ones the least confident; of rows without a
label the least confident of each predicted class.
"""

import math
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mnist_batch.decoding.decode import DecodedBatch
from mnist_batch.evaluation.found_images import Place
from mnist_batch.evaluation.outcomes import Outcomes, Packed, number_of_cells, unlabelled
from mnist_batch.evaluation.samples import of_split
from mnist_batch.mnist import SIDE
from mnist_batch.schema import DIGITS, Classes, Grey, Images

MOST_WRONG = 4760
"""Wrong rows that are chosen, over all cells: about as many as fit on a page."""

MOST_OTHERS = 12
"""Rows that are chosen of each class among the right ones, and among those without a label: with
the wrong ones 5,000 in all of ten classes, whose images take 4 MB, and their originals up to 20 MB;
9,560 of 200 classes."""


@dataclass(frozen=True, eq=False)
class GalleryImage:
    """A row with its images.

    Attributes:
        index: the row's place in the whole stream, from 0.
        source: the file, as in the predictions.
        row: the row in the source.
        label: the true class; None without a label.
        prediction: the predicted class.
        confidence: of the prediction, 0 to 1; None where the file gives none.
        prepared: whether the image was brought to MNIST form.
        image: uint8 (28, 28), as the network saw it; None where the images are not at hand.
        original: a grey picture uint8 (h, w) of what was read, reduced to at most 64 pixels on its
            longer side; None unless the image was prepared and what was read is at hand.
        digit, picture: as of `found_images.Place`.
    """

    index: int
    source: str
    row: int
    label: int | None
    prediction: int
    confidence: float | None
    prepared: bool
    image: NDArray[np.uint8] | None
    original: Grey | None
    digit: int | None = None
    picture: int | None = None

    def place(self) -> Place:
        """Return where its image is to be found."""
        return Place(self.index, self.source, self.row, digit=self.digit, picture=self.picture)


@dataclass(frozen=True, eq=False)
class GalleryCell:
    """Rows of one true and one predicted class.

    Attributes:
        label: the true class; None for rows without a label.
        prediction: the predicted class.
        rows: how many rows there are.
        images: those chosen, in the order of the gallery: wrong ones the most confident first,
            right and unlabelled ones the least confident first.
    """

    label: int | None
    prediction: int
    rows: int
    images: Sequence[GalleryImage]


class GalleryChooser:
    """Chooses the rows of the gallery, wherever batches are cut, and keeps their images alone.

    Wrong rows are the most confident of each cell: as many of each as lets all cells together have
    `MOST_WRONG`, fewer where a cell has fewer. Where there are more cells of wrong rows than that,
    as from 70 classes on, they are the most confident of each true class instead. Right ones, and
    those without a label, are the `MOST_OTHERS` least confident of each class. Of equal ones the
    first in the stream are chosen.
    """

    def __init__(self, classes: Classes = DIGITS) -> None:
        """Begin, with rows of some classes."""
        self._count = classes.count
        # Rows of each cell so far.
        self._seen = np.zeros(number_of_cells(self._count), np.int64)
        # Only a row whose key is below that of its cell may still be chosen.
        self._last = np.full(len(self._seen), np.inf, np.float32)
        self._parts: list[_Rows] = []
        self._new = 0  # rows in the parts, without the first one

    def __getstate__(self) -> tuple[int, Packed, list["_Rows"]]:
        """Return what is pickled: the rest follows from it."""
        return self._count, Packed.of(self._seen), self._parts

    def __setstate__(self, state: tuple[int, Packed, list["_Rows"]]) -> None:
        """Begin with what was pickled."""
        self._count, seen, self._parts = state
        self._seen = seen.unpacked()
        self._last = np.full(seen.size, np.inf, np.float32)
        self._new = sum(len(rows.index) for rows in self._parts)

    @cached_property
    def _wrong(self) -> NDArray[np.bool_]:
        """Which cells are of wrong rows: bool (cells,)."""
        cells = np.arange(len(self._seen))
        wrong: NDArray[np.bool_] = cells // self._count != cells % self._count
        return wrong & (cells < unlabelled(self._count))

    @cached_property
    def _signs(self) -> NDArray[np.float32]:
        """What a confidence is multiplied by for the key of a row, the lowest of which are chosen.

        By cell: float32 (cells,).
        """
        return np.where(self._wrong, np.float32(-1), np.float32(1))

    @cached_property
    def _rivals(self) -> NDArray[np.int64]:
        """The cells whose rows compete have the number of one of them: int64 (cells,)."""
        cells = np.arange(len(self._seen))
        if self._wrong.sum() <= MOST_WRONG:
            return cells
        true = cells // self._count
        return np.where(self._wrong, true * self._count + (true == 0), cells)

    def add(
        self,
        start: int,
        outcomes: Outcomes,
        images: Images | None = None,
        decoded: DecodedBatch | None = None,
    ) -> None:
        """Choose among the rows of the next batch too.

        Args:
            start: place in the whole stream of the batch's first row, from 0.
            outcomes: the rows.
            images: uint8 (n, 28, 28), one per row of the batch; kept by copy.
            decoded: the same rows, with what their images were made of.
        """
        cells = outcomes.cells
        keys = outcomes.confidences * self._signs[cells]
        if not outcomes.sure.all():
            keys[~outcomes.sure] = 2  # behind all others
        self._seen += outcomes.cell_counts
        places = np.flatnonzero(outcomes.predicted & (keys < self._last[cells]))
        if not len(places):
            return  # as in most batches of a long stream that is mostly right
        if len(places) > _MOST_NEW:
            most = self._most(MOST_WRONG)
            places = places[self._first(cells[places], keys[places], places, most)]
        columns = [*_COLUMNS, *of_split(outcomes.batch)]
        self._parts.append(
            _Rows(
                cells[places],
                keys[places],
                start + places,
                outcomes.batch.select(columns).take(pa.array(places)),
                np.full(len(places), -1) if images is None else np.arange(len(places)),
                _NONE if images is None else images[places],
                _originals(decoded, start, places[outcomes.prepared[places]]) if decoded else {},
            )
        )
        self._new += len(places)
        if self._new > _MOST_NEW:
            self._settle()

    def merge(self, start: int, later: "GalleryChooser") -> None:
        """Choose among the rows that another one has chosen of those that follow, too.

        It chose among fewer, so it has all that may be chosen among more.

        Args:
            start: place in the whole stream of the other's first row.
            later: with places from 0.
        """
        self._seen += later._seen
        for rows in later._parts:
            places = np.flatnonzero(rows.key < self._last[rows.cell])
            if len(places):
                self._parts.append(rows.at(places).moved(start))
                self._new += len(places)
        if self._new > _MOST_NEW:
            self._settle()

    def settle(self, share: float) -> None:
        """Let go of rows that are not chosen, and of images as of a part that is to be merged.

        A part that is the `share` of the whole, 0 to 1, keeps as many images as it will need at
        four times its share; the others are found again if they are chosen after all.
        """
        if not self._parts:
            return
        self._settle()
        [rows] = self._parts
        most = self._most(math.ceil(_SPARE * share * MOST_WRONG))
        most[~self._wrong] = min(MOST_OTHERS, math.ceil(_SPARE * share * MOST_OTHERS))
        self._parts = [rows.with_images_of(self._first(rows.cell, rows.key, rows.index, most))]

    def cells(self) -> list[GalleryCell]:
        """Return the cells that have rows, by label and prediction, those without a label last.

        Images are there of rows that came with them.
        """
        if not self._parts:
            return []
        self._settle()
        rows = self._parts[0]
        chosen: dict[int, list[GalleryImage]] = {}
        for place, (cell, index, columns) in enumerate(
            zip(rows.cell.tolist(), rows.index.tolist(), rows.columns.to_pylist(), strict=True)
        ):
            known = rows.image[place]
            image = None if known < 0 else rows.images[known]
            original = rows.originals.get(index) if image is not None else None
            one = GalleryImage(index=index, image=image, original=original, **columns)
            chosen.setdefault(cell, []).append(one)
        return [
            GalleryCell(
                label=None if cell >= unlabelled(self._count) else cell // self._count,
                prediction=cell % self._count,
                rows=int(self._seen[cell]),
                images=chosen.get(cell, []),
            )
            for cell in np.flatnonzero(self._seen).tolist()
        ]

    def _settle(self) -> None:
        """Keep of all parts what may still be chosen."""
        rows = _joined(self._parts)
        most = self._most(MOST_WRONG)
        rows = rows.at(self._first(rows.cell, rows.key, rows.index, most))
        self._parts, self._new = [rows], 0
        last = np.full(len(self._last), np.inf, np.float32)
        rivals = self._rivals[rows.cell]
        ends = np.flatnonzero(np.diff(rivals, append=len(last)))  # of rivals, the last row
        full = np.diff(ends, prepend=-1) >= most[rivals[ends]]
        last[rivals[ends[full]]] = rows.key[ends[full]]
        self._last = last[self._rivals]

    def _first(
        self,
        cells: NDArray[np.int64],
        keys: NDArray[np.float32],
        index: NDArray[np.int64],
        most: NDArray[np.int64],
    ) -> NDArray[np.int64]:
        """Return the places of the rows to choose among some, the first of rivals first.

        `most` are how many of each cell and its rivals, int64 (cells,).
        """
        rivals = self._rivals[cells]
        order = np.lexsort((index, keys, rivals))
        rivals = rivals[order]
        rank = np.arange(len(rivals)) - np.searchsorted(rivals, rivals)
        return order[rank < most[rivals]]

    def _most(self, most_wrong: int) -> NDArray[np.int64]:
        """Return how many rows of each cell and its rivals are chosen at most: int64 (cells,).

        All wrong ones are `most_wrong`. It never grows while rows are added, so what is not chosen
        now is not chosen at the end.
        """
        wrong = np.bincount(self._rivals[self._wrong], self._seen[self._wrong])

        def chosen(most: int) -> int:
            return int(np.minimum(wrong, most).sum())

        most = np.full(len(self._seen), MOST_OTHERS)
        most[self._wrong] = bisect_right(range(most_wrong + 1), most_wrong, key=chosen) - 1
        return most


_COLUMNS = ["source", "row", "label", "prediction", "confidence", "prepared"]

_NONE = np.zeros((0, SIDE, SIDE), np.uint8)

_SPARE = 4
"""Times the images that a part has on the average in the gallery of the whole."""

_MOST_NEW = 3000
"""Rows that are kept, beside those chosen so far, until it is chosen among them."""


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows that may be chosen; entry i of every attribute is the same row."""

    cell: NDArray[np.int64]
    key: NDArray[np.float32]  # the lowest of a cell are chosen
    index: NDArray[np.int64]  # places in the whole stream
    columns: pa.RecordBatch  # `_COLUMNS`
    image: NDArray[np.int64]  # places among the images, -1 for a row whose image is not at hand
    images: Images
    originals: Mapping[int, Grey]  # by `index`

    def at(self, places: NDArray[np.int64]) -> "_Rows":
        """Return the rows at some places, copied."""
        index, known, image = self.index[places], self.originals, self.image[places]
        there = image >= 0
        return _Rows(
            self.cell[places],
            self.key[places],
            index,
            self.columns.take(pa.array(places)),
            np.where(there, np.cumsum(there) - 1, -1),
            self.images[image[there]],
            {one: known[one] for one in index.tolist() if one in known} if known else known,
        )

    def with_images_of(self, places: NDArray[np.int64]) -> "_Rows":
        """Return the rows with the images and originals of those at some places alone."""
        shown = self.at(places)
        image = np.full(len(self.index), -1)
        image[places] = shown.image
        return replace(self, image=image, images=shown.images, originals=shown.originals)

    def moved(self, start: int) -> "_Rows":
        """Return the rows with a number added to their places."""
        originals = {start + index: grey for index, grey in self.originals.items()}
        return replace(self, index=start + self.index, originals=originals)


def _originals(decoded: DecodedBatch, start: int, places: NDArray[np.int64]) -> dict[int, Grey]:
    """Return what the images at some places of a batch were made of, by index."""
    originals = {start + place: decoded.original(place) for place in places.tolist()}
    return {index: grey for index, grey in originals.items() if grey is not None}


def _joined(parts: Sequence[_Rows]) -> _Rows:
    """Return the rows of all parts."""
    starts = accumulate((len(part.images) for part in parts), initial=0)
    images = [
        np.where(part.image < 0, -1, start + part.image)
        for part, start in zip(parts, starts, strict=False)
    ]
    return _Rows(
        np.concatenate([part.cell for part in parts]),
        np.concatenate([part.key for part in parts]),
        np.concatenate([part.index for part in parts]),
        pa.concat_batches([part.columns for part in parts]),
        np.concatenate(images),
        np.concatenate([part.images for part in parts]),
        {index: grey for part in parts for index, grey in part.originals.items()},
    )
