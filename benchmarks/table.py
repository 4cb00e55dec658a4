"""The results as one table: for the terminal and for Markdown."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from benchmarks.results import Result, Run
from mnist_batch.tuning.ratios import RatioInterval

HEADINGS = ("", "images/s", "IQR", "rounds", "CPU us", "batch", "threads", "MB", "ratio")
_SHORT = ("images/s", "IQR", "n", "CPU us", "batch", "thr", "MB", "ratio")
_WIDTHS = (10, 5, 3, 8, 7, 4, 6, 20)
"""Columns of a terminal for each but the first, which has the rest, under headings that fit."""

COLUMNS = (
    "images/s: images of a round by the geometric mean time of the rounds; seconds of a round "
    "where it is not about images",
    "IQR: interquartile range of these times, by their mean",
    "rounds (n): how often it was timed",
    "CPU us: median CPU time by image in microseconds, of all processes that worked; it says more "
    "than images/s where other programs share the machine",
    "batch: images at once; threads (thr): how many work; empty where the way chooses itself",
    "MB: peak memory of the processes that worked, in millions of bytes",
    "ratio: of the geometric mean times of rounds in turns, and its 95 % interval by Student's t "
    "on the logarithms of the pairs; above 1 is faster",
    "Parquet (100), (10,000): rows of a row group",
)
"""What the columns of the table are."""


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


def group_notes(results: Sequence[Result]) -> list[str]:
    """Return what is timed in a group, and what its ratios are."""
    notes = [f"timed: {what}" for what in dict.fromkeys(one.row.timed for one in results) if what]
    for result in results:
        if result.row.ratio_of:
            return [*notes, f"ratio: {result.row.ratio_of} over the row"]
        if result.row.ratio_to:
            return [*notes, f"ratio: the row over {result.row.ratio_to}"]
    return notes


def facts(run: Run) -> list[str]:
    """Return what stands above the table: the run, the machine, the data."""
    machine, data = run.machine, run.data
    dirty = " with uncommitted changes" if run.commit["dirty"] else ""
    ways = [f"{way} ({listed(versions)})" for way, versions in run.versions.items()]
    return [
        f"{'Quick run' if run.quick else 'Run'} of {run.time[:16].replace('T', ' ')} UTC, "
        f"commit {run.commit['id'][:12]}{dirty}",
        f"{processor(run)}, {machine['cores']} cores, {machine['memory_bytes'] / 2**30:.0f} GiB, "
        f"{machine['system']}; load before the run: {machine['load']:.1f}",
        f"{listed(machine['versions'])}; Keras on {machine['keras_backend']}",
        f"data: {data['name']}, SHA-256 {data['sha256'][:16]}; "
        f"model: {data['model']}, SHA-256 {data['model_sha256'][:16]}",
        *([f"ways: {'; '.join(ways)}"] if ways else []),
    ]


def processor(run: Run) -> str:
    """Return the processor's name."""
    return str(run.machine["cpu"].get("brand_raw", "unknown processor"))


def terminal_table(run: Run, width: int) -> str:
    """Return the table for a terminal of so many columns, 80 or more."""
    name_width = width - sum(_WIDTHS)
    heading = "".join(f"{text:>{size}}" for text, size in zip(_SHORT, _WIDTHS, strict=True))
    printed = [" " * name_width + heading]
    for group, results in run.groups().items():
        printed += ["", *textwrap.wrap(group, width)]
        for note in group_notes(results):
            printed += _wrapped(note, width)
        for line in lines(run, results):
            if len(line.cells) == 1:
                printed += _wrapped(f"{line.name}: {line.cells[0]}", width)
                continue
            *above, last = _wrapped(line.name, name_width)
            cells = "".join(
                f"{text:>{size}}" for text, size in zip(line.cells, _WIDTHS, strict=True)
            )
            printed += [*above, f"{last:{name_width}}{cells}"]
    return "\n".join(text.rstrip() for text in printed)


def markdown(run: Run) -> str:
    """Return the facts and a table for each group."""
    count = len(HEADINGS) - 1
    parts = ["# Benchmarks", "\n".join(f"- {fact}" for fact in facts(run))]
    parts.append("The columns:\n\n" + "\n".join(f"- {column}" for column in COLUMNS))
    for group, results in run.groups().items():
        rows = [_markdown_row(HEADINGS), _markdown_row(["---", *["---:"] * count])]
        for line in lines(run, results):
            cells = [*line.cells, *[""] * (count - len(line.cells))]
            rows.append(_markdown_row([line.name, *cells]))
        notes = "".join(f"{note[0].upper()}{note[1:]}.\n\n" for note in group_notes(results))
        parts.append(f"## {group}\n\n{notes}" + "\n".join(rows))
    return "\n\n".join(parts) + "\n"


def listed(versions: Mapping[str, str]) -> str:
    """Return packages with their versions."""
    return ", ".join(f"{package} {number}" for package, number in versions.items())


def rounded(speed: float) -> str:
    """Return images/s in three digits that count: more would be noise."""
    digits = max(0, len(str(int(speed))) - 3)
    return f"{round(speed, -digits):,.0f}"


def ratio_with_interval(found: RatioInterval | None) -> str:
    """Return a ratio as `1.28 [1.22, 1.35]`; nothing where there is none."""
    if found is None:
        return ""
    ratio, low, high = (_three_digits(value) for value in (found.ratio, found.low, found.high))
    return f"{ratio} [{low}, {high}]"


def _three_digits(value: float) -> str:
    return f"{value:,.{2 if value < 10 else 1 if value < 100 else 0}f}"


def _cells(run: Run, result: Result) -> list[str]:
    speed, memory, cpu = result.images_per_s, result.peak_memory_bytes, result.median_cpu_s
    return [
        f"{result.mean_s:.2f} s" if speed is None else rounded(speed),
        f"{result.iqr_s / result.mean_s:.0%}" if len(result.seconds) > 1 else "",
        str(len(result.seconds)),
        "" if cpu is None or not result.row.rows else f"{cpu / result.row.rows * 1e6:,.2f}",
        _count(result.row.batch_size),
        _count(result.row.threads),
        "" if memory is None else f"{memory / 1e6:,.0f}",
        ratio_with_interval(run.ratio(result)),
    ]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, initial_indent="  ", subsequent_indent="    ")


def _count(number: int | None) -> str:
    return "" if number is None else f"{number:,}"


def _markdown_row(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"
