"""Options and arguments that several commands share, and what follows from them."""

from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mnist_batch.cli.printing.terminal import say
from mnist_batch.options import (
    LARGEST_BATCH,
    MOST_WORKERS,
    Device,
    ErrorBudget,
    PredictorChoice,
    Prepare,
    Scale,
    memory_size,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mnist_batch import Metrics
    from mnist_batch.evaluation.evaluator import Unreadable

ERRORS_STATUS, GATE_STATUS, WORSE_STATUS = 3, 4, 5
"""Exit statuses: the work is done, but has more errors or is less accurate than it may be, or is
worse than the run that it is held against."""

reading = partial(typer.Option, rich_help_panel="Reading")
running = partial(typer.Option, rich_help_panel="Model")
writing = partial(typer.Option, rich_help_panel="Output")
gating = partial(typer.Option, rich_help_panel="Gates")
"""Options in the panels of the help."""

InputList = Annotated[
    list[str], typer.Argument(metavar="INPUT", help="What to read; several may follow one another.")
]
ImageColumn = Annotated[str | None, reading(help="Parquet column of images, where several fit.")]
LabelColumn = Annotated[str | None, reading(help="Parquet column of labels, if not label.")]
Labels = Annotated[
    str | None,
    reading(
        metavar="FILE.csv|none",
        help="Labels by file_name (or source, row) instead of folder names, metadata.csv or "
        "column; none reads no labels.",
    ),
]
PrepareChoice = Annotated[
    Prepare,
    reading(
        help="Which images to bring to MNIST form: auto takes those not in it; never only resizes."
    ),
]
Workers = Annotated[
    int | None, reading(min=1, max=MOST_WORKERS, help="Threads; by default one per core.")
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
    Path | None,
    running(metavar="FILE", help="Keras model, .h5 or .keras, instead of the one in the package."),
]
PredictorName = Annotated[
    PredictorChoice, running(help="What runs the model; auto takes numpy where it can.")
]
PixelScale = Annotated[
    Scale | None,
    running(help="Pixel range the model expects; by default what its file says, else 0-1."),
]
ReportFolder = Annotated[
    Path | None,
    writing(
        "--report",
        metavar="DIR",
        help="Folder of the report; by default FILE with the suffix .report.",
    ),
]
NoReport = Annotated[bool, writing("--no-report", help="Write no report.")]
KerasDevice = Annotated[Device, running(help="Where Keras runs the model.")]
BatchSize = Annotated[
    int,
    reading(min=1, max=LARGEST_BATCH, help="Images per batch; Keras runs up to that many at once."),
]
Probabilities = Annotated[
    bool,
    writing(
        "--probabilities",
        help="Write the probability of each digit; log loss and Brier score need them.",
    ),
]
SampleSeed = Annotated[int, writing(help="Seed that chooses the ten samples.")]
KeepColumns = Annotated[
    list[str] | None,
    writing(
        "--keep-column",
        metavar="COLUMN",
        help="Column of Parquet or metadata.csv to keep in the predictions; repeat for several.",
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
Overwrite = Annotated[bool, writing("--overwrite", help="Replace what exists.")]
MaxErrors = Annotated[
    str,
    writing(
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
    writing(metavar="SHARE", callback=_share, help="Exit with status 4 below this accuracy."),
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


def report_argument(
    folder: Path | None, *, no_report: bool, draw_ahead: bool = False
) -> Path | bool:
    """Return the library's argument `report`, given those of `--report` and `--no-report`.

    With `draw_ahead` a second process imports matplotlib while this one does the work.
    """
    if folder and no_report:
        raise typer.BadParameter("--report and --no-report exclude each other")
    if draw_ahead and not no_report:
        from mnist_batch.reports import drawing_process

        drawing_process.start_process()
    return folder or not no_report


def error_budget(max_errors: str) -> ErrorBudget:
    """Return what `--max-errors` allows."""
    try:
        return ErrorBudget.parse(max_errors)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="'--max-errors'") from error


def check_errors(
    budget: ErrorBudget,
    errors: int,
    rows: int,
    uncounted: int,
    *,
    lacking: str,
    examples: "Sequence[Unreadable]" = (),
    out: Path | None = None,
) -> None:
    """Exit with `ERRORS_STATUS` and a message where more rows have an error than `budget` allows.

    Such rows are `lacking` something, as a prediction; the message names the first of `examples`,
    and `out`, where everything is all the same. Each of `uncounted` sources is one row with an
    error, however many rows it holds.
    """
    if budget.allows(errors, rows, uncounted):
        return
    named = [_named(example) for example in examples[:_NAMED]]
    if errors > len(named) > 0:
        named.append(f"{errors - len(named):,} more")
    where = f" ({'; '.join(named)})" if named else ""
    written = "" if out is None else f"; everything is in {out}"
    if budget.allows(errors, rows):
        say(
            f"error: sources that cannot be read at all: {uncounted:,}, of which nobody knows what "
            f"share --max-errors {budget} would be{where}; give a number of rows, or leave them "
            f"out{written}"
        )
    else:
        counts = f"{errors:,} of {rows:,}, more than --max-errors {budget}"
        say(f"error: rows without {lacking}: {counts}{where}{written}")
    raise typer.Exit(ERRORS_STATUS)


def first_of_each(unreadable: "Mapping[str, Sequence[Unreadable]]") -> "list[Unreadable]":
    """Return the first row of each reason, then the second ones, and so on."""
    ranks = zip_longest(*unreadable.values())
    return [row for rank in ranks for row in rank if row is not None]


_NAMED = 3
"""Rows in a message, at most."""


def _shortened(name: str) -> str:
    """Return a name, of a long one its end, which tells files apart."""
    return name if len(name) <= _LONGEST_NAME else f"...{name[-_LONGEST_NAME:]}"


_LONGEST_NAME = 80


def _named(row: "Unreadable") -> str:
    has_rows = row.row or row.source.lower().endswith(".parquet")
    place = f", row {row.row:,}" if has_rows else ""
    return f"{_shortened(row.source)}{place}: {row.error}"


def reaches(min_accuracy: float | None, metrics: "Metrics") -> bool:
    """Tell whether the accuracy is what `--min-accuracy` asks for; print a message if it is not."""
    if min_accuracy is None:
        return True
    if metrics.accuracy is None:
        say("error: --min-accuracy: no row has both a label and a prediction")
        return False
    if metrics.accuracy < min_accuracy:
        say(f"error: accuracy {metrics.accuracy:.4f} is below --min-accuracy {min_accuracy}")
        return False
    return True
