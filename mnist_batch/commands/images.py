"""Predict and prepare pictures in memory."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa

from mnist_batch.commands.runs.run import Run
from mnist_batch.errors import InputError
from mnist_batch.inference.pipeline import PredictedBatch
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inputs.in_memory import Picture, shards_in_memory
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.inputs.transposed import oriented
from mnist_batch.options import (
    Orientation,
    PredictOptions,
    Prepare,
    ReadOptions,
    Several,
)
from mnist_batch.schema import Images


def predict_images(
    images: Picture | Iterable[Picture],
    *,
    model: str | Path | Predictor | None = None,
    prepare: Prepare | str = Prepare.AUTO,
    several: Several | str = Several.ERROR,
    orientation: Orientation | str = Orientation.UPRIGHT,
    class_names: str | Path | None = None,
    probabilities: bool = False,
    workers: int | None = None,
) -> pa.Table:
    """Predict pictures in memory, in order; `.to_pandas()` makes a data frame of the table.

    Args:
        images: an array (h, w) or (h, w, 3) of one picture, (n, h, w), (n, 1, h, w), (n, h, w, 3),
            (n, 784) or (n, 64) of several: whole numbers from 0 to 255, floats from 0 to 1, truth
            values, or in 8x8 scikit-learn's 0 to 16; a PIL image; the bytes of an image file; its
            path; or an iterable of these, each one picture.
        model: a model file, a loaded model, or None for the one of this package.
        prepare: which images are brought to MNIST form, see `options.Prepare`.
        several: what becomes of a picture of several digits, see `options.Several`.
        orientation: how images are stored, see `options.Orientation`.
        class_names: see `options.ReadArguments`.
        probabilities: add the probability of each class.
        workers: threads, at least 1; None for one a core.

    Returns:
        The columns of `schema.predictions_schema`. `source` is the path of a file, else `image`;
        `row` is the picture's place in `images`, from 0. One that cannot be read has an `error`.

    Raises:
        InputError: `images` are of another type, shape or range, or none.
        ModelError: the model cannot be loaded or run.
        ValueError: an argument is out of range.
    """
    options = PredictOptions(
        ReadOptions.of(orientation=orientation, class_names=class_names),
        prepare=Prepare(prepare),
        several=Several(several),
        workers=workers,
        probabilities=probabilities,
    )
    run = Run(_opened(images, options.read), model, options)
    batches = [batch.predictions.select(run.schema.names) for batch in run.predict(run.parts)]
    return pa.Table.from_batches(batches, run.schema)


def prepare_images(
    images: Picture | Iterable[Picture],
    *,
    model: str | Path | Predictor | None = None,
    prepare: Prepare | str = Prepare.AUTO,
    orientation: Orientation | str = Orientation.UPRIGHT,
) -> Images:
    """Return pictures as the network would see them.

    The arguments are those of `predict_images`.

    Returns:
        uint8 (n, 28, 28), 0 black to 255 white, before pixels are scaled.

    Raises:
        InputError: `images` are of another type, shape or range, or none; or one of them cannot be
            read, or no digit is found in it.
        ModelError: the model cannot be loaded or run.
    """
    read = ReadOptions.of(orientation=orientation)
    run = Run(_opened(images, read), model, PredictOptions(read, prepare=Prepare(prepare)))
    return np.concatenate([*_seen(run.predict(run.parts))])


def _seen(batches: Iterable[PredictedBatch]) -> Iterator[Images]:
    """Yield the images of batches, as long as each has one."""
    for batch in batches:
        error = batch.predictions.column("error")
        if error.null_count < len(error):
            place = error.is_valid().index(True).as_py()
            row = batch.predictions.column("row")[place].as_py()
            raise InputError(f"images[{row}]: {error[place].as_py()}; leave it out")
        yield batch.images


def _opened(images: Picture | Iterable[Picture], read: ReadOptions) -> OpenInputs:
    shards = oriented(shards_in_memory(images), read.orientation)
    rows = sum(shard.rows for shard in shards)
    return OpenInputs(shards=shards, files=[], rows=rows, passed_over=Counter())
