"""Join the shards of a run, which predict --shard wrote on several machines, into one output.

Every part of every shard has to be there, from the same run and as its manifest says. The output is
that of one machine, and evaluated as that would be.

Example: mnist-batch merge shard-1/ shard-2/ --out predictions.parquet
"""

from typing import Annotated

import typer

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.summary import evaluation_page
from mnist_batch.cli.shared import gates, parameters

_Folders = Annotated[
    list[str],
    typer.Argument(
        metavar="FOLDER",
        help="Folders of all shards of a run, in any order, here or s3://BUCKET/...",
    ),
]
_Out = Annotated[
    str,
    parameters.writing(
        metavar="FILE|DIR/",
        help="Predictions, .parquet or .csv, or a folder of Parquet files, here or s3://BUCKET/...",
    ),
]


def merge(
    folders: _Folders,
    out: _Out,
    output_format: parameters.FormatChoice = None,
    images: parameters.PredictedImages = None,
    image_column: parameters.ImageColumn = None,
    report: parameters.ReportFolder = None,
    no_report: parameters.NoReport = False,
    max_errors: parameters.MaxErrors = "0",
    min_accuracy: parameters.MinAccuracy = None,
    overwrite: parameters.Overwrite = False,
    quiet: parameters.Quiet = False,
    as_json: parameters.AsJson = False,
) -> None:
    budget = gates.error_budget(max_errors)
    summary = mnist_batch.merge(
        folders,
        out,
        report=gates.report_argument(report, no_report=no_report),
        images=images,
        image_column=image_column,
        overwrite=overwrite,
        format=output_format,
    )
    terminal.show_result(summary, evaluation_page, quiet=quiet, as_json=as_json)
    gates.check_predictions(summary, budget, min_accuracy, out)
