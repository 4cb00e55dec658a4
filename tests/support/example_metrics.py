"""Metrics of 8,140 rows, made up so that each number can be told from the others."""

from dataclasses import replace

import numpy as np

from mnist_batch.evaluation.evaluator import Evaluation, Evaluator
from mnist_batch.evaluation.gallery import GalleryCell, GalleryImage
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.evaluation.samples import Samples
from mnist_batch.mnist import CLASSES

COUNTS = 900 * np.eye(CLASSES, dtype=np.int64)
COUNTS[4, 9] = 23
COUNTS[7, 2] = 9
COUNTS[3, 5] = 1
COUNTS[6] = 0


METRICS = Metrics(
    rows=8140,
    labelled=8135,
    prepared=0,
    errors_by_reason={"not an image": 5, "too large": 2},
    predictions=(900,) * CLASSES,
    confusion_matrix=COUNTS,
    log_loss=0.0712,
    brier=0.0321,
    calibration_error=0.0123,
)


def evaluation_of(metrics: Metrics, samples: Samples | None = None) -> Evaluation:
    """Return an evaluation with these metrics and samples, the wrong ones in its gallery too."""
    evaluation = replace(Evaluator().evaluation(), metrics=metrics)
    if samples is None:
        return evaluation
    gallery = _gallery(samples) if metrics.scored else []
    return replace(evaluation, samples=samples, gallery=gallery)


def _gallery(samples: Samples) -> list[GalleryCell]:
    cells = []
    rows = zip(samples.source, samples.label, samples.prediction, samples.confidence, strict=True)
    for place, (source, label, prediction, confidence) in enumerate(rows):
        if label not in (None, prediction):
            index, row = int(samples.index[place]), int(samples.row[place])
            image = None if samples.images is None else samples.images[place]
            of_row = (source, row, label, prediction, confidence)
            found = GalleryImage(index, *of_row, prepared=False, image=image, original=None)
            cells.append(GalleryCell(label, prediction, 1, [found]))
    return cells
