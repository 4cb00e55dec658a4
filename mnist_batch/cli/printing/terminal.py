"""What the command line prints: results on standard output, everything else on standard error.

Tables fit into 80 columns with counts of up to six digits. The package's own words are ASCII: a
terminal or a pipe of another encoding would fail on the rest.
"""

import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, TypeVar, cast

# rich takes long to import, and --help imports this module: each function below imports its parts.
if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType
    from rich.segment import Segment
    from rich.table import Table
    from rich.text import Text

    from mnist_batch import Progress

    Page: TypeAlias = RenderableType

UNKNOWN = "-"
"""Stands in a table for a value that nobody knows."""

_Step = TypeVar("_Step")


class _HasRecord(Protocol):
    """What a command returns: its record for JSON, and notes."""

    @property
    def notes(self) -> Sequence[str]: ...

    def record(self) -> dict[str, Any]: ...


_Result = TypeVar("_Result", bound=_HasRecord)


def show(content: "Page | dict[str, Any] | list[dict[str, Any]]") -> None:
    """Print a result on standard output, a dictionary or a list of them as JSON."""
    text = _as_json(content) if isinstance(content, dict | list) else _as_text(content)
    sys.stdout.write(text)
    sys.stdout.flush()


def show_result(
    result: _Result, page: Callable[[_Result], "Page"], *, quiet: bool, as_json: bool
) -> None:
    """Print what a command returned, as JSON or as its page, and its notes.

    With `quiet` that is nothing, or the JSON alone.
    """
    if as_json or not quiet:
        show(result.record() if as_json else page(result))
    say_notes(result.notes, quiet=quiet)


def _as_json(record: object) -> str:
    import json

    return json.dumps(record) + "\n"


def _as_text(content: "Page") -> str:
    """Return a page as it is printed, with the terminal's colours where standard output is one."""
    from rich.console import Console

    console = Console(
        file=io.StringIO(),
        force_terminal=sys.stdout.isatty(),
        width=columns(),
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.print(content, soft_wrap=True)
    return cast(io.StringIO, console.file).getvalue()


def columns() -> int:
    """Return how wide a page is: as wide as the terminal, 80 where a file or a pipe takes it.

    A terminal narrower than 60 breaks the lines itself: tables fit into no less.
    """
    with suppress(OSError):  # standard output is no terminal
        if width := os.get_terminal_size(sys.stdout.fileno()).columns:  # some tell none
            return max(width, 60)
    return 80


def say(message: str) -> None:
    """Print a message on standard error, on one line, without control characters."""
    print(printable(message), file=sys.stderr)


def say_notes(notes: Iterable[str], *, quiet: bool) -> None:
    """Print what the user should know on standard error, unless `quiet`."""
    for note in () if quiet else notes:
        say(f"note: {note}")


def printable(text: str) -> str:
    """Return `text` with each control character and each other unprintable one as `?`.

    Names of files and messages of decoders come from outside: an escape sequence in one could
    rewrite the screen, a line break could fake a line of output.
    """
    return "".join(character if character.isprintable() else "?" for character in text)


def page(*parts: "Page") -> "Page":
    """Return parts to be printed one below the other."""
    from rich.console import Group

    return Group(*parts)


def text(*lines: str, style: str = "") -> "Text":
    """Return lines of text, each without control characters."""
    from rich.text import Text

    return Text("\n".join(map(printable, lines)), style)


def titled(title: str, *content: "Page") -> "Page":
    """Return `content` under a title, with an empty line before it."""
    return page("", text(title, style="bold"), *content)


def table(
    align: str,
    rows: "Iterable[Sequence[Page]]",
    *,
    header: Sequence[str] = (),
    gap: int = 3,
    width: int = 1,
    bold: int | None = None,
) -> "Page":
    """Return a table without lines, columns `gap` spaces apart, the row with index `bold` in bold.

    `align` is a letter for each column, `l` for left or `r` for right, a capital for one that keeps
    its width while others give way; right-aligned columns are at least `width` characters wide.
    `header` holds the names of the columns, if they have any.
    """
    from rich.table import Table

    built = Table(box=None, padding=(0, gap, 0, 0), pad_edge=False, show_header=bool(header))
    for name, side in zip(header or [""] * len(align), align, strict=True):
        # A number too long for the screen goes on in the next line; cut off it would be wrong.
        built.add_column(
            text(name, style="bold"),
            justify="right" if side in "rR" else "left",
            min_width=width if side in "rR" else None,
            no_wrap=side.isupper(),
            overflow="fold",
        )
    for index, row in enumerate(rows):
        cells = (text(cell) if isinstance(cell, str) else cell for cell in row)
        built.add_row(*cells, style="bold" if index == bold else "")
    return _Stripped(built)


class _Stripped:
    """A table without the spaces that fill its lines up."""

    def __init__(self, table: "Table") -> None:
        self._table = table

    def __rich_console__(
        self, console: "Console", options: "ConsoleOptions"
    ) -> "Iterator[Segment]":
        from rich.segment import Segment

        for line in Segment.split_lines(console.render(self._table, options)):
            while line and not line[-1].text.strip(" "):
                line.pop()
            if line:
                line[-1] = line[-1]._replace(text=line[-1].text.rstrip(" "))
            yield from (*line, Segment.line())


def facts(values: Mapping[str, str]) -> "Page":
    """Return names and values side by side, as wide as the widest name in any summary."""
    return table("ll", [(f"{name:<11}", value) for name, value in values.items()], gap=2)


def named_lines(values: Iterable[tuple[str, str]]) -> "Text":
    """Return names and values as lines that are never broken, so that a path can be copied."""
    return text(*(f"{name:<12} {value}" for name, value in values))


def reasons(title: str, counts: Mapping[str, int]) -> "Iterator[Page]":
    """Yield why rows lack something and how many do, under a title; nothing without such rows."""
    if counts:
        rows = [(f"{count:,}", reason) for reason, count in counts.items()]
        yield titled(title, table("rl", rows, gap=2))


@contextmanager
def progress_bar(
    columns: Sequence[str],
    state: Callable[[_Step, float], Mapping[str, Any]],
    *,
    quiet: bool,
    period_s: float = 30.0,
    **first: str,
) -> Iterator[Callable[[_Step], None] | None]:
    """Yield what moves a bar on standard error, or None where `quiet` or where that is no terminal.

    The bar goes when the work is done. Its `columns` are templates of text; or `bar`, `elapsed` or
    `remaining`. `state` returns the fields of the bar after a step, given the speed in units a
    second, measured over `period_s`; `first` are the fields before the first step.
    """
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich import progress
    from rich.console import Console

    parts = {
        "bar": progress.BarColumn(),
        "elapsed": progress.TimeElapsedColumn(),
        "remaining": progress.TimeRemainingColumn(),
    }
    with progress.Progress(
        *(parts.get(column, column) for column in columns),
        console=Console(stderr=True),
        transient=True,
        speed_estimate_period=period_s,
    ) as bar:
        task = bar.add_task("starting", total=None, **first)  # type: ignore[arg-type]
        yield lambda step: bar.update(task, **state(step, bar.tasks[0].speed or 0.0))


def image_bar(*, quiet: bool) -> "AbstractContextManager[Callable[[Progress], None] | None]":
    """Return a progress bar of images."""

    def state(step: "Progress", speed: float) -> dict[str, Any]:
        done = f"{step.done:,}/{step.total:,} images  {speed:,.0f}/s  errors {step.errors:,}"
        return {"description": done, "completed": step.done, "total": step.total}

    return progress_bar(["bar", "{task.description}", "remaining"], state, quiet=quiet)
