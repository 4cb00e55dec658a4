"""Print what `nightly` returns: what the night comes to, its gates, and where its pages are."""

from collections.abc import Iterator

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.terminal import named_lines, page, table, text, titled
from mnist_batch.nights.verdict import headline


def night_page(result: "mnist_batch.NightlyResult") -> "terminal.Page":
    """Return the summary of a night for a terminal."""
    return page(*_parts(result))


def _parts(result: "mnist_batch.NightlyResult") -> "Iterator[terminal.Page]":
    night = result.night
    yield text(headline(night), style="bold")
    if night.changes:
        yield titled("What changed", text(*night.changes))
    rows = [(gate.name, _word(gate), gate.message) for gate in night.gates]
    yield titled("Gates", table("lll", rows))
    yield from terminal.reasons("Rows without a prediction", night.errors_by_reason)
    yield from ("", named_lines(_places(result)))


def _word(gate: "mnist_batch.GateResult") -> str:
    if gate.passed is None:
        return "not asked"
    if gate.passed:
        return "passed"
    return "FAILED" if gate.fails else "missed"


def _places(result: "mnist_batch.NightlyResult") -> list[tuple[str, str]]:
    return [("night", str(result.folder))]
