"""Notes on a run whose labelled images its network reads far better in another way.

`predict` keeps some of the labelled images that it reads anyway. Where it reads them badly it tries
other scales of their pixels on them, rows and columns changed over, and a sample prepared in the
other way.
"""

import numpy as np
import numpy.typing as npt

from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.trials.kept_images import KeptImages
from mnist_batch.inference.trials.sample import sample_in_each_way
from mnist_batch.inference.trials.scale_trials import LEAST_ACCURACY, differ_by_chance
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.models.model_file import ScaleSource
from mnist_batch.options import Orientation, Prepare

_LEAST_IMAGES = 50  # with fewer labels an accuracy says too little: 0.9 of 50 is 0.79 to 0.96


_LOW_ACCURACY = 0.9
"""Accuracy below which `predict` tries the scales. Twenty networks (dense, convolutional with batch
normalization and without, LSTM) that read 0.63 to 0.95 of MNIST at their own scale read 0.08 to
0.88 at those where they read worse."""


def is_settled(predictor: Predictor) -> bool:
    """Tell whether the scale needs no search: the training record in the model file states it."""
    return predictor.model.stated_scale() == (predictor.scale, ScaleSource.RECORD)


def scale_note(predictor: Predictor, accuracy: float | None, kept: KeptImages) -> str | None:
    """Return a sentence if a run's images are read far better at another scale.

    Far better means with no more than half of the errors, and not by chance. There is no sentence
    where the accuracy of the run (None without labels) is high, or where few images were kept.

    Raises:
        ModelError: Keras cannot run the network.
    """
    if accuracy is None or accuracy >= _LOW_ACCURACY or kept.count < _LEAST_IMAGES:
        return None
    trials = kept.try_scales(predictor)
    best, here = trials.best(predictor.scale), trials.at(predictor.scale)
    if best is None or 1 - best.accuracy > (1 - here.accuracy) / 2:
        return None
    return (
        f"{here.accuracy:.0%} of {trials.rows:,} labelled images right with pixels as "
        f"{here.scale}, {best.accuracy:.0%} as {best.scale}; try --scale {best.scale}"
    )


def orientation_note(
    predictor: Predictor, accuracy: float | None, kept: KeptImages, orientation: Orientation
) -> str | None:
    """Return a sentence if a run's images are read far better with rows and columns changed over.

    `orientation` is how the run took them. As for `scale_note`, far better means with no more than
    half of the errors, and not by chance. Of MNIST's test images 11 to 14 % are read so that lie
    transposed.

    Raises:
        ModelError: Keras cannot run the network.
    """
    if accuracy is None or accuracy >= _LOW_ACCURACY or kept.count < _LEAST_IMAGES:
        return None
    images = kept.labelled()
    here, _ = images.correct(predictor)
    turned, _ = images.transposed().correct(predictor)
    if not _is_far_better(turned, here):
        return None
    other = next(one for one in Orientation if one is not orientation)
    return (
        f"{here.mean():.0%} of {len(here):,} labelled images right as they lie, "
        f"{turned.mean():.0%} with rows and columns changed over; try --orientation {other}"
    )


def prepare_note(
    predictor: Predictor, accuracy: float | None, opened: OpenInputs, prepare: Prepare
) -> str | None:
    """Return a sentence if a run's images are read far better prepared in the other way.

    A sample of them is read again in both ways, where the accuracy of the run is low.

    Raises:
        InputError: none of the sample has a label and pixels; and whatever `predict_batches`
            raises.
    """
    if accuracy is None or accuracy >= _LOW_ACCURACY:
        return None
    ways = sample_in_each_way(predictor, opened, prepare)
    if len(ways) == 1 or len(ways[0].digits) < _LEAST_IMAGES:
        return None
    (here, _), (other, _) = (way.correct(predictor) for way in ways)
    if not _is_far_better(other, here):
        return None
    how = "as they are" if ways[1].prepare is Prepare.NEVER else "brought to MNIST form"
    return (
        f"{here.mean():.0%} of {len(here):,} labelled images right, {other.mean():.0%} {how}; "
        f"try --prepare {ways[1].prepare}"
    )


def _is_far_better(other: npt.NDArray[np.bool_], here: npt.NDArray[np.bool_]) -> bool:
    """Tell whether the same images are read with half of the errors, and not by chance."""
    halved = 1 - other.mean() <= (1 - here.mean()) / 2 and other.mean() >= LEAST_ACCURACY
    return bool(halved) and not differ_by_chance(other, here)
