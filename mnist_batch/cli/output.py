"""What the command line shows: results on standard output, the rest on standard error."""

import json
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from mnist_batch.errors import OutputInUseError

# These take long to import, and --help does without.
if TYPE_CHECKING:
    from rich.console import RenderableType

    from mnist_batch.commands.run import Summary
    from mnist_batch.inference.workers import Progress
    from mnist_batch.training.fitting import TrainingProgress


def prediction_bar(*, quiet: bool) -> "AbstractContextManager[Callable[[Progress], None] | None]":
    """Return a progress bar on standard error; none where that is no terminal."""
    if quiet or not _is_terminal(sys.stderr):
        return nullcontext()
    from mnist_batch.cli import progress

    return progress.prediction_bar()


def training_bar(
    *, quiet: bool
) -> "AbstractContextManager[Callable[[TrainingProgress], None] | None]":
    """Return a bar like that of `prediction_bar`, for epochs."""
    if quiet or not _is_terminal(sys.stderr):
        return nullcontext()
    from mnist_batch.cli import progress

    return progress.training_bar()


def benchmark_bar(*, quiet: bool) -> "AbstractContextManager[Callable[[str], None] | None]":
    """Return what says on a terminal what is measured."""
    if quiet or not _is_terminal(sys.stderr):
        return nullcontext()
    from mnist_batch.cli import progress

    return progress.benchmark_bar()


def _is_terminal(output: TextIO | None) -> bool:
    return output is not None and output.isatty()  # None where it was closed


def print_result(summary: "Summary", *, quiet: bool, as_json: bool) -> None:
    """Print the result on standard output, and the notes on standard error."""
    from mnist_batch.cli.terminal import job_summary

    show(json.dumps(summary.record()) if as_json else job_summary(summary))
    say_notes(summary.notes, quiet=quiet)


def say_notes(notes: Sequence[str], *, quiet: bool) -> None:
    """Say what the user should know, on standard error."""
    for note in () if quiet else notes:
        say(f"note: {note}")


@contextmanager
def saying_what_is_kept(out: Path, *, quiet: bool) -> Iterator[None]:
    """Where a run ends before its time, say that `--resume` goes on from there, if it does."""
    from mnist_batch.outputs.parts_folder import rows_kept

    before = rows_kept(out)
    try:
        yield
    except OutputInUseError:  # what is kept there is of the other run
        raise
    except BaseException:
        kept = rows_kept(out)
        if kept > before and not quiet:
            say(f"note: {kept:,} rows are finished and kept; --resume goes on from there")
        raise


def show(content: "RenderableType") -> None:
    """Print on standard output."""
    from rich.console import Console

    # The work is done and its status says more than that nobody can read the result: rich ends
    # the process with status 1 where the reader went away, as `head` does.
    try:
        with suppress(SystemExit):
            Console(highlight=False, markup=False).print(content, soft_wrap=True)
    except OSError as error:
        say(f"error: the result could not be printed: {error.strerror}")
        # Nor what is left of it, when Python ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def say(text: str) -> None:
    """Print a message on standard error, on one line, without control characters."""
    from mnist_batch.cli.terminal import printable

    if sys.stderr is not None:  # None where it was closed
        print(printable(text), file=sys.stderr)
