"""Whether a model that reads labelled images badly does so for the scale of their pixels."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.scale_comparison import compare_scales
from mnist_batch.models.scale import ScaleSource, scale_in_file
from mnist_batch.schema import Images

LOW = 0.9
"""Accuracy below which the scale is in doubt. Twenty networks (dense, convolutional with batch
normalization and without, LSTM) that read 0.63 to 0.95 of MNIST at their own scale read 0.08 to
0.88 at those where they read worse."""

LEAST_ROWS = 50
"""Labelled images below which an accuracy says too little: 0.9 of 50 is 0.79 to 0.96."""

MOST_ROWS = 1000
"""Images that are kept to be read again, 0.8 MB; at least half as many, spread over all."""


def is_settled(predictor: Predictor) -> bool:
    """Tell whether the scale is beyond doubt: the training of the model says it."""
    return scale_in_file(predictor.model) == (predictor.scale, ScaleSource.RECORD)


class ScaleDoubt:
    """Keeps some of a run's labelled images, and reads them at each scale if there is reason to."""

    def __init__(self) -> None:
        self._images: list[Images] = []
        self._digits: list[npt.NDArray[np.int8]] = []
        self._seen = 0
        self._every = 1

    def add(self, predictions: pa.RecordBatch, images: Images) -> None:
        """Keep some of a batch.

        Args:
            predictions: columns of `schema.PREDICTIONS`, n rows.
            images: uint8 (n, 28, 28), as the network saw them.
        """
        label, error = predictions["label"], predictions["error"]
        known = np.flatnonzero(pc.and_(label.is_valid(), error.is_null()))
        kept = known[-self._seen % self._every :: self._every]
        self._seen += len(known)
        if len(kept):
            self._images.append(images[kept])
            self._digits.append(label.take(pa.array(kept)).to_numpy())
        while sum(map(len, self._digits)) > MOST_ROWS:
            self._every *= 2
            self._images = [np.concatenate(self._images)[::2]]
            self._digits = [np.concatenate(self._digits)[::2]]

    def notes(self, predictor: Predictor, metrics: Metrics) -> Iterator[str]:
        """Yield a sentence where the images kept are read far better at another scale.

        That is where the errors are no more than half as many, and not by chance. Nothing is read
        again where most images were read rightly, or where the model's training says the scale.

        Args:
            predictor: what read the images.
            metrics: of the whole run.
        """
        few = metrics.labelled < LEAST_ROWS or sum(map(len, self._digits)) < LEAST_ROWS
        if few or metrics.accuracy is None or metrics.accuracy >= LOW:
            return
        if is_settled(predictor):
            return
        trials = compare_scales(
            predictor, np.concatenate(self._images), np.concatenate(self._digits)
        )
        best, here = trials.best(predictor.scale), trials.at(predictor.scale)
        if best is None or 1 - trials.at(best).accuracy > (1 - here.accuracy) / 2:
            return
        yield (
            f"{here.accuracy:.0%} of {trials.rows:,} labelled images right with pixels as "
            f"{here.scale}, {trials.at(best).accuracy:.0%} as {best}; try --scale {best}"
        )
