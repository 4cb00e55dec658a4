"""Predict inputs into one file, with a report beside it."""

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any, Self, Unpack

import numpy as np
import pyarrow as pa

from mnist_batch.commands.command_lines import evaluate_line, predict_line
from mnist_batch.commands.run import Run, Summary, reading_notes, without_digit_note
from mnist_batch.engines.findings import Findings
from mnist_batch.errors import InputError, OutputError
from mnist_batch.evaluation.drift.suspicion import suspicions
from mnist_batch.evaluation.evaluator import Evaluation
from mnist_batch.evaluation.found_images import find_images
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.scale_search import (
    KeptImages,
    is_settled,
    orientation_note,
    prepare_note,
    scale_note,
)
from mnist_batch.inference.workers import Progress
from mnist_batch.machine.memory import within
from mnist_batch.options import (
    BATCH_ROWS,
    Device,
    Inputs,
    ModelOptions,
    OutputOptions,
    PredictOptions,
    PredictorChoice,
    Prepare,
    ReadArguments,
    ReadOptions,
    Scale,
    Several,
    input_list,
    memory_size,
)
from mnist_batch.outputs.parts.parts_folder import PartsFolder, committed_outputs, rows_kept
from mnist_batch.outputs.places import (
    Claim,
    check_apart,
    check_not_read,
    check_outside,
    claims_of_predictions,
)
from mnist_batch.outputs.prepared_folder import PreparedFolder
from mnist_batch.outputs.targets import why_failed
from mnist_batch.outputs.writer import Sink, check_output
from mnist_batch.reports.notebook import image_bar
from mnist_batch.reports.page import Around
from mnist_batch.reports.report import Report, claims_of_report, report_folder
from mnist_batch.schema import Reason


def stream(
    inputs: Inputs,
    *,
    model: str | Path | Predictor | None = None,
    prepare: Prepare | str = Prepare.AUTO,
    batch_size: int = BATCH_ROWS,
    workers: int | None = None,
    probabilities: bool = False,
    keep_columns: Sequence[str] = (),
    content_hash: bool = False,
    several: Several | str = Several.ERROR,
    **reading: Unpack[ReadArguments],
) -> Iterator[pa.RecordBatch]:
    """Yield predictions lazily, as Arrow record batches of `schema.predictions_schema`.

    The arguments are those of `predict`. For a scale, a predictor or a device pass a model that
    `load_model` returned; on Keras it keeps its own `batch_size`.

    Raises:
        InputError: while iterating, an input cannot be read.
        LabelError: while iterating, a label is of no class.
        ModelError: while iterating, the model cannot be loaded or run.
        ValueError: while iterating, an argument is out of range.
    """
    options = PredictOptions(
        ReadOptions.of(keep_columns, **reading),
        ModelOptions(batch_size=batch_size),
        prepare=Prepare(prepare),
        workers=workers,
        probabilities=probabilities,
        content_hash=content_hash,
        several=Several(several),
    )
    run = Run(input_list(inputs), model, options)
    for batch in run.predict(run.parts):
        yield batch.predictions.select(run.schema.names)


