"""Finding a few rows of the inputs again: the images of predictions, and what rows are called."""

from bisect import bisect
from itertools import accumulate

import numpy as np

from mnist_batch.errors import InputError
from mnist_batch.evaluation.samples import Samples
from mnist_batch.inputs.image_files import ImageFileShard
from mnist_batch.inputs.parquet.files import ParquetShard
from mnist_batch.inputs.shards import Shard, text_of_path
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.mnist import SIDE
from mnist_batch.options import BATCH_ROWS, Prepare
from mnist_batch.preprocessing.preparation import prepare_batch
from mnist_batch.schema import ImageBatch, Images

_BATCH_ROWS = 64
"""Rows read at once: few, since all of a batch that holds a sample is decoded."""


def find_images(samples: Samples, opened: OpenInputs, rows: int, prepare: Prepare) -> Images:
    """Return the images of samples, as the network saw them.

    Args:
        samples: rows of the predictions.
        opened: the inputs that were predicted.
        rows: the number of predictions.
        prepare: which images were brought to MNIST form.

    Returns:
        uint8 (k, 28, 28), in the order of the samples.

    Raises:
        InputError: these are not the inputs that were predicted: another number of rows, or
            another image in the place of a sample.
    """
    if opened.rows != rows:
        raise InputError(
            f"--images holds {opened.rows:,} images, the predictions {rows:,} rows; name the "
            "INPUT that was predicted"
        )
    images = np.zeros((len(samples.index), SIDE, SIDE), np.uint8)
    starts = accumulate((shard.rows for shard in opened.shards), initial=0)
    for shard, start in zip(opened.shards, starts, strict=False):
        if np.any((samples.index >= start) & (samples.index < start + shard.rows)):
            _find_in_shard(samples, shard, start, prepare, images)
    return images


def _find_in_shard(
    samples: Samples, shard: Shard, start: int, prepare: Prepare, images: Images
) -> None:
    """Fill in the images of those samples that lie in a shard, whose first row is `start`."""
    for batch in shard.read(_BATCH_ROWS):
        inside = (samples.index >= start) & (samples.index < start + len(batch))
        if inside.any():
            decoded = prepare_batch(batch, prepare).images
            for place in np.flatnonzero(inside):
                row = int(samples.index[place]) - start
                _check_same(samples, int(place), batch, row)
                images[place] = decoded[row]
        start += len(batch)


def _check_same(samples: Samples, place: int, batch: ImageBatch, row: int) -> None:
    found = (batch.source[row].as_py(), batch.row[row].as_py())
    expected = (samples.source[place], int(samples.row[place]))
    if found != expected:
        raise InputError(
            f"--images has {found[0]} (row {found[1]}) where the predictions have {expected[0]} "
            f"(row {expected[1]}); name what was predicted, in the same order"
        )


def find_place(opened: OpenInputs, row: int) -> tuple[str, int]:
    """Return the columns `source` and `row` of a row, by its place in the whole input from 0."""
    starts = [*accumulate((shard.rows for shard in opened.shards), initial=0)]
    number = bisect(starts, row) - 1
    shard, place = opened.shards[number], row - starts[number]
    # Where the images tell nothing of their names, they are not read: 8,000 may be large ones.
    if isinstance(shard, ImageFileShard):
        return text_of_path(shard.sources[place]), 0
    if isinstance(shard, ParquetShard) and not shard.file.packed:
        return text_of_path(shard.file.source), shard.first_row + place
    for batch in shard.read(BATCH_ROWS):
        if place < len(batch):
            return batch.source[place].as_py(), batch.row[place].as_py()
        place -= len(batch)
    raise IndexError(f"row {row} of {opened.rows}")
