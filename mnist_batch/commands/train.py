"""Training: from labelled digits to a model file, tested and described."""

import hashlib
import os
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_batch import __version__
from mnist_batch.evaluation.metrics import Metrics, PredictionCounts
from mnist_batch.evaluation.report import Report, metrics_record, report_folder, staged_report
from mnist_batch.evaluation.samples import SampleChooser, Samples
from mnist_batch.inference.keras_network import import_keras
from mnist_batch.inference.pipeline import predict_batches
from mnist_batch.inference.predictors import load_model
from mnist_batch.inputs.sources import HUB, open_inputs
from mnist_batch.mnist import CLASSES
from mnist_batch.options import AUGMENTED, MNIST, PLAIN
from mnist_batch.outputs.atomic import StagedFile, check_writable
from mnist_batch.outputs.writer import check_outside
from mnist_batch.training.data import LabelledImages, find_splits, read_images
from mnist_batch.training.fitting import (
    Fitted,
    History,
    Settings,
    TrainingProgress,
    check_enough,
    fit,
    fit_augmented,
)
from mnist_batch.training.network import (
    SCALE,
    build_network,
    check_model_suffix,
    describe_model,
    write_model,
)


@dataclass(frozen=True, eq=False)
class TrainingResult:
    """What `train` did.

    Attributes:
        out: the model file.
        sha256: SHA-256 of the model file.
        rows: rows trained on, those for validation included.
        test_rows: rows tested on; 0 without a test split.
        unreadable: rows of both that were left out, per reason.
        data_sha256: names the digits of the training split, see `LabelledImages.sha256`.
        history: how loss and accuracy went.
        epoch: the one after which the weights were taken, from 1.
        recipe: how the network was fitted, as its file says under `training`.
        metrics: of the saved file on the test split; None without one.
        report_files: the files of the report; empty without one.
        elapsed_s: seconds that all of it took.
    """

    out: Path
    sha256: str
    rows: int
    test_rows: int
    unreadable: Mapping[str, int]
    data_sha256: str
    history: History
    epoch: int
    recipe: Mapping[str, Any]
    metrics: Metrics | None
    report_files: Sequence[Path]
    elapsed_s: float

    @property
    def accuracy(self) -> float | None:
        """Accuracy on the test split, 0 to 1; None without one."""
        return self.metrics.accuracy if self.metrics else None

    def record(self) -> dict[str, Any]:
        """Return all of it but the history as JSON takes it; `test` holds the metrics."""
        return {
            "model_file": str(self.out),
            "sha256": self.sha256,
            "rows": self.rows,
            "test_rows": self.test_rows,
            "unreadable": dict(self.unreadable),
            "data_sha256": self.data_sha256,
            "epoch": self.epoch,
            "training": dict(self.recipe),
            "elapsed_s": round(self.elapsed_s, 3),
            "test": metrics_record(self.metrics, None) if self.metrics else None,
            "report_files": [str(path) for path in self.report_files],
        }


@dataclass(frozen=True, eq=False)
class _Digits:
    """The data of a run.

    Attributes:
        name: a data set of the hub as the user wrote it; of a path the last part.
        training: rows to train on, those for validation included.
        test: rows to test on; None without a test split.
        test_inputs: the same as INPUTs, for the pipeline that tests the saved file.
    """

    name: str
    training: LabelledImages
    test: LabelledImages | None
    test_inputs: Sequence[str]

    @property
    def rows(self) -> int:
        return len(self.training.labels)

    @property
    def test_rows(self) -> int:
        return len(self.test.labels) if self.test else 0

    @property
    def unreadable(self) -> Counter[str]:
        return Counter(self.training.unreadable) + Counter(
            self.test.unreadable if self.test else {}
        )


