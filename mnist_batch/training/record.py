"""What a model file says of its training."""

from typing import Any

from mnist_batch.inference.keras.network import import_keras
from mnist_batch.options import Prepare
from mnist_batch.training.data import LabelledImages
from mnist_batch.training.digits import Digits
from mnist_batch.training.fitting import Fitted
from mnist_batch.training.network import SCALE
from mnist_batch.training.testing import Tested


def model_record(fitted: Fitted, digits: Digits, tested: Tested, version: str) -> dict[str, Any]:
    """Return the record that goes into the model file; `version` is that of this package."""
    keras = import_keras()
    return {
        "version": version,
        "scale": str(SCALE),
        **_told_classes(digits.training),
        "training": {
            **fitted.recipe,
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
        },
        "data": {
            "name": digits.name,
            "rows": digits.rows,
            "sha256": digits.training.sha256,
            "test_rows": tested.evaluation.metrics.scored,
            "test_sha256": tested.data_sha256,
        },
        "test_accuracy": tested.evaluation.metrics.accuracy,
    }


def _told_classes(training: LabelledImages) -> dict[str, Any]:
    """Return what a model file tells of its classes, and how their images were prepared.

    Of digits it tells their names alone, as in every file before there were other classes.
    """
    classes = training.classes
    names = [*classes.names] if classes.names else None
    if classes.are_digits:
        names = [str(digit) for digit in range(classes.count)]
    told = {} if names is None else {"class_names": names}
    default = Prepare.AUTO if classes.are_digits else None
    return told if training.prepare is default else {**told, "prepare": str(training.prepare)}
