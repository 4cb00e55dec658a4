"""The results as one table: for the terminal and for Markdown."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.results import Result, Run

HEADINGS = ("", "images/s", "IQR", "rounds", "batch", "threads", "MB", "ratio")
_WIDTHS = (10, 5, 7, 7, 8, 6, 7)
"""Columns of a terminal for each but the first, which has the rest."""


@dataclass(frozen=True)
class Line:
    """A line of the table.

    Attributes:
        name: its first cell.
        cells: the others, as of `HEADINGS`; for a row that was not run only the reason.
    """

    name: str
    cells: Sequence[str]


def lines(run: Run, results: Sequence[Result]) -> Iterator[Line]:
    """Yield a line for each result."""
    for result in results:
        if result.reason is not None:
            yield Line(result.row.name, [f"not run: {result.reason}"])
        else:
            yield Line(result.row.name, _cells(run, result))


def group_title(group: str, results: Sequence[Result]) -> str:
    """Return the title of a group, with what its ratios are."""
    for result in results:
        if result.row.ratio_of:
            return f"{group} (ratio: {result.row.ratio_of} to the row)"
        if result.row.ratio_to:
            return f"{group} (ratio: the row to {result.row.ratio_to})"
    return group


def facts(run: Run) -> list[str]:
    """Return what stands above the table: the run, the machine, the data."""
    machine, data = run.machine, run.data
    dirty = " with uncommitted changes" if run.commit["dirty"] else ""
    ways = [f"{way} ({_listed(versions)})" for way, versions in run.versions.items()]
    return [
        f"{'Quick run' if run.quick else 'Run'} of {run.time[:16].replace('T', ' ')} UTC, "
        f"commit {run.commit['id'][:12]}{dirty}",
        f"{machine['cpu'].get('brand_raw', 'unknown processor')}, {machine['cores']} cores, "
        f"{machine['memory_bytes'] / 2**30:.0f} GiB, {machine['system']}",
        f"{_listed(machine['versions'])}; Keras on {machine['keras_backend']}",
        f"data: {data['name']}, SHA-256 {data['sha256'][:16]}; "
        f"model: {data['model']}, SHA-256 {data['model_sha256'][:16]}",
        *([f"ways: {', '.join(ways)}"] if ways else []),
        "images/s by the median over the rounds; IQR: their interquartile range by the median; "
        "MB: peak memory; Parquet (100), (10,000): rows in a row group",
    ]


def terminal_table(run: Run, width: int) -> str:
    """Return the table for a terminal of so many columns, 80 or more."""
    name_width = width - sum(_WIDTHS)
    heading = "".join(f"{text:>{size}}" for text, size in zip(HEADINGS[1:], _WIDTHS, strict=True))
    printed = [" " * name_width + heading]
    for group, results in run.groups().items():
        printed += ["", *textwrap.wrap(group_title(group, results), width)]
        for line in lines(run, results):
            *above, last = textwrap.wrap(
                line.name, name_width, initial_indent="  ", subsequent_indent="    "
            )
            if len(line.cells) == 1:
                printed += textwrap.wrap(
                    f"{line.name}: {line.cells[0]}",
                    width,
                    initial_indent="  ",
                    subsequent_indent="    ",
                )
                continue
            cells = "".join(
                f"{text:>{size}}" for text, size in zip(line.cells, _WIDTHS, strict=True)
            )
            printed += [*above, f"{last:{name_width}}{cells}"]
    return "\n".join(text.rstrip() for text in printed)


def markdown(run: Run) -> str:
    """Return the facts and a table for each group."""
    parts = ["# Benchmarks", "\n".join(f"- {fact}" for fact in facts(run))]
    for group, results in run.groups().items():
        rows = [_markdown_row(HEADINGS), _markdown_row(["---", *["---:"] * 7])]
        for line in lines(run, results):
            cells = [*line.cells, *[""] * (7 - len(line.cells))]
            rows.append(_markdown_row([line.name, *cells]))
        parts.append(f"## {group_title(group, results)}\n\n" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def _listed(versions: Mapping[str, str]) -> str:
    return ", ".join(f"{package} {number}" for package, number in versions.items())


def _cells(run: Run, result: Result) -> list[str]:
    speed = result.images_per_s
    memory, ratio = result.peak_memory_bytes, run.ratio(result)
    return [
        f"{result.median_s:.2f} s" if speed is None else _number(speed),
        f"{result.iqr_s / result.median_s:.0%}" if len(result.seconds) > 1 else "",
        str(len(result.seconds)),
        _count(result.row.batch_size),
        _count(result.row.threads),
        "" if memory is None else f"{memory / 1e6:,.0f}",
        "" if ratio is None else f"{ratio:,.2f}",
    ]


def _number(speed: float) -> str:
    """Return images/s in three digits that count: more would be noise."""
    digits = max(0, len(str(int(speed))) - 3)
    return f"{round(speed, -digits):,.0f}"


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
