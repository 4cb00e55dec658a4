"""Find the images of a few rows of the predictions in the inputs that were predicted."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

import numpy as np

from mnist_batch.errors import InputError
from mnist_batch.evaluation.comparison.predicted_rows import key_of
from mnist_batch.inference.content import content_hashes
from mnist_batch.options import Prepare
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
        source, row: its columns.
        content_key: of its content, see `predicted_rows.key_of`; None where it is not known.
    """

    index: int
    source: str
    row: int
    content_key: int | None = None


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
    places: Sequence[Place], opened: "OpenInputs", rows: int, prepare: Prepare
) -> Mapping[int, FoundImage]:
    """Return the images of rows, by index.

    Args:
        places: rows of the predictions, in ascending order.
        opened: the inputs that were predicted.
        rows: the number of predictions.
        prepare: which images were brought to MNIST form.

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

    index = np.array([place.index for place in places], np.int64)
    found: list[FoundImage] = []
    starts = accumulate((shard.rows for shard in opened.shards), initial=0)
    for shard, start in zip(opened.shards, starts, strict=False):
        inside = index[(index >= start) & (index < start + shard.rows)]
        if len(inside):
            for batch in shard.take(inside - start).read(_BATCH_ROWS):
                _check_same(places[len(found) :], batch)
                decoded = prepare_batch(batch, prepare, with_thumbnails=True)
                for number, image in enumerate(decoded.images):
                    prepared = bool(decoded.prepared[number])
                    found.append(FoundImage(image.copy(), decoded.original(number), prepared))
    return {place.index: one for place, one in zip(places, found, strict=True)}


def _check_same(places: Sequence[Place], batch: ImageBatch) -> None:
    """Check that a batch is of the first of some rows."""
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
