"""Predict the digit on each image, and evaluate where labels are known.

Every image is a row of the output, in input order, with a prediction or the reason why there is
none. A report stands beside it: metrics, confusion matrix, accuracy per class and ten samples.

INPUT is a folder of images or of Parquet files, an image, a Parquet file, a quoted glob,
hf://datasets/OWNER/NAME, or - for a list of paths on standard input.

Without --out, up to 20 images are read for a quick look: each is printed with its digit, and
nothing is written.

Example: mnist-batch predict digits/ --out predictions.parquet
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import mnist_batch
from mnist_batch.cli import parameters
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.summary import run_page
from mnist_batch.errors import OutputInUseError
from mnist_batch.options import BATCH_ROWS, Device, ErrorBudget, PredictorChoice, Prepare

if TYPE_CHECKING:
    from mnist_batch.cli.printing.look import Row

_Options = dict[str, Any]
"""Arguments of the library, by name."""

_Out = Annotated[
    Path | None,
    parameters.writing(
        metavar="FILE", help="Predictions, .parquet or .csv; without it a quick look is printed."
    ),
]
_ContentHash = Annotated[
    bool,
    parameters.writing(
        "--content-hash", help="Write a hash of each image's bytes, by which runs are compared."
    ),
]
_SavePrepared = Annotated[
    Path | None,
    parameters.writing(
        metavar="DIR",
        help="New folder of pictures: each image that was prepared, beside what the network saw.",
    ),
]
_FailFast = Annotated[
    bool,
    parameters.writing(
        "--fail-fast", help="Stop at the first row with an error, and write nothing."
    ),
]
_Resume = Annotated[
    bool,
    parameters.writing("--resume", help="Continue an interrupted run from what it has finished."),
]


def predict(
    ctx: typer.Context,
    inputs: parameters.InputList,
    out: _Out = None,
    model: parameters.ModelFile = None,
    predictor: parameters.PredictorName = PredictorChoice.AUTO,
    scale: parameters.PixelScale = None,
    device: parameters.KerasDevice = Device.AUTO,
    prepare: parameters.PrepareChoice = Prepare.AUTO,
    image_column: parameters.ImageColumn = None,
    label_column: parameters.LabelColumn = None,
    labels: parameters.Labels = None,
    batch_size: parameters.BatchSize = BATCH_ROWS,
    workers: parameters.Workers = None,
    memory: parameters.Memory = None,
    probabilities: parameters.Probabilities = False,
    keep_column: parameters.KeepColumns = None,
    slice_by: parameters.Slices = None,
    content_hash: _ContentHash = False,
    report: parameters.ReportFolder = None,
    no_report: parameters.NoReport = False,
    sample_seed: parameters.SampleSeed = 0,
    save_prepared: _SavePrepared = None,
    max_errors: parameters.MaxErrors = "0",
    fail_fast: _FailFast = False,
    min_accuracy: parameters.MinAccuracy = None,
    resume: _Resume = False,
    overwrite: parameters.Overwrite = False,
    quiet: parameters.Quiet = False,
    as_json: parameters.AsJson = False,
) -> None:
    budget = parameters.error_budget(max_errors)
    reading: _Options = {
        "image_column": image_column,
        "label_column": label_column,
        "labels": labels,
    }
    running: _Options = {
        "predictor": predictor,
        "scale": scale,
        "device": device,
        "batch_size": batch_size,
    }
    if out is None:
        _refuse_options_of_outputs(ctx)
        _refuse_many(inputs, reading)
        rows = _looked_at(inputs, model, running, prepare=prepare, workers=workers, **reading)
        _show_look(rows, inputs, budget, quiet=quiet, as_json=as_json)
        return
    report_to = parameters.report_argument(report, no_report=no_report, draw_ahead=True)
    with _naming_kept_rows(out, quiet=quiet), terminal.image_bar(quiet=quiet) as progress:
        summary = mnist_batch.predict(
            inputs,
            out,
            model=model,
            **running,
            **reading,
            prepare=prepare,
            workers=workers,
            memory=memory,
            probabilities=probabilities,
            keep_columns=keep_column or (),
            slices=slice_by or (),
            content_hash=content_hash,
            report=report_to,
            sample_seed=sample_seed,
            save_prepared=save_prepared,
            overwrite=overwrite,
            resume=resume,
            fail_fast=fail_fast,
            progress=progress,
        )
    terminal.show_result(summary, run_page, quiet=quiet, as_json=as_json)
    metrics = summary.metrics
    accurate = parameters.reaches(min_accuracy, metrics)
    parameters.check_errors(
        budget,
        metrics.errors,
        metrics.rows,
        summary.uncounted_sources,
        lacking="a prediction",
        examples=parameters.first_of_each(summary.unreadable),
        out=out,
    )
    if not accurate:
        raise typer.Exit(parameters.GATE_STATUS)


_LOOK_ROWS = 20
"""Images of a quick look, at most."""

_OF_A_LOOK = {
    *("inputs", "out", "model", "predictor", "scale", "device", "prepare", "batch_size"),
    *("image_column", "label_column", "labels", "workers", "max_errors", "quiet", "as_json"),
}
"""Parameters that a quick look takes; all others are about what is written."""


def _refuse_options_of_outputs(ctx: typer.Context) -> None:
    for option in ctx.command.params:
        source = ctx.get_parameter_source(str(option.name))
        is_given = source is not None and source.name == "COMMANDLINE"
        if is_given and option.name not in _OF_A_LOOK:
            raise typer.BadParameter(
                "is about what is written; give --out FILE too", param_hint=f"'{option.opts[0]}'"
            )


def _refuse_many(inputs: Sequence[str], reading: _Options) -> None:
    """Refuse more images than a quick look takes, as soon as they are listed."""
    from mnist_batch.inputs.sources import STDIN, open_inputs  # pyarrow: not for --help
    from mnist_batch.options import ReadOptions

    if STDIN in inputs:  # which can be read once
        return
    images = open_inputs(inputs, ReadOptions.of(**reading)).rows
    if images > _LOOK_ROWS:
        raise _too_many(f"{images:,} images: ")


def _too_many(found: str = "") -> typer.BadParameter:
    return typer.BadParameter(
        f"{found}a quick look takes up to {_LOOK_ROWS} images; give --out FILE for more",
        param_hint="'INPUT'",
    )


def _looked_at(
    inputs: Sequence[str],
    model: Path | None,
    running: _Options,
    **options: Any,  # noqa: ANN401
) -> "list[Row]":
    """Predict up to 20 images; more are wrong usage. `options` are arguments of `stream`."""
    from mnist_batch.cli.printing.look import Row

    rows: list[Row] = []
    loaded = mnist_batch.load_model(model, **running)
    options |= {"probabilities": True, "batch_size": running["batch_size"]}
    for batch in mnist_batch.stream(inputs, model=loaded, **options):
        rows += [Row.of(row) for row in batch.slice(0, _LOOK_ROWS + 1).to_pylist()]
        if len(rows) > _LOOK_ROWS:
            raise _too_many()
    return rows


def _show_look(
    rows: "Sequence[Row]",
    inputs: Sequence[str],
    budget: ErrorBudget,
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    from mnist_batch.cli.printing import look
    from mnist_batch.evaluation.evaluator import Unreadable  # pyarrow: not for --help

    if as_json:
        terminal.show([row.record() for row in rows])
    elif not quiet:
        terminal.show(look.look_page(rows, inputs))
    unread = [
        Unreadable(look.as_typed(row.source, inputs), row.row, row.error)
        for row in rows
        if row.error
    ]
    counts = len(unread), len(rows), 0
    parameters.check_errors(budget, *counts, lacking="a prediction", examples=unread)


@contextmanager
def _naming_kept_rows(out: Path, *, quiet: bool) -> Iterator[None]:
    """Where a run is interrupted, say what is there and that `--resume` goes on from there."""
    from mnist_batch.outputs.parts_folder import committed_outputs, rows_kept

    before, was_there = rows_kept(out), bool(committed_outputs(out))
    try:
        yield
    except OutputInUseError:  # what is kept there is of the other run
        raise
    except BaseException:
        kept, is_there = rows_kept(out), bool(committed_outputs(out))
        if is_there and not was_there and not quiet:
            terminal.say(
                f"note: {out} is complete, what belongs to it may not be; --resume completes it"
            )
        elif kept > before and not quiet:
            terminal.say(f"note: {kept:,} rows are finished and kept; --resume goes on from there")
        raise
