"""Options and arguments that several commands share."""

from functools import partial
from typing import Annotated

import typer

from mnist_batch.options import (
    LARGEST_BATCH,
    MOST_WORKERS,
    Device,
    EngineChoice,
    Orientation,
    OutputFormat,
    PredictorChoice,
    Prepare,
    Scale,
    Several,
    memory_size,
)

reading = partial(typer.Option, rich_help_panel="Reading")
running = partial(typer.Option, rich_help_panel="Model")
writing = partial(typer.Option, rich_help_panel="Output")
gating = partial(typer.Option, rich_help_panel="Gates")
spreading = partial(typer.Option, rich_help_panel="Cluster")
"""Options in the panels of the help."""

InputList = Annotated[
    list[str],
    typer.Argument(
        metavar="INPUT",
        help="What to read, here or in object storage (s3://BUCKET/...); several may follow one "
        "another.",
    ),
]
ImageColumn = Annotated[
    str | None, reading(help="Column of images in Parquet, or array in .npz, where several fit.")
]
LabelColumn = Annotated[
    str | None,
    reading(
        help="Column of labels in any table or metadata.csv, or array in .npz, if not label; also "
        "KEY of folders KEY=7."
    ),
]
Labels = Annotated[
    str | None,
    reading(
        metavar="FILE.csv|none",
        help="Labels by file_name (or source, row) instead of folder names, metadata.csv or "
        "column; none reads no labels.",
    ),
]
LabelPattern = Annotated[
    str | None,
    reading(
        metavar="REGEX",
        help=r"Read the label from a file's name: the group of the pattern, as '(\d)\.png'.",
    ),
]
ClassNames = Annotated[
    str | None,
    reading(
        metavar="FILE|A,B,...",
        help="Names of the classes in order, one a line of FILE, or with commas; else those of "
        "the model that predicts, else of the data.",
    ),
]
ImageRoot = Annotated[
    str | None,
    reading(
        metavar="DIR",
        help="Folder of the image files that a column of paths in Parquet names, to read these; "
        "none outside is read.",
    ),
]
OrientationChoice = Annotated[
    Orientation,
    reading(
        "--orientation",
        help="How images are stored: transposed, as EMNIST's, has rows and columns exchanged.",
    ),
]
SeveralChoice = Annotated[
    Several,
    reading(
        "--several",
        help="A picture of several digits: an error, or split into a row per digit, left to right.",
    ),
]
PrepareChoice = Annotated[
    Prepare,
    reading(
        help="Which images to bring to MNIST form: auto, for models of digits, takes those not in "
        "it; never only resizes."
    ),
]
Threads = Annotated[
    int | None,
    reading("--workers", min=1, max=MOST_WORKERS, help="Threads; by default one per core."),
]
Workers = Annotated[
    int | None,
    reading(
        min=1,
        max=MOST_WORKERS,
        help="Threads, or with --isolate processes; by default one per core.",
    ),
]
Isolate = Annotated[
    bool,
    reading(
        "--isolate/--no-isolate",
        help="Predict in worker processes: an image that ends one is a row with an error, and the "
        "run goes on. Tasks of Ray are such already.",
    ),
]


def _memory(text: str | None) -> str | None:
    """Refuse what is no size before anything starts."""
    try:
        memory_size(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return text


Memory = Annotated[
    str | None,
    reading(
        metavar="SIZE",
        callback=_memory,
        help="Memory to stay below, such as 2G; large pictures wait for it. By default 1G for "
        "these, or less where a container, ulimit -v or the machine has less.",
    ),
]
ModelFile = Annotated[
    str | None,
    running(metavar="FILE", help="Keras or ONNX model instead of the one in the package."),
]
PredictorName = Annotated[
    PredictorChoice, running(help="What runs the model; auto takes numpy where it can.")
]
PixelScale = Annotated[
    Scale | None,
    running(help="Pixel range the model expects; by default what its file says, else 0-1."),
]
PredictedImages = Annotated[
    list[str] | None,
    reading(
        metavar="INPUT",
        help="The INPUT that was predicted, to draw the samples; repeat for several.",
    ),
]
ReportFolder = Annotated[
    str | None,
    writing(
        "--report",
        metavar="DIR",
        help="Folder of the report; by default NAME.report beside the predictions NAME.parquet or "
        "NAME/.",
    ),
]
NoReport = Annotated[bool, writing("--no-report", help="Write no report.")]
KerasDevice = Annotated[Device, running(help="Where Keras or ONNX Runtime runs the model.")]
BatchSize = Annotated[
    int,
    reading(min=1, max=LARGEST_BATCH, help="Images per batch; Keras runs up to that many at once."),
]
Probabilities = Annotated[
    bool,
    writing(
        "--probabilities",
        help="Write the probability of each class; log loss and Brier score need them.",
    ),
]
SampleSeed = Annotated[int, writing(help="Seed that chooses the ten samples.")]
KeepColumns = Annotated[
    list[str] | None,
    writing(
        "--keep-column",
        metavar="COLUMN",
        help="Column of a table or metadata.csv to keep in the predictions; repeat for several.",
    ),
]
Slices = Annotated[
    list[str] | None,
    writing(
        "--slice",
        metavar="COLUMN",
        help="Column to keep too; the report counts by its values. Repeat for several.",
    ),
]
FormatChoice = Annotated[
    OutputFormat | None,
    writing(
        "--format",
        help="What --out names: a file, or a folder of Parquet files (dataset); a slash at its end "
        "says the latter too.",
        show_default=False,
    ),
]
Overwrite = Annotated[bool, writing("--overwrite", help="Replace what exists.")]
MaxErrors = Annotated[
    str,
    gating(
        metavar="N|P%",
        help="Exit with status 3 where more rows have an error than this number or share.",
    ),
]


def _share(value: float | None) -> float | None:
    """Refuse what is no share, as a percentage, before anything starts."""
    if value is not None and not 0 <= value <= 1:
        raise typer.BadParameter(f"{value:g}: expected a share from 0 to 1, as 0.95")
    return value


MinAccuracy = Annotated[
    float | None,
    gating(metavar="SHARE", callback=_share, help="Exit with status 4 below this accuracy."),
]
MaxDrop = Annotated[
    float,
    gating(
        min=0,
        max=100,
        metavar="POINTS",
        help="Exit with status 5 where accuracy drops beyond chance by more percentage points.",
    ),
]
AsJson = Annotated[bool, writing("--json", help="Print the result as JSON.")]
Quiet = Annotated[
    bool, writing("--quiet", "-q", help="Print nothing but errors, and with --json the result.")
]
EngineName = Annotated[
    EngineChoice,
    spreading("--engine", help="Who predicts: threads here, or tasks on a Ray cluster."),
]
RayAddress = Annotated[
    str | None,
    spreading(
        metavar="HOST:PORT",
        help="The Ray cluster; by default what RAY_ADDRESS says.",
    ),
]


def _seconds(value: float | None) -> float | None:
    """Refuse what is no time before anything starts."""
    if value is not None and not 0 < value < float("inf"):
        raise typer.BadParameter(f"{value:g}: expected seconds, more than 0")
    return value


PartTimeout = Annotated[
    float | None,
    reading(
        metavar="SECONDS",
        callback=_seconds,
        help="Time after which a worker process is ended, or a task of Ray, and its part tried "
        "again; by default 3600 and 600.",
    ),
]
