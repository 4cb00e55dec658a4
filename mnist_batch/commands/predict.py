"""Predict inputs into one file, with a report beside it."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

import pyarrow as pa

import mnist_batch
from mnist_batch.commands.command_lines import predict_line
from mnist_batch.commands.runs.flow import Flow
from mnist_batch.commands.runs.notes import notes_of
from mnist_batch.commands.runs.outputs import RunOutputs
from mnist_batch.commands.runs.run import Run
from mnist_batch.commands.runs.summary import Summary
from mnist_batch.engines.findings import Findings
from mnist_batch.errors import InputError, OutputError
from mnist_batch.evaluation.drift.suspicion import suspicions
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs.finding.find import HUB
from mnist_batch.machine.memory import within
from mnist_batch.options import (
    BATCH_ROWS,
    PART_TIMEOUT_S,
    PROCESS_TIMEOUT_S,
    Device,
    EngineChoice,
    EngineOptions,
    Inputs,
    ModelOptions,
    OutputFormat,
    OutputOptions,
    PredictOptions,
    PredictorChoice,
    Prepare,
    ReadArguments,
    ReadOptions,
    Scale,
    Several,
    Share,
    input_list,
    memory_size,
    output_format,
)
from mnist_batch.outputs.kinds import output_place, staging_of
from mnist_batch.outputs.places import check_folder_not_read, check_not_read
from mnist_batch.remote.addresses import Place
from mnist_batch.reports.evaluation.places import AnyReport
from mnist_batch.reports.notebook import image_bar
from mnist_batch.reports.page import Around

if TYPE_CHECKING:
    from mnist_batch.engines.part_job import Engine


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
    engine: EngineChoice | str = EngineChoice.THREADS,
    ray_address: str | None = None,
    part_timeout: float | None = None,
    format: OutputFormat | str | None = None,
    shard: str | None = None,
    isolate: bool = False,
    **reading: Unpack[ReadArguments],
) -> Summary:
    """Predict every image of the inputs, a row each in input order, into one file with a report.

    Args:
        inputs: folders, files, globs, `hf://` or `-`: the INPUTs of the command, see Formats.
        out: predictions, `.parquet`, `.csv` or a folder (`out/`), at a path or an address.
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
        engine: who predicts: `threads` here, or `ray`, tasks on a cluster, see Scale.
        ray_address: `HOST:PORT` of the Ray cluster; None for what `RAY_ADDRESS` says.
        part_timeout: seconds until a part is tried again; None for 600 on Ray, 3600 in a process.
        format: `dataset` for a folder of Parquet files, as a slash at the end of `out` says.
        shard: a share of the parts, as `1/3`, into a folder for `merge`; None for all.
        isolate: predict in worker processes, as many as `workers`: an image that ends one is a row
            with an error, see Reliability.
        **reading: how inputs are read, see `options.ReadArguments`.

    Raises:
        MnistBatchError: an output exists or cannot be written (`OutputError`), an input or a label
            cannot be read (`InputError`), the model cannot be loaded or run (`ModelError`).
        ValueError: an argument is out of range.
    """
    written = report, sample_seed, save_prepared, overwrite, resume, tuple(slices)
    output = OutputOptions(*written, format=output_format(out, format))
    how = PredictOptions(
        ReadOptions.of([*keep_columns, *slices], **reading),
        ModelOptions(predictor, scale, device, batch_size),
        output,
        Prepare(prepare),
        workers,
        probabilities=probabilities,
        fail_fast=fail_fast,
        memory=memory_size(memory),
        content_hash=content_hash,
        several=Several(several),
        share=None if shard is None else Share.parse(shard),
        isolate=isolate,
        engine=EngineOptions(EngineChoice(engine), ray_address, part_timeout),
    )
    summary = _predicted(input_list(inputs), out, model, how, progress or image_bar())
    # A night is held against an earlier one, which may explain what a run alone does not.
    found = suspicions(summary.metrics, summary.profile)
    return replace(summary, notes=[*summary.notes, *found]) if found else summary


def _predicted(
    inputs: Sequence[str | Path],
    out: str | Path,
    model: str | Path | Predictor | None,
    how: PredictOptions,
    progress: Callable[[Progress], None] | None,
) -> Summary:
    """Predict; a data set of the hub gets one commit when all is predicted."""
    if not str(out).startswith(HUB):
        return predict_with(inputs, output_place(out), model, how, progress)
    from mnist_batch.commands.runs.hub import HubOutput  # which few runs need

    with HubOutput(str(out), how.output) as there:
        command = predict_line(inputs, str(out), model, how)
        summary = predict_with(inputs, there.out, model, how, progress, command)
        there.publish(f"Predict with mnist-batch {mnist_batch.__version__}")
        return there.told(summary)


def predict_with(
    inputs: Sequence[str | Path],
    out: Place,
    model: str | Path | Predictor | None,
    options: PredictOptions,
    progress: Callable[[Progress], None] | None = None,
    command: str | None = None,
    *,
    around: Around | None = None,
    engine: "Engine | None" = None,
) -> Summary:
    """Predict as `predict` does: open, plan, predict part by part, commit, report.

    `command` is the line that repeats the run, for its report; None for that of `predict`. `around`
    is what the page of the report belongs to; `engine` predicts the parts, None for threads here.

    Raises:
        OutputError: an output exists, cannot be written, is being written by another run, is no
            folder for a shard, or lies within an input folder or where another output does; or the
            interrupted run that `resume` is to continue had other inputs, options or another model.
        InputError: an input cannot be read, or with `fail_fast` a row has no prediction.
        ColumnError: a column of the input that is to be kept is not there, or cannot be kept.
        LabelError: a label is of no class.
        ModelError: the model cannot be loaded or run.
    """
    if options.share and options.output.format is not OutputFormat.DATASET:
        raise OutputError(
            f"{out}: a shard is written as a folder of parts, for merge; name one with a slash at "
            "its end, as --out shard-1/"
        )
    engine = engine or _engine(options)
    # What can be refused at once is refused before a model is loaded or a large folder is listed.
    with RunOutputs(out, inputs, options, around) as outputs:
        run = Run(inputs, model, options)
        labels, file = options.read.labels, run.predictor.model.path
        if options.output.format is OutputFormat.DATASET:
            check_folder_not_read(out, run.opened.files)
        check_not_read(outputs.files, [*run.opened.files, file, *([labels] if labels else [])])
        command = command or predict_line(inputs, out, model, options)
        return predict_run(run, outputs, command, progress, engine)


def _engine(options: PredictOptions) -> "Engine | None":
    """Return what predicts the parts of a run; None for threads here.

    Raises:
        OutputError: pictures of `--save-prepared` are wanted, which only threads here can make.
        MachineError: no cluster is named, or none answers.
    """
    wanted = options.engine
    on_ray = wanted.engine is EngineChoice.RAY
    if not (on_ray or options.isolate):
        return None
    if options.output.save_prepared is not None:
        raise OutputError(
            "--save-prepared takes pictures from the process that predicts, and "
            f"{'--engine ray' if on_ray else '--isolate'} lets others predict; leave out one of "
            "them"
        )
    if on_ray:
        from mnist_batch.engines.ray_cluster.engine import RayEngine

        timeout_s = PART_TIMEOUT_S if wanted.part_timeout is None else wanted.part_timeout
        return RayEngine(wanted.ray_address, timeout_s, options.workers)
    from mnist_batch.engines.processes import Processes  # which few runs need

    timeout_s = PROCESS_TIMEOUT_S if wanted.part_timeout is None else wanted.part_timeout
    return Processes(options.workers, timeout_s)


def predict_run(
    run: Run,
    outputs: RunOutputs,
    command: str,
    progress: Callable[[Progress], None] | None,
    engine: "Engine | None",
) -> Summary:
    """Predict all rows into the outputs. After the commit nothing fails any more."""
    found = _findings(run, outputs.report)
    started = time.perf_counter()
    resume = run.options.output.resume
    with (
        within(run.options.memory),
        staging_of(outputs.out, run.manifest(), resume=resume, kind=run.part_kind) as staging,
        outputs.sink(staging, run.schema) as sink,
    ):
        for _ in Flow(run, outputs, staging, sink, found).rows(engine):
            if progress:
                progress(
                    Progress(found.evaluator.pictures, run.opened.rows, found.evaluator.errors)
                )
            if run.options.fail_fast and (row := found.evaluator.first_unreadable):
                raise InputError(
                    f"{row.source}, row {row.row}: {row.error}; mend it or leave it out, or "
                    "predict without --fail-fast"
                )
        evaluation = found.evaluator.evaluation()
        record = run.record(evaluation, found.predicted, time.perf_counter() - started)
        if engine and engine.kernels:
            record["kernels"] = engine.kernels
        of_engine = engine.notes if engine else []
        notes = [*staging.notes, *of_engine, *notes_of(run, evaluation, found.kept, engine)]
        if outputs.report and evaluation.profile.rows and evaluation.profile.ink is None:
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


def _findings(run: Run, report: "AnyReport | None") -> Findings:
    mistakes = report.mistakes if report else None
    how = run.options.output, run.classes, mistakes
    return Findings(*how, with_gallery=report is not None)
