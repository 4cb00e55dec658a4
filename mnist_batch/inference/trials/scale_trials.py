"""Read labelled images at each scale of pixels, and tell which scale a network wants."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.probabilities import log_losses
from mnist_batch.options import Prepare, Scale
from mnist_batch.schema import Images

LEAST_ACCURACY = 0.5  # accuracy below which a network does not read these digits at any scale
_SIGNIFICANCE = 0.05  # accuracies are equal where chance makes them differ as much more often

_EQUAL_LOSSES = 1.8
"""Log losses within this factor do not tell two scales apart. Networks trained on -1-1 or on
-0.5-0.5 had 1.3 to 1.8 times the log loss on the one as on the other, now more and now less, with
the same accuracy; of 0-1 and 0-255 the wrong one had twice as much and more."""

_SMALL_LOSS = 0.02
"""Log losses below this do not tell scales apart: easy digits are all read, and a network that gets
larger numbers than it should is only surer of them. On 100 drawn digits a model trained as the
default one had 0.0037 at its own 0-1 and 0.0000 at 0-255."""


@dataclass(frozen=True)
class ScaleTrial:
    """How well labelled images are read with their pixels in one scale."""

    scale: Scale  # the range to which the pixels were scaled
    prepare: Prepare  # which of the images were brought to MNIST form
    accuracy: float  # share of the images that were read correctly, 0 to 1
    log_loss: float  # mean of `probabilities.log_losses` over the images
    # Whether the images do not tell this scale from the best one: accuracies differ by no more than
    # chance, log losses by a factor of 1.8 at most.
    as_good: bool


@dataclass(frozen=True)
class ScaleTrials:
    """How well labelled images are read at each scale, and prepared or not where that differs."""

    rows: int  # how many images
    # One for each scale, in the order of `Scale`, of images prepared as `predict` does it by
    # itself; then as many of the other way, where that gives other images.
    trials: Sequence[ScaleTrial]

    def best(self, stated: Scale | None) -> ScaleTrial | None:
        """Return how the images are read best, None where no trial reads half of them.

        Of several that are as good it is one that prepares as `predict` does by itself; of these
        the one whose scale is `stated` elsewhere, or else the one with the smallest log loss.
        """
        if max(trial.accuracy for trial in self.trials) < LEAST_ACCURACY:
            return None
        candidates = [trial for trial in self.trials if trial.as_good]
        usual = [trial for trial in candidates if trial.prepare is self.trials[0].prepare]
        candidates = usual or candidates
        as_stated = [trial for trial in candidates if trial.scale is stated]
        return min(as_stated or candidates, key=lambda trial: trial.log_loss)

    def at(self, scale: Scale) -> ScaleTrial:
        """Return the trial of a scale, of images prepared as `predict` does it by itself."""
        return next(trial for trial in self.trials if trial.scale is scale)

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {"trial_rows": self.rows, "trials": [asdict(trial) for trial in self.trials]}


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labelled images, prepared in one way."""

    images: Images
    digits: npt.NDArray[np.int8]
    failed: npt.NDArray[np.bool_]  # (n,), images that could not be had, which count as wrong
    prepare: Prepare

    def correct(self, predictor: Predictor) -> tuple[npt.NDArray[np.bool_], float]:
        """Return which images are read correctly, bool (n,), and the log loss."""
        # At another scale numbers may overflow and give NaN: no digit is read there.
        with np.errstate(over="ignore", invalid="ignore"):
            probabilities = predictor.probabilities(self.images)
        probabilities = np.nan_to_num(probabilities, nan=0.0)
        probabilities[self.failed] = 0
        right = (probabilities.argmax(axis=1) == self.digits) & probabilities.any(axis=1)
        return right, float(log_losses(probabilities, self.digits).mean())

    def transposed(self) -> "Labelled":
        """Return the images with rows and columns changed over."""
        return replace(self, images=np.ascontiguousarray(self.images.transpose(0, 2, 1)))


def read_at_each_scale(predictor: Predictor, ways: Sequence[Labelled]) -> ScaleTrials:
    """Read the same images at each scale, prepared in one way or two."""
    tried = [(way, scale) for way in ways for scale in Scale]
    read = [way.correct(predictor.at_scale(scale)) for way, scale in tried]
    most = max((right for right, _ in read), key=np.sum)
    close = [differ_by_chance(right, most) for right, _ in read]
    least = min(loss for (_, loss), near in zip(read, close, strict=True) if near)
    limit = max(_EQUAL_LOSSES * least, _SMALL_LOSS)
    trials = [
        ScaleTrial(scale, way.prepare, float(right.mean()), loss, near and loss <= limit)
        for (way, scale), (right, loss), near in zip(tried, read, close, strict=True)
    ]
    return ScaleTrials(len(ways[0].digits), trials)


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
