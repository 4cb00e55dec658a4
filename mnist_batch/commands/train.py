"""Train the network on labelled digits, and write, test and describe its model file."""

import hashlib
import os
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Unpack

import numpy as np

from mnist_batch import __version__
from mnist_batch.commands.command_lines import shell_line, train_line
from mnist_batch.errors import InputError, LabelError, MachineError
from mnist_batch.inputs.finding.find import HUB
from mnist_batch.machine import extras
from mnist_batch.options import (
    AUGMENTED,
    MNIST,
    NO_LABELS,
    PLAIN,
    Prepare,
    ReadArguments,
    ReadOptions,
)
from mnist_batch.outputs.atomic import StagedFile
from mnist_batch.outputs.output_lock import OutputLock
from mnist_batch.outputs.places import Claim, check_apart, check_outside
from mnist_batch.outputs.targets import check_writable
from mnist_batch.remote.addresses import path_here
from mnist_batch.reports.notebook import BarState, bar
from mnist_batch.reports.report import Report, claims_of_report, report_folder
from mnist_batch.training.data import LabelledImages
from mnist_batch.training.digits import Digits, read_digits
from mnist_batch.training.fitting import Fitted, Settings, TrainingProgress, fit, fit_augmented
from mnist_batch.training.network import (
    build_network,
    check_model_suffix,
    describe_model,
    write_model,
)
from mnist_batch.training.record import model_record
from mnist_batch.training.result import TrainingResult
from mnist_batch.training.testing import UNTESTED, evaluate_saved


def train(
    data: str | Path = MNIST,
    out: str | Path = "MNIST.h5",
    *,
    augment: bool = False,
    epochs: int | None = None,
    batch_size: int | None = None,
    validation_split: float | None = None,
    seed: int = 0,
    prepare: Prepare | str | None = None,
    report: str | Path | bool = True,
    overwrite: bool = False,
    progress: Callable[[TrainingProgress], None] | None = None,
    **reading: Unpack[ReadArguments],
) -> TrainingResult:
    """Train the network, test the saved file, and report both.

    On one machine, the same data, settings and seed give the same weights. Nothing is at `out`
    before all of it is; on an error or an interrupt nothing is left. Python's, NumPy's and Keras'
    generators are seeded for the whole process, and TensorFlow's operations made deterministic.

    Args:
        data: an INPUT with labels, as `predict` takes it. Files and folders named `train` and
            `test` tell the rows for training from those for the test, see Models.
        out: the model file; its suffix, `.h5` or `.keras`, tells the format.
        augment: augment the images at random, and choose the epoch by validation; else follow
            the recipe of the original script.
        epochs: passes over the training rows, at least 1; by default 100, with `augment` 300.
        batch_size: rows per step, at least 1; by default 196, with `augment` 256.
        validation_split: share of the training rows, the last ones, to validate with; below 1; by
            default 0.2, with `augment` 0.1.
        seed: of the first weights and the order of the rows, 0 to 2**32 - 1.
        prepare: which images are brought to MNIST form; None for those of digits that are not in
            it, and for none of other classes. The model file tells it, and `predict` follows.
        report: the report's folder; True for `<out without suffix>.report`, False for none.
        overwrite: replace a model and a report that exist.
        progress: called after each epoch, in the calling thread.
        **reading: how inputs are read, see `options.ReadArguments`.

    Raises:
        ValueError: a number is out of range.
        OutputError: the suffix is unknown, the model or the report exists, or cannot be written.
        InputError: the data cannot be read, or is too little to split.
        LabelError: a row to train on has no label, or some to test on have none; or `labels` is
            `none`.
        MissingExtraError: Keras, or what it runs on, is not installed.
    """
    started = time.perf_counter()
    given = {"epochs": epochs, "batch_size": batch_size, "validation_split": validation_split}
    defaults = (AUGMENTED if augment else PLAIN)._asdict()
    chosen = {name: number for name, number in given.items() if number is not None}
    settings = Settings(**(defaults | chosen), seed=seed)
    read = ReadOptions.of(**reading)
    if read.labels == NO_LABELS:
        raise LabelError(f"--labels {NO_LABELS}: train learns from labels; leave it out")
    _require_libraries(data, augment=augment)
    more = {**given, "seed": seed or None, "prepare": prepare}
    path = path_here(out, "a model is")
    again = train_line(data, path, more, augment=augment, read=read)
    # What can be refused is refused before hours of training.
    report_writer = _check_outputs(path, report, data, overwrite=overwrite)
    with OutputLock(path) as out_lock, report_writer or nullcontext():
        check_writable(path, overwrite=overwrite)  # another run may have been faster
        digits = read_digits(os.fspath(data), read, Prepare(prepare) if prepare else None)
        settings.check_enough(digits.rows)
        progress = progress or bar(_epoch)
        fitted = (fit_augmented if augment else fit)(digits.training, settings, progress)
        with StagedFile(path, overwrite=overwrite) as staged:
            result = _save(staged, fitted, digits, report_writer, settings.seed, again, started)
    return replace(result, notes=[*out_lock.notes, *result.notes])


