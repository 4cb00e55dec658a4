"""Evaluate predictions: the same report again, without predicting, or with labels that came later.

Several files are evaluated as one; the folder of their report has to be named.

Example: mnist-batch evaluate predictions.parquet --images digits/ --overwrite
"""

from typing import Annotated

import typer

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.summary import evaluation_page
from mnist_batch.cli.shared import gates, parameters

_Predictions = Annotated[
    list[str],
    typer.Argument(
        metavar="PREDICTIONS",
        help="What predict wrote, .parquet or .csv: a file, a folder or a quoted glob; several are "
        "evaluated as one.",
    ),
]
_Labels = Annotated[
    str | None,
    parameters.reading(
        metavar="FILE.csv",
        help="Labels that came later, by file_name (or source, row), instead of those predicted "
        "with.",
    ),
]
_Slices = Annotated[
    list[str] | None,
    parameters.writing(
        "--slice",
        metavar="COLUMN",
        help="Column that predict kept; the report counts by its values. Repeat for several.",
    ),
]
_SampleSeed = Annotated[
    int | None, parameters.writing(help="Seed of the ten samples; by default that of predict.")
]


def evaluate(
    predictions: _Predictions,
    labels: _Labels = None,
    images: parameters.PredictedImages = None,
    image_column: parameters.ImageColumn = None,
    report: parameters.ReportFolder = None,
    no_report: parameters.NoReport = False,
    slice_by: _Slices = None,
    sample_seed: _SampleSeed = None,
    min_accuracy: parameters.MinAccuracy = None,
    overwrite: parameters.Overwrite = False,
    quiet: parameters.Quiet = False,
    as_json: parameters.AsJson = False,
) -> None:
    summary = mnist_batch.evaluate(
        predictions,
        labels=labels,
        slices=slice_by or (),
        report=gates.report_argument(report, no_report=no_report),
        images=images,
        image_column=image_column,
        sample_seed=sample_seed,
        overwrite=overwrite,
    )
    terminal.show_result(summary, evaluation_page, quiet=quiet, as_json=as_json)
    if not gates.reaches(min_accuracy, summary.metrics):
        raise typer.Exit(gates.GATE_STATUS)
