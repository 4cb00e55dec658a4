"""Test the saved file of a model on the test split."""

from pathlib import Path
from typing import NamedTuple

import pyarrow.compute as pc

from mnist_batch.evaluation.evaluator import Evaluation, Evaluator, counts_of_images
from mnist_batch.inference.pipeline import predict_batches
from mnist_batch.inference.predictors import load_model
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.reports.report import Report
from mnist_batch.training.data import DigitsHash
from mnist_batch.training.digits import Digits
from mnist_batch.training.network import SCALE


class Tested(NamedTuple):
    """The test of a saved model."""

    evaluation: Evaluation
    # Of the digits that were tested: those that were read before the training may be others.
    data_sha256: str | None


UNTESTED = Tested(Evaluator().evaluation(), None)


def evaluate_saved(model: Path, digits: Digits, seed: int, report: Report | None) -> Tested:
    """Test a saved model; without inputs nothing is tested.

    Args:
        model: its file.
        digits: those that it was trained on, and the INPUTs to test it on, which are read anew.
        seed: of the samples that a report shows.
        report: gets the mistakes, if it is to be written.

    Raises:
        InputError: an INPUT cannot be read any more.
        MachineError: the machine lacks memory or a disk.
    """
    if not digits.test_inputs:
        return UNTESTED
    classes, prepare = digits.training.classes, digits.training.prepare
    mistakes = report.mistakes if report else None
    evaluator, tested = Evaluator(seed, mistakes=mistakes, classes=classes), DigitsHash()
    network, wanted = load_model(model, scale=SCALE), report is not None
    opened = open_inputs(digits.test_inputs, digits.read, classes)
    for batch in predict_batches(opened, network, prepare=prepare, for_report=wanted):
        evaluator.add(batch.predictions, batch, counts_of_images(batch))
        errors, labels = (batch.predictions.column(name) for name in ("error", "label"))
        scored = pc.and_(errors.is_null(), labels.is_valid())
        images = batch.images[scored.to_numpy(zero_copy_only=False)]
        tested.add(images, labels.filter(scored).to_numpy())
    return Tested(evaluator.evaluation(), tested.hexdigest())
