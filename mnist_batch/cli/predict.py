"""Predict the digit on each image, and evaluate where labels are known.

Every image is a row of the output, in input order, with a prediction or the reason why there is
none. A report stands beside it: metrics, confusion matrix, accuracy per class and ten samples.

INPUT is an image or a Parquet, CSV, .npz, .npy or IDX file, a folder of these, a quoted glob,
hf://datasets/OWNER/NAME, or - for a list of paths on standard input.

Without --out, up to 20 images are read for a quick look: each is printed with its digit, and
nothing is written.

Example: mnist-batch predict digits/ --out predictions.parquet
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated

import typer

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.summary import run_page
from mnist_batch.cli.shared import gates, groups, parameters
from mnist_batch.errors import (
    MachineError,
    MissingExtraError,
    MnistBatchError,
    OutputInUseError,
)
from mnist_batch.options import ErrorBudget, Share

if TYPE_CHECKING:
    from mnist_batch.cli.printing.look import Row
    from mnist_batch.remote.addresses import Place
    from mnist_batch.schema import Classes

_Out = Annotated[
    str | None,
    parameters.writing(
        metavar="FILE|DIR/",
        help="Predictions, .parquet or .csv, or a folder of Parquet files, here or "
        "s3://BUCKET/...; without it a quick look is printed.",
    ),
]
_ContentHash = Annotated[
    bool,
    parameters.writing(
        "--content-hash", help="Write a hash of each image's bytes, by which runs are compared."
    ),
]
_SavePrepared = Annotated[
    str | None,
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


def _share(text: str | None) -> str | None:
    """Refuse what is no share before anything starts."""
    try:
        return text if text is None else str(Share.parse(text))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


_Shard = Annotated[
    str | None,
    parameters.writing(
        metavar="I/N",
        callback=_share,
        help="Predict a share of N of the INPUT, from 1/N to N/N, into a folder (--out DIR/, with "
        "the slash); merge joins them.",
    ),
]


def predict(
    ctx: typer.Context,
    inputs: parameters.InputList,
    out: _Out = None,
    model: parameters.ModelFile = None,
    *,
    output_format: parameters.FormatChoice = None,
    running: groups.Running,
    reading: groups.Reading,
    predicting: groups.Predicting,
    spreading: groups.Spreading,
    content_hash: _ContentHash = False,
    report: parameters.ReportFolder = None,
    no_report: parameters.NoReport = False,
    save_prepared: _SavePrepared = None,
    max_errors: parameters.MaxErrors = "0",
    fail_fast: _FailFast = False,
    min_accuracy: parameters.MinAccuracy = None,
    resume: _Resume = False,
    shard: _Shard = None,
    overwrite: parameters.Overwrite = False,
    quiet: parameters.Quiet = False,
    as_json: parameters.AsJson = False,
) -> None:
    budget = gates.error_budget(max_errors)
    if out is None:
        _refuse_options_of_outputs(ctx)
        loaded = mnist_batch.load_model(model, **vars(running))
        _refuse_many(inputs, reading)
        rows, classes = _looked_at(inputs, loaded, running, reading, predicting)
        _show_look(rows, inputs, classes, quiet=quiet, as_json=as_json)
        _say_unlabelled(rows, reading.labels, quiet=quiet)
        _check_look(rows, inputs, budget if _is_given(ctx, "max_errors") else None, quiet=quiet)
        return
    report_to = gates.report_argument(report, no_report=no_report)
    with _naming_kept_rows(out, quiet=quiet), terminal.image_bar(quiet=quiet) as progress:
        summary = mnist_batch.predict(
            inputs,
            out,
            model=model,
            **vars(running),
            **vars(reading),
            **predicting.arguments(),
            **vars(spreading),
            content_hash=content_hash,
            report=report_to,
            save_prepared=save_prepared,
            overwrite=overwrite,
            resume=resume,
            fail_fast=fail_fast,
            format=output_format,
            shard=shard,
            progress=progress,
        )
    terminal.show_result(summary, run_page, quiet=quiet, as_json=as_json)
    gates.check_predictions(summary, budget, min_accuracy, out)


_LOOK_ROWS = 20
"""Images of a quick look, at most."""

_MOST_OF_A_LOOK = 1000
"""Digits in these images, below which they are printed."""

_OF_A_LOOK = {
    *("inputs", "out", "model", "prepare", "several", "workers", "max_errors", "quiet", "as_json"),
    *(field.name for group in (groups.Reading, groups.Running) for field in fields(group)),
}
"""Parameters that a quick look takes; all others are about what is written."""


def _refuse_options_of_outputs(ctx: typer.Context) -> None:
    for option in ctx.command.params:
        if option.name not in _OF_A_LOOK and _is_given(ctx, str(option.name)):
            what = "DIR/" if option.name == "shard" else "FILE"
            raise typer.BadParameter(
                f"is about what is written; give --out {what} too", param_hint=f"'{option.opts[0]}'"
            )


def _is_given(ctx: typer.Context, name: str) -> bool:
    source = ctx.get_parameter_source(name)
    return source is not None and source.name == "COMMANDLINE"


def _refuse_many(inputs: Sequence[str], reading: groups.Reading) -> None:
    """Refuse more images than a quick look takes, as soon as they are listed."""
    from mnist_batch.inputs.finding.find import STDIN  # pyarrow: not for --help
    from mnist_batch.inputs.sources import open_inputs
    from mnist_batch.options import NO_LABELS, ReadOptions

    if STDIN in inputs:  # which can be read once
        return
    unlabelled = {**vars(reading), "labels": NO_LABELS, "class_names": None}
    images = open_inputs(inputs, ReadOptions.of(**unlabelled)).rows
    if images > _LOOK_ROWS:
        raise _too_many(f"{images:,} images: ")


def _too_many(found: str = "") -> typer.BadParameter:
    return typer.BadParameter(
        f"{found}a quick look takes up to {_LOOK_ROWS} images; give --out FILE for more",
        param_hint="'INPUT'",
    )


def _looked_at(
    inputs: Sequence[str],
    loaded: "mnist_batch.Predictor",
    running: groups.Running,
    reading: groups.Reading,
    predicting: groups.Predicting,
) -> "tuple[list[Row], Classes]":
    """Predict up to 20 images, and return their classes too; more are wrong usage."""
    from mnist_batch.cli.printing.look import Row

    rows: list[Row] = []
    batches = mnist_batch.stream(
        inputs,
        model=loaded,
        batch_size=running.batch_size,
        probabilities=True,
        prepare=predicting.prepare,
        several=predicting.several,
        workers=predicting.workers,
        **vars(reading),
    )
    for batch in batches:
        rows += [Row.of(row) for row in batch.slice(0, _MOST_OF_A_LOOK).to_pylist()]
        pictures = sum(not row.digit for row in rows)
        if pictures > _LOOK_ROWS or len(rows) >= _MOST_OF_A_LOOK:
            raise _too_many()
    return rows, _classes_of(inputs, reading, loaded.classes)


def _classes_of(inputs: Sequence[str], reading: groups.Reading, of_model: "Classes") -> "Classes":
    """Return the classes of a model, with the names that the data or the user has for them."""
    from mnist_batch.inputs.finding.find import STDIN
    from mnist_batch.inputs.sources import open_inputs
    from mnist_batch.options import ReadOptions

    if STDIN in inputs or (of_model.are_digits and not reading.class_names):
        return of_model
    return open_inputs(inputs, ReadOptions.of(**vars(reading)), of_model).classes or of_model


def _show_look(
    rows: "Sequence[Row]",
    inputs: Sequence[str],
    classes: "Classes",
    *,
    quiet: bool,
    as_json: bool,
) -> None:
    from mnist_batch.cli.printing import look

    if as_json:
        terminal.show([row.record(classes) for row in rows])
    elif not quiet:
        terminal.show(look.look_page(rows, inputs, classes))


def _say_unlabelled(rows: "Sequence[Row]", labels: str | None, *, quiet: bool) -> None:
    """Say where a file of labels labels none of the pictures."""
    from mnist_batch.options import NO_LABELS
    from mnist_batch.schema import shortened  # pyarrow: not for --help

    if labels in (None, NO_LABELS) or quiet or not rows:
        return
    if all(row.label is None for row in rows):
        terminal.say(
            f"note: {labels} labels none of the pictures; it has to name them as "
            f"{shortened(rows[0].source)!r}"
        )


def _check_look(
    rows: "Sequence[Row]", inputs: Sequence[str], budget: ErrorBudget | None, *, quiet: bool
) -> None:
    """Exit with the status of errors where more rows have one than a budget allows, or any has."""
    from mnist_batch.cli.printing import look
    from mnist_batch.evaluation.evaluator import Unreadable  # pyarrow: not for --help

    unread = [
        Unreadable(look.as_typed(row.source, inputs), row.row, row.error)
        for row in rows
        if row.error
    ]
    if budget is not None:
        counts = len(unread), len(rows), 0
        gates.check_errors(budget, *counts, lacking="a prediction", examples=unread)
    elif unread:
        pictures = "picture has" if len(rows) == 1 else "pictures have"
        first = unread[0]
        why = f" ({first.source}: {first.error})" if quiet else ""  # else its line says so
        terminal.say(f"error: {len(unread)} of {len(rows)} {pictures} no prediction{why}")
        raise typer.Exit(gates.ERRORS_STATUS)


@contextmanager
def _naming_kept_rows(named: str, *, quiet: bool) -> Iterator[None]:
    """Where a run is interrupted, say what is there and that `--resume` goes on from there."""
    # Here, and not deep within other imports: where a piece of its stack ends, Python 3.11 asks the
    # system for the next one at each call, 3,600 times while it loaded this: 15 ms.
    import numpy.typing  # noqa: F401 - what comes next uses it

    from mnist_batch.outputs.kinds import committed_outputs, output_place, rows_kept

    out = output_place(named)
    before, was_there = rows_kept(out), bool(committed_outputs(out))
    try:
        yield
    except OutputInUseError:  # what is kept there is of the other run
        raise
    except MachineError as error:
        _say_notes(error)
        if isinstance(out, str):  # a store that is gone would be asked for minutes
            if not quiet and not isinstance(error, MissingExtraError):
                terminal.say(
                    f"note: finished parts are kept in {out.rstrip('/')}.staging/; run again with "
                    "--resume to go on from there, since without it they are removed"
                )
        else:
            _say_kept(out, before, was_there=was_there, quiet=quiet)
        raise
    except BaseException as end:
        _say_notes(end)
        with suppress(MnistBatchError):  # object storage may be what failed
            _say_kept(out, before, was_there=was_there, quiet=quiet)
        raise


def _say_notes(end: BaseException) -> None:
    """Say what was added to what ends a run."""
    for note in getattr(end, "__notes__", ()):
        terminal.say(f"note: {note}")


def _say_kept(out: "Place", before: int, *, was_there: bool, quiet: bool) -> None:
    """Say what a run has left of an output, of which it had found so much."""
    from mnist_batch.outputs.kinds import committed_outputs, rows_kept

    kept, is_there = rows_kept(out), bool(committed_outputs(out))
    if is_there and not was_there and not quiet:
        terminal.say(f"note: {out} is complete, its report may not be; --resume completes it")
    elif kept > before and not quiet:
        terminal.say(f"note: {kept:,} rows are finished and kept; --resume goes on from there")
