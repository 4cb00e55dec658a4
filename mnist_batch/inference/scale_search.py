"""Find how a network wants its images by reading labelled ones in each way.

`inspect --data` tries scales of pixels, of images prepared and not, on rows that are spread over an
input. `predict` keeps some of the labelled images that it reads anyway, and tries scales on them,
and rows and columns changed over, where it reads them badly.
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
from mnist_batch.mnist import SIDE
from mnist_batch.models.model_file import ScaleSource
from mnist_batch.options import Orientation, Prepare, Scale
from mnist_batch.schema import Images

TRIAL_ROWS = 2000  # rows that `inspect` tries the scales on: enough to tell 0.98 from 0.97
KEPT_IMAGES = 1000  # images that `predict` keeps at most, 0.8 MB
_LEAST_IMAGES = 50  # with fewer labels an accuracy says too little: 0.9 of 50 is 0.79 to 0.96
_LEAST_ACCURACY = 0.5  # accuracy below which a network does not read these digits at any scale
_SIGNIFICANCE = 0.05  # accuracies are equal where chance makes them differ as much more often

_MAY_BE_KEPT = 100_000
"""Labelled rows of an input, spread evenly, that its parts keep together: of a large input each has
few images to bring back from elsewhere."""

_GOLDEN, _LAST_KEY = np.uint64(0x9E3779B97F4A7C15), 2**64 - 1
"""The golden ratio's fraction, and the largest key, in units of 2**-64."""

_LOW_ACCURACY = 0.9
"""Accuracy below which `predict` tries the scales. Twenty networks (dense, convolutional with batch
normalization and without, LSTM) that read 0.63 to 0.95 of MNIST at their own scale read 0.08 to
0.88 at those where they read worse."""

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
    log_loss: float  # mean of `predictors.log_losses` over the images
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
        if max(trial.accuracy for trial in self.trials) < _LEAST_ACCURACY:
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
class _Labelled:
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

    def transposed(self) -> "_Labelled":
        """Return the images with rows and columns changed over."""
        return replace(self, images=np.ascontiguousarray(self.images.transpose(0, 2, 1)))


def _trials(predictor: Predictor, ways: Sequence[_Labelled]) -> ScaleTrials:
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


class KeptImages:
    """Some of the labelled images that a run reads, spread evenly over them, to try scales on.

    Each row has a key that depends on its place alone, and those with the smallest keys are kept:
    the fraction of `place * phi`, phi being the golden ratio. The rows below any bound are spread
    evenly, whatever the period of what they show. D. E. Knuth, "The Art of Computer Programming",
    volume 3, section 6.4, on Fibonacci hashing.
    """

    def __init__(self, most: int = KEPT_IMAGES) -> None:
        """Keep at most so many."""
        self._most = most
        self._last = _LAST_KEY
        self._labelled = 0  # rows with a label that were added
        self._keys: list[npt.NDArray[np.uint64]] = []
        self._images: list[Images] = []
        self._digits: list[npt.NDArray[np.int8]] = []

    @property
    def count(self) -> int:
        """How many are kept."""
        return min(sum(map(len, self._keys)), self._most)

    def add(
        self, places: npt.NDArray[np.int64], predictions: pa.RecordBatch, images: Images
    ) -> None:
        """Keep some rows of a batch that have a label and no error, of the images as predicted.

        `places` are those of the rows' pictures among those of the input, int64 (n,).
        """
        label = predictions["label"]
        self._labelled += len(label) - label.null_count
        keys = places.astype(np.uint64) * _GOLDEN
        kept = np.flatnonzero(keys <= self._last)
        if len(kept):
            rows = predictions.select(["label", "error"]).take(pa.array(kept))
            known = pc.and_(rows["label"].is_valid(), rows["error"].is_null())
            kept = kept[known.to_numpy(zero_copy_only=False)]
            labels = rows["label"].filter(known)
            self._keep([keys[kept]], [images[kept]], [labels.to_numpy()])

    def merge(self, others: "KeptImages") -> None:
        """Keep some of those that are kept of other rows of the input, too."""
        self._keep(others._keys, others._images, others._digits)

    def pack(self, share: float) -> None:
        """Let go of images of a part that hardly will be kept, if others have as many labels.

        `share` is that of the part in the whole, above 0.
        """
        self.settle()
        if self._keys and self._labelled > _MAY_BE_KEPT * share:
            [keys], [images], [digits] = self._keys, self._images, self._digits
            kept = keys <= np.uint64(_LAST_KEY * (_MAY_BE_KEPT * share / self._labelled))
            self._keys, self._images, self._digits = [keys[kept]], [images[kept]], [digits[kept]]

    def settle(self) -> None:
        """Let go of what is not kept any more."""
        if self._keys:
            keys = np.concatenate(self._keys)
            order = np.argsort(keys, kind="stable")[: self._most]
            self._keys = [keys[order]]
            self._images = [np.concatenate(self._images)[order]]
            self._digits = [np.concatenate(self._digits)[order]]
            if len(order) == self._most:
                self._last = int(keys[order[-1]])

    def _keep(
        self,
        keys: Sequence[npt.NDArray[np.uint64]],
        images: Sequence[Images],
        digits: Sequence[npt.NDArray[np.int8]],
    ) -> None:
        self._keys += keys
        self._images += images
        self._digits += digits
        if sum(map(len, self._keys)) > 2 * self._most:
            self.settle()

    def labelled(self, prepare: Prepare = Prepare.AUTO) -> _Labelled:
        """Return the images, of which there must be one; `prepare` is how they were prepared."""
        self.settle()
        [images], [digits] = self._images, self._digits
        return _Labelled(images, digits, np.zeros(len(digits), np.bool_), prepare)

    def try_scales(self, predictor: Predictor) -> ScaleTrials:
        """Read the images, of which there must be one, at each scale.

        Raises:
            ModelError: Keras cannot run the network.
        """
        return _trials(predictor, [self.labelled()])


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
    ways = _sample_in_each_way(predictor, opened, usual, workers=workers, progress=progress)
    return _trials(predictor, ways)


def _sample_in_each_way(
    predictor: Predictor,
    opened: OpenInputs,
    usual: Prepare,
    *,
    workers: int | None = None,
    progress: Callable[[Progress], None] | None = None,
) -> list[_Labelled]:
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
        _Labelled(way.images[had], way.digits[had], way.failed[had], way.prepare) for way in ways
    ]
    return ways[:1] if np.array_equal(ways[0].images, ways[1].images) else ways


def _read_sample(
    predictor: Predictor,
    sample: OpenInputs,
    prepare: Prepare,
    *,
    workers: int | None,
    progress: Callable[[Progress], None] | None,
) -> _Labelled:
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
    return _Labelled(
        np.concatenate(images), np.concatenate(digits), np.concatenate(failed), prepare
    )


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
    ways = _sample_in_each_way(predictor, opened, prepare)
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
    halved = 1 - other.mean() <= (1 - here.mean()) / 2 and other.mean() >= _LEAST_ACCURACY
    return bool(halved) and not differ_by_chance(other, here)
