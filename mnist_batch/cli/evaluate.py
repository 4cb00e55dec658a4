"""Evaluate a predictions file: the same report again, without predicting.

Example: mnist-batch evaluate predictions.parquet --images digits/ --overwrite
"""

from pathlib import Path
from typing import Annotated

import typer

import mnist_batch
from mnist_batch.cli import parameters
from mnist_batch.cli.printing.summary import show_summary

_Predictions = Annotated[
    Path, typer.Argument(metavar="FILE", help="What predict wrote, .parquet or .csv.")
]
_Images = Annotated[
    list[str] | None,
    parameters.reading(
        metavar="INPUT",
        help="The INPUT that was predicted, to draw the samples; repeat for several.",
    ),
]
_SampleSeed = Annotated[
    int | None, parameters.writing(help="Seed of the ten samples; by default that of predict.")
]


def evaluate(
    predictions: _Predictions,
    images: _Images = None,
    image_column: parameters.ImageColumn = None,
    report: parameters.ReportFolder = None,
    no_report: parameters.NoReport = False,
    sample_seed: _SampleSeed = None,
    min_accuracy: parameters.MinAccuracy = None,
    overwrite: parameters.Overwrite = False,
    quiet: parameters.Quiet = False,
    as_json: parameters.AsJson = False,
) -> None:
    summary = mnist_batch.evaluate(
        predictions,
        report=parameters.report_argument(report, no_report=no_report, draw_ahead=True),
        images=images,
        image_column=image_column,
        sample_seed=sample_seed,
        overwrite=overwrite,
    )
    show_summary(summary, quiet=quiet, as_json=as_json)
    if not parameters.reaches(min_accuracy, summary.metrics):
        raise typer.Exit(parameters.GATE_STATUS)
