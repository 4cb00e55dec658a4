"""Options and arguments of the command line that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from mnist_batch.options import PredictorChoice, Prepare, Scale

READING, MODEL, MEASURING, OUTPUT = "Reading", "Model", "Measuring", "Output"
"""Panels of the help."""

ImageColumn = Annotated[
    str | None,
    typer.Option(help="Parquet column of images, where several fit.", rich_help_panel=READING),
]
InputList = Annotated[
    list[str],
    typer.Argument(metavar="INPUT", help="What to read; several may follow one another."),
]
LabelColumn = Annotated[
    str | None,
    typer.Option(help="Parquet column of labels, if not label.", rich_help_panel=READING),
]
Labels = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.csv|none",
        help="Labels by file_name (or source, row) instead of folder names, metadata.csv or "
        "column; none reads no labels.",
        rich_help_panel=READING,
    ),
]
PrepareChoice = Annotated[
    Prepare,
    typer.Option(
        help="Which images are brought to MNIST form: auto those not in it; never only resizes.",
        rich_help_panel=READING,
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, help="Threads; by default one a core.", rich_help_panel=READING),
]
ModelFile = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Keras model, .h5 or .keras, instead of the one that comes along.",
        rich_help_panel=MODEL,
    ),
]
PredictorName = Annotated[
    PredictorChoice,
    typer.Option(help="What runs it; auto is numpy where it can.", rich_help_panel=MODEL),
]
PixelScale = Annotated[
    Scale | None,
    typer.Option(
        help="Pixel range it wants; by default what its file says, else 0-1.",
        rich_help_panel=MODEL,
    ),
]
ReportFolder = Annotated[
    Path | None,
    typer.Option(
        "--report",
        metavar="DIR",
        help="Folder of the report; by default FILE with the suffix .report.",
        rich_help_panel=OUTPUT,
    ),
]
NoReport = Annotated[
    bool, typer.Option("--no-report", help="Write no report.", rich_help_panel=OUTPUT)
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Replace what exists.", rich_help_panel=OUTPUT)
]


MaxErrors = Annotated[
    str,
    typer.Option(
        metavar="N|P%",
        help="Exit with status 3 where more rows have an error than this number or share.",
        rich_help_panel=OUTPUT,
    ),
]
MinAccuracy = Annotated[
    float | None,
    typer.Option(
        min=0, max=1, help="Exit with status 4 below this accuracy.", rich_help_panel=OUTPUT
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON.", rich_help_panel=OUTPUT)
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="No progress and no notes.", rich_help_panel=OUTPUT)
]
