"""Keep some of the labelled images that a run reads, to try scales on them."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.trials.scale_trials import Labelled, ScaleTrials, read_at_each_scale
from mnist_batch.options import Prepare
from mnist_batch.schema import Images

KEPT_IMAGES = 1000  # at most, 0.8 MB

_MAY_BE_KEPT = 100_000
"""Labelled rows of an input, spread evenly, that its parts keep together: of a large input each has
few images to bring back from elsewhere."""

_GOLDEN, _LAST_KEY = np.uint64(0x9E3779B97F4A7C15), 2**64 - 1
"""The golden ratio's fraction, and the largest key, in units of 2**-64."""


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

    def labelled(self, prepare: Prepare = Prepare.AUTO) -> Labelled:
        """Return the images, of which there must be one; `prepare` is how they were prepared."""
        self.settle()
        [images], [digits] = self._images, self._digits
        return Labelled(images, digits, np.zeros(len(digits), np.bool_), prepare)

    def try_scales(self, predictor: Predictor) -> ScaleTrials:
        """Read the images, of which there must be one, at each scale.

        Raises:
            ModelError: Keras cannot run the network.
        """
        return read_at_each_scale(predictor, [self.labelled()])
