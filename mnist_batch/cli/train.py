"""Train a network on labelled images of digits or of other classes, and test it.

It has layers of 128 and 64 units and one output per class. The model, its report and its learning
curves are written; a plain keras.models.load_model reads the model. Files or folders named train
and test, as train-00000-of-00001.parquet, hold the data for training and for the test; without such
names all of it is for training.

Example: mnist-batch train --data mnist/ --epochs 20 --out MNIST.h5
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Annotated, Any

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.summary import metrics_page, report_line
from mnist_batch.cli.shared import gates, groups, parameters
from mnist_batch.options import AUGMENTED, LARGEST_BATCH, MNIST, PLAIN, Prepare

_Data = Annotated[str, parameters.reading(metavar="INPUT", help="Labelled images, as for predict.")]
_Out = Annotated[str, parameters.writing(metavar="FILE", help="The model: .h5 or .keras.")]
_Augment = Annotated[
    bool,
    parameters.running(
        "--augment",
        help="Rotate, shift, zoom and shear the digits and change their stroke width, at random; "
        "keep the best epoch.",
    ),
]
_Epochs = Annotated[
    int | None,
    parameters.running(
        min=1,
        max=2**31 - 1,
        help=f"Passes over the data; {PLAIN.epochs}, or {AUGMENTED.epochs} with --augment.",
    ),
]
_BatchSize = Annotated[
    int | None,
    parameters.running(
        min=1,
        max=LARGEST_BATCH,
        help=f"Images per step; {PLAIN.batch_size}, or {AUGMENTED.batch_size} with --augment.",
    ),
]
_ValidationSplit = Annotated[
    float | None,
    parameters.running(
        min=0,
        max=0.99,
        help="Share of the training data that is held out for validation; "
        f"{PLAIN.validation_split}, or {AUGMENTED.validation_split} with --augment.",
    ),
]
_PrepareChoice = Annotated[
    Prepare | None,
    parameters.running(
        help="Which images to bring to MNIST form: auto takes those not in it, always all; never "
        "only resizes. By default auto for digits, never for other classes."
    ),
]
_Seed = Annotated[
    int, parameters.running(min=0, max=2**32 - 1, help="Same seed and machine, same weights.")
]


def train(
    data: _Data = MNIST,
    out: _Out = "MNIST.h5",
    *,
    reading: groups.Reading,
    augment: _Augment = False,
    epochs: _Epochs = None,
    batch_size: _BatchSize = None,
    validation_split: _ValidationSplit = None,
    seed: _Seed = 0,
    prepare: _PrepareChoice = None,
    report: parameters.ReportFolder = None,
    no_report: parameters.NoReport = False,
    overwrite: parameters.Overwrite = False,
    quiet: parameters.Quiet = False,
    as_json: parameters.AsJson = False,
) -> None:
    with epoch_bar(quiet=quiet) as progress:
        result = mnist_batch.train(
            data,
            out,
            **vars(reading),
            augment=augment,
            epochs=epochs,
            batch_size=batch_size,
            validation_split=validation_split,
            seed=seed,
            prepare=prepare,
            report=gates.report_argument(report, no_report=no_report),
            overwrite=overwrite,
            progress=progress,
        )
    terminal.show_result(result, training_page, quiet=quiet, as_json=as_json)


def training_page(result: "mnist_batch.TrainingResult") -> "terminal.Page":
    """Return how well a trained model reads the test split, what it was made from, and where."""
    kept = {name: numbers[result.epoch - 1] for name, numbers in result.history.items()}
    is_last = result.epoch == len(result.history["loss"])
    scores = f"loss {kept['loss']:.4f}, accuracy {kept['accuracy']:.4f}"
    if "val_accuracy" in kept:
        scores += f", validation accuracy {kept['val_accuracy']:.4f}"
    noun = "digits" if result.classes.are_digits else "images"
    lines = [
        ("data", f"{result.rows:,} {noun}, in {result.elapsed_s:.0f} s"),
        ("last epoch" if is_last else f"epoch {result.epoch}", scores),
        *(("left out", f"{reason}: {count:,}") for reason, count in result.unreadable.items()),
        ("model", str(result.out)),
        *report_line(result.report_files, result.report_missing),
    ]
    why = "" if result.notes else ": the data has no files or folders named test"
    tested = metrics_page(result.metrics) if result.metrics else f"not tested{why}"
    return terminal.page(tested, "", terminal.named_lines(lines))


def epoch_bar(
    *, quiet: bool
) -> "AbstractContextManager[Callable[[mnist_batch.TrainingProgress], None] | None]":
    """Return a progress bar of epochs."""

    def state(step: "mnist_batch.TrainingProgress", _: float) -> dict[str, Any]:
        scores = f"loss {step.loss:.4f}"
        if step.val_accuracy is not None:
            scores += f", validation accuracy {step.val_accuracy:.4f}"
        return {
            "description": "Training",
            "completed": step.epoch,
            "total": step.epochs,
            "epochs": f"epoch {step.epoch}/{step.epochs}",
            "scores": scores,
        }

    columns = ["{task.description}", "bar", "{task.fields[epochs]}", "remaining"]
    columns += ["{task.fields[scores]}"]
    # Epochs are slow: in 30 s there would be too few of them to tell the speed.
    return terminal.progress_bar(columns, state, quiet=quiet, period_s=600.0, epochs="", scores="")
