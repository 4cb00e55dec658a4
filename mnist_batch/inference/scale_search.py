"""Find the scale in which a network wants its pixels by reading labelled images at each scale.

`inspect --data` tries the scales on rows that are spread over an input. `predict` keeps some of the
labelled images that it reads anyway, and tries the scales on them where it reads them badly.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.errors import InputError
from mnist_batch.inference.pipeline import predict_batches
from mnist_batch.inference.predictors import Predictor, log_losses
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs.shards import spread_rows
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.models.model_file import ScaleSource
from mnist_batch.options import Scale
from mnist_batch.schema import Images

TRIAL_ROWS = 2000  # rows that `inspect` tries the scales on: enough to tell 0.98 from 0.97
KEPT_IMAGES = 1000  # images that `predict` keeps at most, 0.8 MB; of more, at least half as many
_LEAST_IMAGES = 50  # with fewer labels an accuracy says too little: 0.9 of 50 is 0.79 to 0.96
_LEAST_ACCURACY = 0.5  # accuracy below which a network does not read these digits at any scale
_SIGNIFICANCE = 0.05  # accuracies are equal where chance makes them differ as much more often

_LOW_ACCURACY = 0.9
"""Accuracy below which `predict` tries the scales. Twenty networks (dense, convolutional with batch
normalization and without, LSTM) that read 0.63 to 0.95 of MNIST at their own scale read 0.08 to
0.88 at those where they read worse."""

_EQUAL_LOSSES = 1.8
"""Log losses within this factor do not tell two scales apart. Networks trained on -1-1 or on
-0.5-0.5 had 1.3 to 1.8 times the log loss on the one as on the other, now more and now less, with
the same accuracy; of 0-1 and 0-255 the wrong one had twice as much and more."""


@dataclass(frozen=True)
class ScaleTrial:
    """How well labelled images are read with their pixels in one scale."""

    scale: Scale  # the range to which the pixels were scaled
    accuracy: float  # share of the images that were read correctly, 0 to 1
    log_loss: float  # mean of `predictors.log_losses` over the images
    # Whether the images do not tell this scale from the best one: accuracies differ by no more than
    # chance, log losses by a factor of 1.8 at most.
    as_good: bool


@dataclass(frozen=True)
class ScaleTrials:
    """How well labelled images are read at each scale."""

    rows: int  # how many images
    trials: Sequence[ScaleTrial]  # one for each scale, in the order of `Scale`

    def best(self, stated: Scale | None) -> Scale | None:
        """Return the scale at which the images are read best, None where none reads half of them.

        Of several that are as good it is the one that is `stated` elsewhere, or else the one with
        the smallest log loss.
        """
        if max(trial.accuracy for trial in self.trials) < _LEAST_ACCURACY:
            return None
        candidates = [trial for trial in self.trials if trial.as_good]
        if stated in [trial.scale for trial in candidates]:
            return stated
        return min(candidates, key=lambda trial: trial.log_loss).scale

    def at(self, scale: Scale) -> ScaleTrial:
        """Return the trial of a scale."""
        return next(trial for trial in self.trials if trial.scale is scale)

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {"trial_rows": self.rows, "trials": [asdict(trial) for trial in self.trials]}


class KeptImages:
    """Some of the labelled images that a run reads, spread evenly over them, to try scales on."""

    def __init__(self, most: int = KEPT_IMAGES) -> None:
        """Keep at most so many; where there are more, at least half as many."""
        self._most = most
        self._images: list[Images] = []
        self._digits: list[npt.NDArray[np.int8]] = []
        self._seen = 0
        self._every = 1

    @property
    def count(self) -> int:
        """How many are kept."""
        return sum(map(len, self._digits))

    def add(self, predictions: pa.RecordBatch, images: Images) -> None:
        """Keep some rows of a batch that have a label and no error, of the images as predicted."""
        label, error = predictions["label"], predictions["error"]
        known = np.flatnonzero(pc.and_(label.is_valid(), error.is_null()))
        kept = known[-self._seen % self._every :: self._every]
        self._seen += len(known)
        if len(kept):
            self._images.append(images[kept])
            self._digits.append(label.take(pa.array(kept)).to_numpy())
        while self.count > self._most:
            self._every *= 2
            self._images = [np.concatenate(self._images)[::2]]
            self._digits = [np.concatenate(self._digits)[::2]]

    def try_scales(self, predictor: Predictor) -> ScaleTrials:
        """Read the images, of which there must be one, at each scale.

        Raises:
            ModelError: Keras cannot run the network.
        """
        images, digits = np.concatenate(self._images), np.concatenate(self._digits)
        correct: dict[Scale, npt.NDArray[np.bool_]] = {}
        losses: dict[Scale, float] = {}
        for scale in Scale:
            # At another scale numbers may overflow and give NaN: no digit is read there.
            with np.errstate(over="ignore", invalid="ignore"):
                probabilities = predictor.at_scale(scale).probabilities(images)
            probabilities = np.nan_to_num(probabilities, nan=0.0)
            correct[scale] = (probabilities.argmax(axis=1) == digits) & probabilities.any(axis=1)
            losses[scale] = float(log_losses(probabilities, digits).mean())
        most = max(correct.values(), key=np.sum)
        close = [scale for scale in Scale if differ_by_chance(correct[scale], most)]
        limit = _EQUAL_LOSSES * min(losses[scale] for scale in close)
        as_good = [scale in close and losses[scale] <= limit for scale in Scale]
        accuracies = [float(right.mean()) for right in correct.values()]
        trials = map(ScaleTrial, Scale, accuracies, losses.values(), as_good)
        return ScaleTrials(len(digits), list(trials))


def differ_by_chance(correct: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_]) -> bool:
    """Tell whether two accuracies on the same images differ by no more than chance.

    This is McNemar's test, two-sided and exact, at 5 %: only the images count that are read
    correctly once and wrongly once, and by chance they are divided as by a coin. Q. McNemar, "Note
    on the sampling error of the difference between correlated proportions or percentages",
    Psychometrika 12 (1947). Both arrays are bool (n,), true for images that are read correctly.
    """
    gained, lost = int((correct & ~others).sum()), int((others & ~correct).sum())
    tosses = gained + lost
    tail = sum(math.comb(tosses, k) for k in range(min(gained, lost) + 1))
    probability: float = 2 * tail / 2**tosses
    return probability > _SIGNIFICANCE


def try_scales(
    predictor: Predictor,
    opened: OpenInputs,
    *,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> ScaleTrials:
    """Read up to `TRIAL_ROWS` labelled images, spread over an input, at each scale.

    Args:
        predictor: the network, at any scale.
        opened: the input.
        workers: threads that read the images; None for one a core.
        progress: called after each batch of them, in the calling thread.

    Raises:
        InputError: none of the rows has a label and pixels; and whatever `predict_batches` raises.
    """
    shards = spread_rows(opened.shards, TRIAL_ROWS)
    rows = sum(shard.rows for shard in shards)
    sample = replace(opened, shards=shards, rows=rows)
    kept, done, errors = KeptImages(TRIAL_ROWS), 0, 0
    for batch in predict_batches(sample, predictor, workers=workers):
        kept.add(batch.predictions, batch.images)
        error = batch.predictions["error"]
        done, errors = done + len(error), errors + len(error) - error.null_count
        if progress:
            progress(Progress(done, rows, errors))
    if not kept.count:
        raise InputError(
            f"{opened.files[0]}: none of {rows:,} images that were looked at has both a label and "
            "pixels that can be read; name labelled digits, or their labels with --labels"
        )
    return kept.try_scales(predictor)


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
    if best is None or 1 - trials.at(best).accuracy > (1 - here.accuracy) / 2:
        return None
    return (
        f"{here.accuracy:.0%} of {trials.rows:,} labelled images right with pixels as "
        f"{here.scale}, {trials.at(best).accuracy:.0%} as {best}; try --scale {best}"
    )