def train(
    data: str | Path = MNIST,
    out: str | Path = "MNIST.h5",
    *,
    augment: bool = False,
    epochs: int | None = None,
    batch_size: int | None = None,
    validation_split: float | None = None,
    seed: int = 0,
    report: str | Path | bool = True,
    overwrite: bool = False,
    progress: Callable[[TrainingProgress], None] | None = None,
) -> TrainingResult:
    """Train the network, test the file that comes of it, and report both.

    On one machine, the same data, settings and seed give the same weights. Nothing is at `out`
    before all of it is; on an error or an interrupt nothing is left. Python's, NumPy's and Keras'
    generators are seeded for the whole process, and TensorFlow's operations made deterministic.

    Args:
        data: an INPUT with labels, see `sources.open_inputs`; `training_data.find_splits` tells
            what is for training and what for the test.
        out: the model file; its suffix, `.h5` or `.keras`, tells the format.
        augment: change the images at random, and choose the epoch by validation, as
            `augmented_fitting.fit_augmented` says; else the recipe is the original script's.
        epochs: how often each training row is seen, at least 1; by default 100, with `augment` 300.
        batch_size: rows per step, at least 1; by default 196, with `augment` 256.
        validation_split: share of the training rows, the last ones, that are not learned from;
            below 1; by default 0.2, with `augment` 0.1.
        seed: of the first weights and the order of the rows, 0 to 2**32 - 1.
        report: the report's folder; True for `<out without suffix>.report`, False for none.
        overwrite: replace a model and a report that exist.
        progress: called after each epoch, in the calling thread.

    Raises:
        ValueError: a number is out of range.
        OutputError: the suffix is unknown, the model or the report exists, or cannot be written.
        InputError: the data cannot be read, or is too little to split.
        LabelError: a row has no label.
    """
    started = time.perf_counter()
    defaults = AUGMENTED if augment else PLAIN
    settings = Settings(
        epochs=defaults.epochs if epochs is None else epochs,
        batch_size=defaults.batch_size if batch_size is None else batch_size,
        validation_split=(
            defaults.validation_split if validation_split is None else validation_split
        ),
        seed=seed,
    )
    out = Path(out)
    # What can be refused is refused before hours of training.
    check_model_suffix(out)
    check_writable(out, overwrite=overwrite)
    folder = report_folder(out, report)
    check_outside(out, [folder] if folder else [], [data])
    report_writer = Report(folder, overwrite=overwrite) if folder else None
    digits = _read(os.fspath(data))
    check_enough(digits.rows, settings)

    fitted = (fit_augmented if augment else fit)(digits.training, settings, progress)
    with StagedFile(out, overwrite=overwrite) as staged:
        write_model(_network(fitted), staged)
        metrics, samples = _tested(staged.path, digits.test_inputs, seed)
        record = _record(fitted, digits, metrics)
        describe_model(staged, record)
        sha256 = hashlib.sha256(staged.path.read_bytes()).hexdigest()
        run = {"model": {"name": out.name, "sha256": sha256}, **record}
        with staged_report(report_writer, metrics, samples, run, fitted.history):
            staged.commit()
    return TrainingResult(
        out=out,
        sha256=sha256,
        rows=digits.rows,
        test_rows=digits.test_rows,
        unreadable=digits.unreadable,
        data_sha256=digits.training.sha256,
        history=fitted.history,
        epoch=fitted.epoch,
        recipe=fitted.recipe,
        metrics=metrics if digits.test else None,
        report_files=report_writer.files if report_writer else [],
        elapsed_s=time.perf_counter() - started,
    )


def _read(data: str) -> _Digits:
    splits = find_splits(data)
    return _Digits(
        # Model files go to other people, whom a path would tell of this machine.
        name=data if data.startswith(HUB) else Path(data).absolute().name,
        training=read_images(splits.train),
        test=read_images(splits.test) if splits.test else None,
        test_inputs=splits.test,
    )


def _tested(model: Path, inputs: Sequence[str], seed: int) -> tuple[Metrics, Samples]:
    """Return how well a saved model predicts, and ten of its predictions."""
    counts, chooser = PredictionCounts(), SampleChooser(seed)
    for batch in predict_batches(open_inputs(inputs), load_model(model, scale=SCALE)):
        chooser.add(counts.rows, batch.predictions, batch.images)
        counts.add(batch.predictions)
    return counts.metrics(), chooser.samples()


def _record(fitted: Fitted, digits: _Digits, metrics: Metrics) -> dict[str, Any]:
    """Return what the model file says of itself."""
    keras = import_keras()
    return {
        "version": __version__,
        "scale": str(SCALE),
        "class_names": [str(digit) for digit in range(CLASSES)],
        "training": {
            **fitted.recipe,
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
        },
        "data": {
            "name": digits.name,
            "rows": digits.rows,
            "sha256": digits.training.sha256,
            "test_rows": digits.test_rows,
            "test_sha256": digits.test.sha256 if digits.test else None,
        },
        "test_accuracy": metrics.accuracy,
    }


def _network(fitted: Fitted) -> Any:  # noqa: ANN401 - Keras has no types
    """Return the fitted network, compiled, without what an optimizer has gathered."""
    network = build_network()
    network.set_weights(fitted.weights)
    return network
