"""What exit statuses follow from a result: errors, accuracy; and where its report goes."""

from itertools import zip_longest
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from mnist_batch.cli.printing.terminal import say
from mnist_batch.options import ErrorBudget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from mnist_batch import Metrics, Summary
    from mnist_batch.evaluation.evaluator import Unreadable

ERRORS_STATUS, GATE_STATUS, WORSE_STATUS = 3, 4, 5
"""Exit statuses: the work is done, but has more errors or is less accurate than it may be, or is
worse than the run that it is held against."""


def report_argument(folder: str | None, *, no_report: bool) -> str | bool:
    """Return the library's argument `report`, given those of `--report` and `--no-report`."""
    if folder and no_report:
        raise typer.BadParameter("--report and --no-report exclude each other")
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
    out: str | Path | None = None,
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
    from mnist_batch.schema import holds_rows  # pyarrow: not for --help

    has_rows = row.row or holds_rows(row.source)
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


def check_predictions(
    summary: "Summary", budget: ErrorBudget, min_accuracy: float | None, out: str
) -> None:
    """Exit with the status of a gate that predictions miss, with a message for each.

    `out` is the output as the user named it.
    """
    metrics = summary.metrics
    accurate = reaches(min_accuracy, metrics)
    check_errors(
        budget,
        metrics.errors,
        metrics.rows,
        summary.uncounted_sources,
        lacking="a prediction",
        examples=first_of_each(summary.unreadable),
        out=out.rstrip("/"),
    )
    if not accurate:
        raise typer.Exit(GATE_STATUS)
