"""Print what `nightly` returns: what the night comes to, its gates, and where its files are."""

from collections.abc import Iterator
from pathlib import Path

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.terminal import named_lines, page, table, text, titled
from mnist_batch.nights.gates import folded
from mnist_batch.nights.night_folder import COMPARISON, INDEX, JUNIT, REPORT, SUMMARY
from mnist_batch.nights.verdict import against, headline, outcome


def night_page(result: "mnist_batch.NightlyResult") -> "terminal.Page":
    """Return the summary of a night for a terminal."""
    return page(*_parts(result))


def _parts(result: "mnist_batch.NightlyResult") -> "Iterator[terminal.Page]":
    night = result.night
    yield text(headline(night), style="bold")
    if counts := against(night):
        yield text(counts)
    if night.changes:
        yield titled("What changed", text(*night.changes))
    rows = [(gate.name, outcome(gate), gate.message) for gate in folded(night.gates)]
    yield titled("Gates", table("lll", rows))
    yield from terminal.reasons("Rows without a prediction", night.errors_by_reason)
    yield from ("", named_lines(_places(result.folder)))


def _places(folder: Path) -> list[tuple[str, str]]:
    """Return the files of a night that are there, the most readable first."""
    files = {
        "all nights": folder.parent / INDEX,
        "report": folder / REPORT / "index.html",
        "comparison": folder / COMPARISON / "index.html",
        "summary": folder / SUMMARY,
        "JUnit": folder / JUNIT,
    }
    return [(name, str(path)) for name, path in files.items() if path.is_file()]