def _require_libraries(data: str | Path, *, augment: bool) -> None:
    """Refuse to read a data set, or to download it, where Keras is missing that learns from it."""
    needed = extras.for_keras()
    if augment:  # which TensorFlow does, whatever Keras runs on
        needed.append(extras.TENSORFLOW)
    if str(data).startswith(HUB):
        needed.append(extras.HUB)
    extras.require("train", *needed)


def _epoch(step: TrainingProgress) -> BarState:
    scored = "" if step.val_accuracy is None else f", validation accuracy {step.val_accuracy:.4f}"
    text = f"epoch {step.epoch} of {step.epochs}, loss {step.loss:.4f}{scored}"
    return BarState(step.epoch, step.epochs, text)


def _check_outputs(
    out: Path, report: str | Path | bool, data: str | Path, *, overwrite: bool
) -> Report | None:
    """Refuse outputs that cannot be written; return what writes the report."""
    check_model_suffix(out)
    check_writable(out, overwrite=overwrite)
    if not isinstance(report, bool):
        report = path_here(report, "the report on a model is")
    folder = report_folder(out, report)
    check_apart([Claim(out, "the model"), *claims_of_report(folder)])
    check_outside([out], [folder] if folder else [], [data])
    return Report(folder, overwrite=overwrite) if folder else None


def _save(
    staged: StagedFile,
    fitted: Fitted,
    digits: Digits,
    report_writer: Report | None,
    seed: int,
    command: str,
    started: float,
) -> TrainingResult:
    """Write the model file, test it, describe it in its metadata, and commit it with its report.

    `command` is the line that trains it again; `started` is when this run began.
    """
    network = build_network(digits.training.classes)
    network.set_weights(fitted.weights)  # compiled, without the state of its optimizer
    write_model(network, staged)
    tested, notes = UNTESTED, [*digits.notes]
    try:
        tested = evaluate_saved(staged.path, digits, seed, report_writer)
    except (InputError, MachineError) as error:  # hours of training are worth more
        notes.append(f"the model is complete, but not tested: {error}")
    notes += _notes_of_classes(digits.training)
    record = model_record(fitted, digits, tested, __version__)
    describe_model(staged, record)
    sha256 = hashlib.sha256(staged.path.read_bytes()).hexdigest()
    run = {"model": {"name": staged.target.name, "sha256": sha256}, **record, **_time(started)}
    staged.commit()
    if report_writer:  # no failure of it costs the model
        report_writer.retire()
        report_writer.stage(tested.evaluation, run, command=command, history=fitted.history)
        report_writer.commit()
        notes += [*report_writer.notes, *report_writer.note(_how_again(staged.target, digits))]
    return TrainingResult(
        out=staged.target,
        sha256=sha256,
        rows=digits.rows,
        test_rows=tested.evaluation.metrics.scored,
        unreadable=digits.unreadable,
        data_sha256=digits.training.sha256,
        history=fitted.history,
        epoch=fitted.epoch,
        recipe=fitted.recipe,
        metrics=tested.evaluation.metrics if tested.data_sha256 else None,
        report_files=report_writer.files if report_writer else [],
        report_missing=list(report_writer.missing) if report_writer else [],
        notes=notes,
        elapsed_s=time.perf_counter() - started,
        classes=digits.training.classes,
    )


def _time(started: float) -> dict[str, Any]:
    """Return when and how long a model was trained; its file does not say it, to be the same."""
    return {
        "created_utc": datetime.now(UTC).isoformat(timespec="seconds"),
        "elapsed_s": round(time.perf_counter() - started, 3),
    }


def _how_again(out: Path, digits: Digits) -> str:
    """Return how to see what a report that could not be made would have said of the test."""
    if not digits.test_inputs:
        return "the model is complete"
    predictions = out.with_name(f"{out.stem}-test.parquet")
    words = ["mnist-batch", "predict", *digits.test_inputs, "--model", str(out)]
    command = shell_line([*words, "--out", str(predictions)])
    return f"the model is complete; to test it again, with a report: {command}"


def _notes_of_classes(training: LabelledImages) -> list[str]:
    """Return notes on other classes than digits: how they were learned, and which were not."""
    classes = training.classes
    if classes.are_digits:
        return []
    named = ", ".join(classes.short_names(20)[:_NAMED]) + (
        ", ..." if classes.count > _NAMED else ""
    )
    notes = [
        f"{classes.count} classes were learned, not the digits: {named}; images were prepared as "
        f"with --prepare {training.prepare}, and predict does the same with this model"
    ]
    absent = np.flatnonzero(np.bincount(training.labels, minlength=classes.count) == 0)
    if len(absent):
        names = classes.short_names(20)
        told = ", ".join(names[number] for number in absent[:_NAMED])
        more = ", ..." if len(absent) > _NAMED else ""
        notes.append(f"classes without an image to train on: {len(absent):,} ({told}{more})")
    return notes


_NAMED = 3
"""Classes that are named in a note, at most."""
