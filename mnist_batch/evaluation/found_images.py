"""Find the images of a few rows of the predictions in the inputs that were predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, islice
from typing import TYPE_CHECKING

import numpy as np

from mnist_batch.decoding.decode import DecodedBatch
from mnist_batch.errors import InputError
from mnist_batch.inference.content import content_hashes
from mnist_batch.options import Prepare, Several
from mnist_batch.schema import Grey, ImageBatch, Images

if TYPE_CHECKING:
    from mnist_batch.inputs.sources import OpenInputs

_BATCH_ROWS = 64
"""Rows read at once: few, since few of them are kept."""


@dataclass(frozen=True)
class Place:
    """A row of predictions.

    Attributes:
        index: its place in the whole stream, from 0.
        source, row, digit: its columns; `digit` is None where pictures are not split.
        picture: the place of its picture among those of the input, from 0; None for `index`, where
            pictures are not split.
        content_key: of its content, see `predicted_rows.key_of`; None where it is not known.
    """

    index: int
    source: str
    row: int
    content_key: int | None = None
    digit: int | None = None
    picture: int | None = None

    @property
    def input_row(self) -> int:
        """The place of its picture among those of the input."""
        return self.index if self.picture is None else self.picture


@dataclass(frozen=True, eq=False)
class FoundImage:
    """The image of a row.

    Attributes:
        image: uint8 (28, 28), as the network saw it.
        original: as of `GalleryImage`.
        prepared: whether the image was brought to MNIST form.
    """

    image: Images
    original: Grey | None = None
    prepared: bool = False


def find_images(
    places: Sequence[Place],
    opened: "OpenInputs",
    rows: int,
    prepare: Prepare,
    several: Several = Several.ERROR,
) -> Mapping[int, FoundImage]:
    """Return the images of rows, by index.

    Args:
        places: rows of the predictions, in ascending order.
        opened: the inputs that were predicted.
        rows: the number of pictures that were predicted.
        prepare: which images were brought to MNIST form.
        several: whether pictures were split into their digits.

    Raises:
        InputError: these are not the inputs that were predicted: another number of rows, or
            another image in the place of a row.
    """
    if opened.rows != rows:
        raise InputError(
            f"--images and the predictions differ in rows: {opened.rows:,} and {rows:,}; name the "
            "INPUT that was predicted"
        )
    # Imported here, so that whoever evaluates without images does without it.
    from mnist_batch.preprocessing.mnist_form import prepare_batch

    by_picture: dict[int, list[Place]] = {}
    for place in places:
        by_picture.setdefault(place.input_row, []).append(place)
    index = np.array([*by_picture], np.int64)
    left = iter(by_picture.values())
    found: dict[int, FoundImage] = {}
    starts = accumulate((shard.rows for shard in opened.shards), initial=0)
    for shard, start in zip(opened.shards, starts, strict=False):
        inside = index[(index >= start) & (index < start + shard.rows)]
        if len(inside):
            for batch in shard.take(inside - start).read(_BATCH_ROWS):
                wanted = list(islice(left, len(batch)))
                _check_same([same[0] for same in wanted], batch)
                decoded = prepare_batch(batch, prepare, several=several, with_thumbnails=True)
                found |= _found(wanted, decoded)
    return found


def _found(wanted: Sequence[Sequence[Place]], decoded: DecodedBatch) -> dict[int, FoundImage]:
    """Return the images of places, by index, each of which `wanted` has by its picture."""
    split = decoded.split
    parents = np.arange(len(wanted)) if split is None else split.parents
    found = {}
    for start, places in zip(np.searchsorted(parents, range(len(wanted))), wanted, strict=True):
        for place in places:
            row = int(start) + (place.digit or 0)
            prepared = bool(decoded.prepared[row])
            image, original = decoded.images[row].copy(), decoded.original(row)
            found[place.index] = FoundImage(image, original, prepared)
    return found


def _check_same(places: Sequence[Place], batch: ImageBatch) -> None:
    """Check that a batch is of the first of some rows."""
    # Imported here: with it comes what reads predictions, which most runs only write.
    from mnist_batch.evaluation.comparison.predicted_rows import key_of

    contents = content_hashes(batch).to_pylist()
    named = zip(batch.source.to_pylist(), batch.row.to_pylist(), strict=True)
    for place, found, content in zip(places, named, contents, strict=False):
        if found != (place.source, place.row):
            raise InputError(
                f"--images has {found[0]} (row {found[1]}) where the predictions have "
                f"{place.source} (row {place.row}); name what was predicted, in the same order"
            )
        if None not in (content, place.content_key) and key_of(content) != place.content_key:
            raise InputError(
                f"--images has another image as {place.source} (row {place.row}) than was "
                "predicted; name what was predicted, as it was then"
            )
