"""Read labelled images, spread over an input, at each scale, prepared and not."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from mnist_batch.errors import InputError
from mnist_batch.inference.pipeline import predict_batches
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.trials.scale_trials import Labelled, ScaleTrials, read_at_each_scale
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs.shards import spread_rows
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.mnist import SIDE
from mnist_batch.options import Prepare

TRIAL_ROWS = 2000  # rows that `inspect` tries the scales on: enough to tell 0.98 from 0.97


def try_ways(
    predictor: Predictor,
    opened: OpenInputs,
    usual: Prepare,
    *,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ScaleTrials:
    """Read up to `TRIAL_ROWS` labelled images, spread over an input, at each scale.

    Args:
        predictor: the network, at any scale.
        opened: the input.
        usual: how `predict` prepares images for it. The other way, `never` or `auto`, is tried too
            where it gives other images.
        workers: threads that read the images; None for one a core.
        progress: called after each batch of them, in the calling thread.

    Raises:
        InputError: none of the rows has a label and pixels; and whatever `predict_batches` raises.
    """
    ways = sample_in_each_way(predictor, opened, usual, workers=workers, progress=progress)
    return read_at_each_scale(predictor, ways)


def sample_in_each_way(
    predictor: Predictor,
    opened: OpenInputs,
    usual: Prepare,
    *,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> list[Labelled]:
    """Return what `try_ways` reads: the images as usual, and the other way if that differs."""
    shards = spread_rows(opened.shards, TRIAL_ROWS)
    rows = sum(shard.rows for shard in shards)
    sample = replace(opened, shards=shards, rows=rows)
    other = Prepare.AUTO if usual is Prepare.NEVER else Prepare.NEVER
    ways = [
        _read_sample(predictor, sample, prepare, workers=workers, progress=progress)
        for prepare in (usual, other)
    ]
    had = ~np.logical_and.reduce([way.failed for way in ways])
    if not had.any():
        raise InputError(
            f"{opened.files[0]}: none of {rows:,} images that were looked at has both a label and "
            "pixels that can be read; name labelled digits, or their labels with --labels"
        )
    ways = [
        Labelled(way.images[had], way.digits[had], way.failed[had], way.prepare) for way in ways
    ]
    return ways[:1] if np.array_equal(ways[0].images, ways[1].images) else ways


def _read_sample(
    predictor: Predictor,
    sample: OpenInputs,
    prepare: Prepare,
    *,
    workers: int | None,
    progress: Callable[[Progress], None] | None,
) -> Labelled:
    """Return all labelled rows of an input, prepared in one way."""
    images = [np.zeros((0, SIDE, SIDE), np.uint8)]
    digits, failed = [np.zeros(0, np.int8)], [np.zeros(0, np.bool_)]
    done = errors = 0
    for batch in predict_batches(sample, predictor, prepare=prepare, workers=workers):
        label, error = batch.predictions["label"], batch.predictions["error"]
        known = np.flatnonzero(label.is_valid())
        images.append(batch.images[known])
        digits.append(label.take(pa.array(known)).to_numpy())
        failed.append(error.is_valid().to_numpy(zero_copy_only=False)[known])
        done, errors = done + len(error), errors + len(error) - error.null_count
        if progress:
            progress(Progress(done, sample.rows, errors))
    return Labelled(np.concatenate(images), np.concatenate(digits), np.concatenate(failed), prepare)
