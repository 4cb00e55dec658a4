"""Tell whether a model wants images brought to MNIST form: whether it reads digits.

`--prepare auto` is for models of digits. Images of clothes, of other characters or of anything else
would be spoilt by it, if their own model reads them. Who says what a model reads, in this order:

1. its training record, where it names the way;
2. its classes: other than ten, or with names that are no digits, it reads something else;
3. its having a training record at all: those trained by this package on other things name the way;
4. a trial: it gets 100 digits in MNIST form, at each scale of pixels. A model of digits reads most
   of them; another one reads one in ten, as chance does.

The answer depends on the model alone, so that an image is read alike whatever it comes with.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mnist_batch.inference.predictors import Predictor
from mnist_batch.mnist import CLASSES, SIDE
from mnist_batch.options import Prepare, Scale
from mnist_batch.schema import Classes, Images

_DRAWN = Path(__file__).with_name("drawn_digits.png")
"""A sheet of `mnist-batch generate`'s digits: ten rows of 0 to 9, 28x28 pixels each."""

_LEAST_READ = 50
"""Of the 100 drawn digits those that a model of digits reads at least."""


class Wanted(NamedTuple):
    """How images are prepared for a model."""

    prepare: Prepare
    note: str | None = None  # why they are not brought to MNIST form, where nobody asked for that


def wanted_prepare(predictor: Predictor, classes: Classes, choice: Prepare) -> Wanted:
    """Return how images are prepared: as chosen, but with `auto` never where no digits are read.

    Args:
        predictor: the model.
        classes: what its predictions are numbers of.
        choice: what was asked for.

    Raises:
        ModelError: Keras cannot run the network, or the record names an unknown way.
    """
    if choice is not Prepare.AUTO:
        return Wanted(choice)
    if stated := predictor.model.stated_prepare():
        return Wanted(stated)
    if not classes.are_digits:
        return Wanted(Prepare.NEVER)
    if predictor.model.training:
        return Wanted(choice)
    read = drawn_digits_read(predictor)
    if read >= _LEAST_READ:
        return Wanted(choice)
    return Wanted(
        Prepare.NEVER,
        f"reads {read} of 100 drawn digits, so it was trained on something else, and images are "
        "not brought to MNIST form; --prepare always does it",
    )


def drawn_digits_read(predictor: Predictor) -> int:
    """Return how many of 100 drawn digits a model of ten classes reads, at the best scale.

    Raises:
        ModelError: Keras cannot run the network.
    """
    images, digits = _drawn_digits()
    most = 0
    for scale in (predictor.scale, *(other for other in Scale if other is not predictor.scale)):
        # At another scale numbers may overflow and give NaN: no digit is read there.
        with np.errstate(over="ignore", invalid="ignore"):
            probabilities = predictor.at_scale(scale).probabilities(images)
        right = np.nan_to_num(probabilities, nan=0.0).argmax(axis=1) == digits
        most = max(most, int(right.sum()))
        if most >= _LEAST_READ:
            break
    return most


@cache
def _drawn_digits() -> tuple[Images, npt.NDArray[np.int64]]:
    """Return the drawn digits, uint8 (100, 28, 28), and what they are, (100,)."""
    from PIL import Image

    with Image.open(_DRAWN) as sheet:
        pixels = np.asarray(sheet, np.uint8)
    tiles = pixels.reshape(-1, SIDE, CLASSES, SIDE).swapaxes(1, 2).reshape(-1, SIDE, SIDE)
    images = np.ascontiguousarray(tiles)
    return images, np.arange(len(images)) % CLASSES
