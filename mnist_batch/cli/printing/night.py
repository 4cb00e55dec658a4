"""Print what `nightly` returns: what the night comes to, its gates, and where its files are."""

from collections.abc import Iterator
from textwrap import wrap

import mnist_batch
from mnist_batch.cli.printing import terminal
from mnist_batch.cli.printing.terminal import named_lines, page, table, text, titled


def night_page(result: "mnist_batch.NightlyResult") -> "terminal.Page":
    """Return the summary of a night for a terminal."""
    return page(*_parts(result))


def why_failed(result: "mnist_batch.NightlyResult", *, is_shown: bool) -> Iterator[str]:
    """Yield why a night failed, a sentence each; rows without a prediction are left to others.

    Where the night's page `is_shown`, which says all of it, that is the names of its gates alone.
    """
    from mnist_batch.nights.gates import ERRORS
    from mnist_batch.nights.verdict import headline

    if is_shown:
        names = [gate.name for gate in result.night.gates if gate.fails and gate.name != ERRORS]
        if names:
            yield f"gates that failed: {', '.join(names)}"
        return
    if result.night.status:
        yield f"{headline(result.night)}; all is in {result.folder}"
    for gate in result.night.gates:
        if gate.fails and gate.name != ERRORS:
            yield f"{gate.name}: {gate.message}"


def _parts(result: "mnist_batch.NightlyResult") -> "Iterator[terminal.Page]":
    # These import numpy and pyarrow, and --help imports this module.
    from mnist_batch.nights.gates import folded
    from mnist_batch.nights.verdict import against, headline, outcome

    night = result.night
    yield text(*_wrapped(headline(night)), style="bold")
    if counts := against(night):
        yield text(*_wrapped(counts))
    if night.changes:
        lines = (line for change in night.changes for line in _wrapped(change))
        yield titled("What changed", text(*lines))
    rows = [(gate.name, outcome(gate), gate.message) for gate in folded(night.gates)]
    yield titled("Gates", table("lll", rows))
    yield from terminal.reasons("Rows without a prediction", night.errors_by_reason)
    yield from ("", named_lines(list(result.pages.items())))


def _wrapped(sentence: str) -> list[str]:
    """Return a sentence in lines that the terminal holds, the later ones indented."""
    return wrap(sentence, terminal.columns(), subsequent_indent="  ")