def predict(
    inputs: Inputs,
    out: str | Path,
    *,
    model: str | Path | Predictor | None = None,
    predictor: PredictorChoice | str = PredictorChoice.AUTO,
    scale: Scale | str | None = None,
    device: Device | str = Device.AUTO,
    prepare: Prepare | str = Prepare.AUTO,
    batch_size: int = BATCH_ROWS,
    workers: int | None = None,
    memory: str | None = None,
    probabilities: bool = False,
    keep_columns: Sequence[str] = (),
    slices: Sequence[str] = (),
    content_hash: bool = False,
    report: str | Path | bool = True,
    sample_seed: int = 0,
    save_prepared: str | Path | None = None,
    overwrite: bool = False,
    resume: bool = False,
    fail_fast: bool = False,
    progress: Callable[[Progress], None] | None = None,
    several: Several | str = Several.ERROR,
    **reading: Unpack[ReadArguments],
) -> Summary:
    """Predict every image of the inputs, a row each in input order, into one file with a report.

    Args:
        inputs: folders, files, globs, `hf://` or `-`: the INPUTs of the command, see Formats.
        out: the predictions file, `.parquet` or `.csv`; nothing is there before all of it is.
        model: a model file, a loaded model, or None for the one of this package.
        predictor: see `load_model`; as the next two, not for a loaded model.
        scale: how the model wants its pixels; None for what the file says.
        device: where Keras or ONNX Runtime runs the model.
        prepare: which images are brought to MNIST form, see `options.Prepare`.
        batch_size: rows in a batch at most, at least 1; Keras runs just so many at once.
        workers: threads, at least 1; None for one a core.
        memory: what the process aims to stay below, as `2G`; None for the default, see Speed.
        probabilities: add the probabilities of each row; log loss and Brier score need them.
        keep_columns: columns of Parquet or of metadata.csv that the predictions keep.
        slices: such columns too; the report counts by their values.
        content_hash: add a hash of each image's bytes, the column `content`.
        report: the report's folder; True for `<out without suffix>.report`, False for none.
        sample_seed: chooses the ten images of `samples.png`.
        save_prepared: a new folder for pictures of prepared images beside their originals.
        overwrite: replace an output, a report and pictures that exist.
        resume: continue, bit for bit, from the parts of an interrupted run; else they are removed.
        fail_fast: stop at the first row without a prediction.
        progress: called after each batch, in the calling thread.
        several: what becomes of a picture of several digits, see `options.Several`.
        **reading: how inputs are read, see `options.ReadArguments`.

    Raises:
        MnistBatchError: an output exists or cannot be written (`OutputError`), an input or a label
            cannot be read (`InputError`), the model cannot be loaded or run (`ModelError`).
        ValueError: an argument is out of range.
    """
    read = ReadOptions.of([*keep_columns, *slices], **reading)
    running = ModelOptions(predictor, scale, device, batch_size)
    output = OutputOptions(report, sample_seed, save_prepared, overwrite, resume, tuple(slices))
    how = PredictOptions(
        read,
        running,
        output,
        Prepare(prepare),
        workers,
        probabilities=probabilities,
        fail_fast=fail_fast,
        memory=memory_size(memory),
        content_hash=content_hash,
        several=Several(several),
    )
    progress = progress or image_bar()
    summary = predict_with(input_list(inputs), Path(out), model, how, progress)
    # A night is held against an earlier one, which may explain what a run alone does not.
    found = suspicions(summary.metrics, summary.profile)
    return replace(summary, notes=[*summary.notes, *found]) if found else summary


def predict_with(
    inputs: Sequence[str | Path],
    out: Path,
    model: str | Path | Predictor | None,
    options: PredictOptions,
    progress: Callable[[Progress], None] | None = None,
    command: str | None = None,
    *,
    around: Around | None = None,
) -> Summary:
    """Predict as `predict` does: open, plan, predict part by part, commit, report.

    `command` is the line that repeats the run, for its report; None for that of `predict`. `around`
    is what the page of the report belongs to.

    Raises:
        OutputError: an output exists, cannot be written, is being written by another run, or lies
            within an input folder or where another output does; or the interrupted run that
            `resume` is to continue had other inputs, options or another model.
        InputError: an input cannot be read, or with `fail_fast` a row has no prediction.
        ColumnError: a column of the input that is to be kept is not there, or cannot be kept.
        LabelError: a label is of no class.
        ModelError: the model cannot be loaded or run.
    """
    # What can be refused at once is refused before a model is loaded or a large folder is listed.
    with _Outputs(out, inputs, options, around) as outputs:
        run = Run(inputs, model, options)
        labels, file = options.read.labels, run.predictor.model.path
        check_not_read(outputs.files, [*run.opened.files, file, *([labels] if labels else [])])
        command = command or predict_line(inputs, out, model, options)
        return _predict(run, outputs, command, progress)


def _predict(
    run: Run, outputs: "_Outputs", command: str, progress: Callable[[Progress], None] | None
) -> Summary:
    """Predict all rows into the outputs. After the commit nothing fails any more."""
    found = _findings(run, outputs.report)
    started = time.perf_counter()
    resume = run.options.output.resume
    with (
        within(run.options.memory),
        PartsFolder(outputs.out, run.manifest(), resume=resume) as staging,
        outputs.sink(staging.path, run.schema) as sink,
    ):
        pictures, report = outputs.pictures is not None, outputs.report is not None
        for rows in run.rows(staging, with_pictures=pictures, for_report=report):
            sink.write(rows.predictions)
            if outputs.pictures and rows.batch:
                outputs.pictures.write(found.evaluator.rows, rows.batch)
            found.add(rows)
            if progress:
                progress(
                    Progress(found.evaluator.pictures, run.opened.rows, found.evaluator.errors)
                )
            if run.options.fail_fast and found.evaluator.errors:
                raise _first_error(rows.predictions)
        evaluation = found.evaluator.evaluation()
        record = run.record(evaluation, found.predicted, time.perf_counter() - started)
        notes = [*staging.notes, *_notes(run, evaluation, found.kept)]
        if report and evaluation.profile.rows and evaluation.profile.ink is None:
            notes.append(
                "the report tells neither ink nor size of the images: the interrupted run, which "
                "predicted some of them, made no report; predict without --resume for both"
            )
        sink.finish(record)
        staging.announce(sink.path, outputs.folders)
        sink.commit()
        outputs.complete(run, evaluation, record, command)
        staging.remove()
    return outputs.summary(run, evaluation, record, notes)


