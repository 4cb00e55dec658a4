"""Which scale of pixels a network was trained on, found by reading labelled images at each."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow.compute as pc

from mnist_batch.errors import InputError
from mnist_batch.inference.pipeline import predict_batches
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.scale_comparison import ScaleTrials, compare_scales
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.inputs.spread import spread_rows
from mnist_batch.schema import Images

TRIAL_ROWS = 2000
"""Rows that the scales are tried on: enough to tell 0.98 from 0.97."""


def try_scales(
    predictor: Predictor,
    opened: OpenInputs,
    *,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ScaleTrials:
    """Read up to `TRIAL_ROWS` labelled images, spread over an input, at each scale.

    Args:
        predictor: the model, at any scale.
        opened: the input.
        workers: threads that read the images; None for one a core.
        progress: called after each batch of them, in the calling thread.

    Raises:
        InputError: the input cannot be read, or no image looked at has a label and pixels.
        LabelError: a label is not a digit.
        ModelError: Keras cannot run the model.
        ValueError: `workers` is below 1.
    """
    return compare_scales(predictor, *_labelled(opened, predictor, workers, progress))


def _labelled(
    opened: OpenInputs,
    predictor: Predictor,
    workers: int | None,
    progress: Callable[[Progress], None] | None,
) -> tuple[Images, npt.NDArray[np.int8]]:
    """Return some images as the network sees them, uint8 (n, 28, 28), and their digits (n,)."""
    shards = spread_rows(opened, TRIAL_ROWS)
    rows = sum(shard.rows for shard in shards)
    images, digits, done, errors = [], [], 0, 0
    sample = replace(opened, shards=shards, rows=rows)
    for batch in predict_batches(sample, predictor, workers=workers):
        label, error = batch.predictions["label"], batch.predictions["error"]
        known = pc.and_(label.is_valid(), error.is_null()).to_numpy(zero_copy_only=False)
        images.append(batch.images[known])
        digits.append(label.fill_null(0).to_numpy()[known])
        done, errors = done + len(label), errors + len(error) - error.null_count
        if progress:
            progress(Progress(done, rows, errors))
    if not sum(map(len, digits)):
        raise InputError(
            f"{opened.files[0]}: none of {rows:,} images that were looked at has both a label and "
            "pixels that can be read; name labelled digits, or their labels with --labels"
        )
    return np.concatenate(images), np.concatenate(digits)
