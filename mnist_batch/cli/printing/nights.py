"""Print what `history` returns: the last nights, and where their page is."""

import mnist_batch
from mnist_batch.cli.printing import terminal

_SHOWN = 30
"""Nights that are printed: a month's."""

_OTHERS = 61
"""Columns that all but the name take, with the longest word of `state` and `new`."""


def nights_page(result: "mnist_batch.History") -> "terminal.Page":
    """Return a table of the last nights, newest first, for a terminal."""
    rows = []
    for row in reversed(result.nights[-_SHOWN:]):
        known = row.accuracy is not None
        rows.append(
            (
                row.night.name,
                row.word,
                f"{row.accuracy:.4f}" if known else terminal.UNKNOWN,
                f"{row.low:.4f}-{row.high:.4f}" if known else terminal.UNKNOWN,
                f"{row.night.errors:,}",
                f"{row.drift.distance:.2f}" if row.drift else terminal.UNKNOWN,
                ", ".join(row.changed),
            )
        )
    header = ("night", "state", "accuracy", "95 % interval", "errors", "drift", "new")
    earlier = len(result.nights) - len(rows)
    lines = [("page", str(result.page))]
    if earlier:
        lines.insert(0, ("earlier", f"{earlier:,} nights more on the page"))
    # A name that the screen has no room for goes on in the next line; cut off it would be another.
    longest = max((len(row[0]) for row in rows), default=0)
    align = "LlRRRRl" if longest + _OTHERS <= terminal.columns() else "llrrrrl"
    return terminal.page(
        terminal.table(align, rows, header=header, gap=2), "", terminal.named_lines(lines)
    )