class _Outputs(AbstractContextManager["_Outputs", None]):
    """The predictions file of a run, its report and its pictures; a context locks these two.

    Attributes:
        out: the predictions file.
        folders: of the report and of the pictures, where they are wanted.
        files: the files that are written by their names: predictions and report.
        pictures: writes the pictures of prepared images; None for none.
        report: writes the report; None for none.
    """

    def __init__(
        self,
        out: Path,
        inputs: Sequence[str | Path],
        options: PredictOptions,
        around: Around | None,
    ) -> None:
        """Refuse what cannot be written, as `predict_with` says; nothing is touched."""
        wanted = options.output
        self.out = out
        self._options = options
        self._around = around
        self._committed = committed_outputs(out) if wanted.resume else frozenset()
        is_there = os.path.isfile(out)  # noqa: PTH113 - `Path.is_file` raises where it may not look
        if wanted.resume and is_there and not self._may_replace(out):
            raise OutputError(
                f"{out} exists already, and an interrupted run is to replace it; pass "
                "--overwrite too"
                if rows_kept(out)
                else f"{out} exists already, so there is nothing to resume; pass --overwrite to "
                "predict it again"
            )
        check_output(out, overwrite=self._may_replace(out))
        report = report_folder(out, wanted.report)
        pictures = None if wanted.save_prepared is None else Path(wanted.save_prepared)
        self.folders = [folder for folder in (report, pictures) if folder]
        of_report = claims_of_report(report)
        self.files = [out, *(claim.path for claim in of_report if not claim.is_shared)]
        check_apart(
            [
                *claims_of_predictions(out),
                *of_report,
                *([Claim(pictures, "the pictures of --save-prepared")] if pictures else []),
            ]
        )
        check_outside(self.files, self.folders, inputs)
        self.pictures: PreparedFolder | None = None
        if pictures:
            may_replace = self._may_replace(pictures)
            self.pictures = PreparedFolder(pictures, overwrite=may_replace, inputs=inputs)
        self.report = Report(report, overwrite=self._may_replace(report)) if report else None

    def __enter__(self) -> Self:
        """Lock the folders of the report and of the pictures until the end of the run."""
        with ExitStack() as entered:
            for output in (self.report, self.pictures):
                if output:
                    entered.enter_context(output)
            self._entered = entered.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Unlock them, and remove what is not in place."""
        self._entered.close()

    def sink(self, folder: Path, schema: pa.Schema) -> Sink:
        """Begin the predictions file, of a schema, in the folder of the parts."""
        return Sink(self.out, schema, overwrite=self._may_replace(self.out), folder=folder)

    def complete(
        self, run: Run, evaluation: Evaluation, record: Mapping[str, Any], command: str
    ) -> None:
        """Put report and pictures beside the predictions, which are in place.

        No failure costs these: what cannot be made is in a note of the summary.
        """
        if self.report:
            self.report.retire()  # it is on other predictions now
        if self.pictures:
            self.pictures.commit()
        if self.report:
            try:
                evaluation = _with_images(evaluation, run)
            except Exception as error:  # noqa: BLE001 - the report is a guest of the predictions
                has_mistakes = evaluation.metrics.correct < evaluation.metrics.scored
                for name in ("samples.png", *(["mistakes.png"] if has_mistakes else [])):
                    self.report.missing[name] = why_failed(error)
            self.report.stage(evaluation, record, command=command, around=self._around)
            self.report.commit()

    def summary(
        self, run: Run, evaluation: Evaluation, record: Mapping[str, Any], notes: Sequence[str]
    ) -> Summary:
        """Return what was written, and what the user should know of it."""
        pictures, report = self.pictures, self.report
        has_pictures = pictures is not None and pictures.failure is None
        notes = [*notes, *(pictures.notes() if pictures else [])]
        if report:
            again = evaluate_line(
                [self.out],
                report.folder,
                images=run.inputs,
                image_column=self._options.read.image_column,
                sample_seed=self._options.output.sample_seed or None,
            )
            how = f"the predictions are complete; to make it again: {again}"
            notes += [*report.notes, *report.note(how)]
        return Summary(
            predictions=self.out,
            metrics=evaluation.metrics,
            run=record,
            report_files=report.files if report else [],
            report_missing=list(report.missing) if report else [],
            notes=notes,
            profile=evaluation.profile,
            unreadable=evaluation.unreadable,
            slices=evaluation.slices,
            prepared_folder=pictures.target if pictures and has_pictures else None,
            prepared_pictures=pictures.written if pictures else 0,
            uncounted_sources=len(run.opened.uncounted),
        )

    def _may_replace(self, path: Path) -> bool:
        return self._options.output.overwrite or str(path.absolute()) in self._committed


def _findings(run: Run, report: Report | None) -> Findings:
    mistakes = report.mistakes if report else None
    options = run.options.output
    return Findings(options, run.classes, mistakes, with_gallery=report is not None)


def _with_images(evaluation: Evaluation, run: Run) -> Evaluation:
    """Return it with its images; they are read again where an earlier run predicted the rows."""
    if evaluation.has_images:
        return evaluation
    how = run.prepare, run.options.several
    return evaluation.with_images(
        lambda places: find_images(places, run.opened, evaluation.pictures, *how)
    )


def _first_error(predictions: pa.RecordBatch) -> InputError:
    """Return the error to raise for the first row without a prediction."""
    place = predictions.column("prediction").is_null().index(True).as_py()
    source, row, error = (predictions.column(name)[place] for name in ("source", "row", "error"))
    return InputError(
        f"{source}, row {row}: {error}; mend it or leave it out, or predict without --fail-fast"
    )


def _notes(run: Run, evaluation: Evaluation, kept: KeptImages) -> list[str]:
    """Return what the user should know of the model and of how the inputs were read."""
    predictor, metrics = run.predictor, evaluation.metrics
    accuracy = metrics.accuracy
    advice = list[str | None]()
    try:
        advice.append(orientation_note(predictor, accuracy, kept, run.options.read.orientation))
        if not is_settled(predictor):
            advice.append(scale_note(predictor, accuracy, kept))
        if not any(advice):
            advice.append(prepare_note(predictor, accuracy, run.opened, run.prepare))
    except Exception as error:  # noqa: BLE001 - all is predicted, and this is only advice
        why = why_failed(error)
        advice.append(
            f"whether it reads the images better in another way was not found out ({why})"
        )
    of_model = [*predictor.notes, *filter(None, [run.wanted.note, *advice])]
    counts = metrics.rows, metrics.labelled, metrics.prepared
    return [
        *(f"model {predictor.model.path.name}: {note}" for note in of_model),
        *reading_notes(run.opened, run.prepare, *counts),
        *without_digit_note(run.prepare, metrics.rows, metrics.errors_by_reason),
        *_notes_on_several_digits(evaluation),
        *_labels_from_1(metrics),
    ]


def _labels_from_1(metrics: Metrics) -> Iterator[str]:
    """Yield that labels may be counted otherwise than the classes of the model are.

    EMNIST numbers its 26 letters from 1 on; of its 62 classes they are 10 to 35.
    """
    labels = np.flatnonzero(metrics.confusion_matrix.sum(axis=1))
    count, last = metrics.classes.count, len(labels)
    is_from_1 = last > 1 and labels[0] == 1 and labels[-1] == last
    if is_from_1 and not metrics.classes.are_digits and 2 * metrics.correct < metrics.scored:
        yield (
            f"the labels are 1 to {last} of {count} classes, which are 0 to {count - 1}, and most "
            "predictions differ from them: they may begin at 1, or number other classes; pass "
            "labels that are names or numbers of these classes, or --labels none"
        )


def _notes_on_several_digits(evaluation: Evaluation) -> Iterator[str]:
    """Yield what became of pictures of several digits, where there are any."""
    refused = evaluation.metrics.errors_by_reason.get(str(Reason.SEVERAL_DIGITS), 0)
    if refused and not evaluation.is_split:
        yield f"pictures that show several digits: {refused:,}; --several split reads each digit"
    if evaluation.split_pictures:
        yield (
            f"pictures that show several digits: {evaluation.split_pictures:,} of "
            f"{evaluation.pictures:,}; each digit is a row, which makes "
            f"{evaluation.metrics.rows:,}, and a label counts only where a picture shows one"
        )
