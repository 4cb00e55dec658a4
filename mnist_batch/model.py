"""The network, its training, and the model file that comes of it."""

import contextlib
import hashlib
import json
import math
import os
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mnist_batch import __version__
from mnist_batch.errors import InputError, OutputError
from mnist_batch.evaluation import Metrics, PredictionCounts
from mnist_batch.keras_network import import_keras
from mnist_batch.model_file import ATTRIBUTE
from mnist_batch.options import Scale
from mnist_batch.pipeline import predict_batches
from mnist_batch.pixels import PIXELS, scaled
from mnist_batch.predictors import load_model
from mnist_batch.report import Report
from mnist_batch.samples import SampleChooser, Samples
from mnist_batch.schema import CLASSES
from mnist_batch.sources import open_inputs
from mnist_batch.staging import StagedFile, check_writable, translated
from mnist_batch.training_data import LabelledImages, find_splits, read_images

MNIST = "hf://datasets/ylecun/mnist"
SCALE = Scale.ZERO_TO_ONE
OPTIMIZER = "adam"
LOSS = "sparse_categorical_crossentropy"

History = dict[str, list[float]]
"""One number per epoch of `loss`, `accuracy`, `val_loss` and `val_accuracy`; the last two only with
a validation split."""


@dataclass(frozen=True)
class TrainingProgress:
    """How far training is, and how it goes.

    Attributes:
        epoch: epochs done.
        epochs: epochs in all.
        loss: mean cross-entropy over the epoch's training rows.
        accuracy: share of them that were right, 0 to 1.
        val_loss: the same on the validation rows, after the epoch; None without such.
        val_accuracy: the same on the validation rows, after the epoch; None without such.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None


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
    metrics: Metrics | None
    report_files: Sequence[Path]
    elapsed_s: float

    @property
    def accuracy(self) -> float | None:
        """Accuracy on the test split, 0 to 1; None without one."""
        return self.metrics.accuracy if self.metrics else None


@dataclass(frozen=True)
class _Settings:
    """How to train, checked; as in the model file."""

    epochs: int
    batch_size: int
    validation_split: float
    seed: int

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, got {self.epochs}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")
        if not 0 <= self.validation_split < 1:
            raise ValueError(
                f"validation_split must be from 0 to below 1, got {self.validation_split}"
            )
        if not 0 <= self.seed < 2**32:  # what NumPy's generator takes
            raise ValueError(f"seed must be from 0 to 2**32 - 1, got {self.seed}")


@dataclass(frozen=True)
class _Data:
    """The digits of a run; `test_inputs` are read again by the pipeline that tests the file."""

    name: str
    training: LabelledImages
    test: LabelledImages | None
    test_inputs: Sequence[str]

    @property
    def test_rows(self) -> int:
        return len(self.test.labels) if self.test else 0

    def record(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "rows": len(self.training.labels),
            "sha256": self.training.sha256,
            "test_rows": self.test_rows,
            "test_sha256": self.test.sha256 if self.test else None,
        }


def build_network() -> Any:  # noqa: ANN401 - Keras has no types
    """Return the network, compiled and with random weights.

    784 inputs, float32 from 0 to 1; 128 and 64 units with ReLU; the probabilities of ten digits.
    Loss is the cross-entropy with the true digit; Adam at Keras' defaults lessens it.
    """
    keras = import_keras()
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((PIXELS,)),
            layers.Dense(128, activation="relu", name="hidden_1"),
            layers.Dense(64, activation="relu", name="hidden_2"),
            layers.Dense(CLASSES, activation="softmax", name="digits"),
        ],
        name="mnist",
    )
    network.compile(optimizer=OPTIMIZER, loss=LOSS, metrics=["accuracy"])
    return network


def train(
    data: str | Path = MNIST,
    out: str | Path = "MNIST.h5",
    *,
    epochs: int = 100,
    batch_size: int = 196,
    validation_split: float = 0.2,
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
        epochs: how often each training row is seen, at least 1.
        batch_size: rows per step, at least 1.
        validation_split: share of the training rows, the last ones, that only watch; below 1.
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
    settings = _Settings(epochs, batch_size, validation_split, seed)
    out = Path(out)
    # What can be refused is refused before hours of training.
    save = _saver(out)
    check_writable(out, overwrite=overwrite)
    folder = _report_folder(out, report)
    report_writer = Report(folder, overwrite=overwrite) if folder else None
    digits = _read(os.fspath(data))
    _check_splittable(len(digits.training.labels), settings)

    network, history = _fit(digits.training, settings, progress)
    with _staged(out, overwrite=overwrite) as staged:
        with translated(out):
            save(network, staged.path)
        metrics, samples = _tested(staged.path, digits.test_inputs, seed)
        record = _record(settings, digits, metrics)
        with translated(out):
            _DESCRIBERS[out.suffix](staged.path, json.dumps(record))
        sha256 = hashlib.sha256(staged.path.read_bytes()).hexdigest()
        run = {"model": {"name": out.name, "sha256": sha256}, **record}
        with _staged_report(report_writer, metrics, samples, run, history):
            staged.commit()
            if report_writer:
                report_writer.commit()
    return TrainingResult()
