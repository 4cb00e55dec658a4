"""How well images whose digits are known are read with their pixels in each scale."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.inference.predictors import Predictor
from mnist_batch.options import Scale
from mnist_batch.schema import Images

_CHANCE = 0.05
"""Where differences as large come by chance more often than this, two scales read equally well."""

_ALIKE = 1.8
"""Log losses within this factor do not tell two scales apart. Networks trained on -1-1 or on
-0.5-0.5 had 1.3 to 1.8 times the log loss on the one as on the other, now more and now less, with
the same accuracy; of 0-1 and 0-255 the wrong one had twice as much and more."""

_READS = 0.5
"""Accuracy below which a network does not read these digits, whatever the scale."""


@dataclass(frozen=True)
class ScaleTrial:
    """How well labelled images are read with their pixels in one scale.

    Attributes:
        scale: the range to which the pixels were scaled.
        accuracy: share of the images that were read rightly, 0 to 1.
        log_loss: mean negative logarithm (base e) of the probability given to the true digit,
            clipped as `evaluation.Metrics` does.
        as_good: the images do not tell this scale from the best one: accuracies differ by no more
            than chance, log losses by less than a factor of 1.8.
    """

    scale: Scale
    accuracy: float
    log_loss: float
    as_good: bool


@dataclass(frozen=True)
class ScaleTrials:
    """How well labelled images are read at each scale.

    Attributes:
        rows: how many images.
        trials: one for each scale, in the order of `Scale`.
    """

    rows: int
    trials: Sequence[ScaleTrial]

    def best(self, stated: Scale | None) -> Scale | None:
        """Return the scale that the images speak for.

        Of those that are as good as any it is the one that is `stated` elsewhere, or else the one
        of the least log loss. None where at no scale half of the images are read rightly.
        """
        if max(trial.accuracy for trial in self.trials) < _READS:
            return None
        candidates = [trial for trial in self.trials if trial.as_good]
        if stated in [trial.scale for trial in candidates]:
            return stated
        return min(candidates, key=lambda trial: trial.log_loss).scale

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {
            "trial_rows": self.rows,
            "trials": [{**asdict(trial), "scale": str(trial.scale)} for trial in self.trials],
        }

    def at(self, scale: Scale) -> ScaleTrial:
        """Return the trial of a scale."""
        return next(trial for trial in self.trials if trial.scale is scale)


def compare_scales(
    predictor: Predictor, images: Images, digits: npt.NDArray[np.int8]
) -> ScaleTrials:
    """Read some images at each scale.

    Args:
        predictor: the model, at any scale.
        images: uint8 (n, 28, 28), as the network sees them, at least one.
        digits: their digits, (n,).

    Raises:
        ModelError: Keras cannot run the model.
    """
    right: dict[Scale, npt.NDArray[np.bool_]] = {}
    loss: dict[Scale, float] = {}
    eps = float(np.finfo(np.float32).eps)
    for scale in Scale:
        at_scale = predictor.at_scale(scale)
        # At another scale numbers may overflow and give NaN: no digit is read there.
        with np.errstate(over="ignore", invalid="ignore"):
            probabilities = np.nan_to_num(at_scale.probabilities(images), nan=0.0)
        right[scale] = (probabilities.argmax(axis=1) == digits) & probabilities.any(axis=1)
        truth = probabilities[np.arange(len(digits)), digits].astype(np.float64)
        loss[scale] = float(-np.log(truth.clip(eps, 1 - eps)).mean())
    most = max(Scale, key=lambda scale: right[scale].sum())
    close = [scale for scale in Scale if differ_by_chance(right[scale], right[most])]
    least = min(loss[scale] for scale in close)
    trials = [
        ScaleTrial(
            scale=scale,
            accuracy=float(right[scale].mean()),
            log_loss=loss[scale],
            as_good=scale in close and loss[scale] <= _ALIKE * least,
        )
        for scale in Scale
    ]
    return ScaleTrials(len(digits), trials)


def differ_by_chance(right: npt.NDArray[np.bool_], others: npt.NDArray[np.bool_]) -> bool:
    """Tell whether two ways to read the same images differ by no more than chance.

    Only the images count that one way reads rightly and the other wrongly; by chance they are
    shared out as by throwing a coin. Q. McNemar, "Note on the sampling error of the difference
    between correlated proportions or percentages", Psychometrika 12 (1947); here two-sided and
    exact, at 5 %.

    Args:
        right: bool (n,), what one way reads rightly.
        others: bool (n,), what the other does.
    """
    gained, lost = int((right & ~others).sum()), int((others & ~right).sum())
    tosses = gained + lost
    tail = sum(math.comb(tosses, k) for k in range(min(gained, lost) + 1))
    probability: float = 2 * tail / 2**tosses
    return probability > _CHANCE
