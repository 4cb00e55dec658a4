"""Predict the digit on each image, and evaluate where labels are known.

Every image is a row of the output, in input order, with a prediction or the reason why there is
none. A report stands beside it: metrics, confusion matrix, accuracy per class and ten samples.

INPUT is a folder of images or of Parquet files, an image, a Parquet file, a quoted glob,
hf://datasets/OWNER/NAME, or - for a list of paths on standard input.

Example: mnist-batch predict digits/ --out predictions.parquet
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

import mnist_batch
from mnist_batch.cli import parameters
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.summary import run_page
from mnist_batch.errors import OutputInUseError
from mnist_batch.options import BATCH_ROWS, Device, PredictorChoice, Prepare

_Out = Annotated[Path, parameters.writing(metavar="FILE", help="Predictions: .parquet or .csv.")]
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
    inputs: parameters.InputList,
    out: _Out,
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
    report_to = parameters.report_argument(report, no_report=no_report, draw_ahead=True)
    with _naming_kept_rows(out, quiet=quiet), terminal.image_bar(quiet=quiet) as progress:
        summary = mnist_batch.predict(
            inputs,
            out,
            model=model,
            predictor=predictor,
            scale=scale,
            device=device,
            prepare=prepare,
            image_column=image_column,
            label_column=label_column,
            labels=labels,
            batch_size=batch_size,
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
