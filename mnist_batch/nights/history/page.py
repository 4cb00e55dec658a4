"""The page of all nights: what the last one came to, the trend, and each night's pages."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from statistics import median

from markupsafe import Markup, escape

from mnist_batch.nights.history.plots import plots
from mnist_batch.nights.history.rows import NightRow, history_rows, in_short
from mnist_batch.nights.night_folder import Nights
from mnist_batch.nights.verdict import headline
from mnist_batch.reports.number_text import counted, percent
from mnist_batch.reports.page import render
from mnist_batch.schema import shortened

_CHANGED = {
    "model": "another model",
    "version": "another version",
    "options": "other options",
    "data": "other images",
}
"""What each change means, below the charts."""

_LONG_NAME = 18
"""Characters, more than a date with its time."""

RECENT = 30
"""Nights that are shown one by one at the top."""

_MOST_BYTES = 1_000_000
"""Of the page, as UTF-8; rows of older nights are left out for it."""

_ROOM = 900_000
"""Bytes for the older nights' rows where the rest takes no more than it does by far most often."""

_MARGIN = 20_000
"""Bytes that the lines on rows left out take at most, in some 150 months."""

_LONGEST = 200
"""Characters of a name or a headline."""

_SENTENCES = {
    "errors": "has too many rows without a prediction",
    "labels missing": "lacks its labels",
    "too inaccurate": "is less accurate than was asked for",
    "regressed": "regressed",
    "suspicious": "is suspicious",
    "missed a gate": "missed a gate, and does not fail yet",
    "too few to tell": "has too few rows to tell",
    "unlabelled": "has no labels",
    "scored later": "got its labels later, and is scored by them",
    "improved": "improved",
    "passed": "passed",
}

_COUNTED = {"errors": "with errors", "labels missing": "without labels"}
"""Words for several nights."""


def history_page(runs: Path, history: Nights) -> str:
    """Return the page of the nights of a folder, at least one, whose links lead into the folder."""
    rows = history_rows(runs, history.nights)
    page = _page(runs, rows, history.notes, _ROOM)
    excess = len(page.encode()) - _MOST_BYTES
    if excess >= 0:
        page = _page(runs, rows, history.notes, _ROOM - excess - _MARGIN)
    return page


def _page(runs: Path, rows: Sequence[NightRow], notes: Sequence[str], room: int) -> str:
    """Return the page; `room` are bytes for the rows of older nights."""
    recent, older = rows[-RECENT:], rows[:-RECENT]
    last, folder = rows[-1], runs.resolve().name
    minor = last.night.minor
    return render(
        "history.html",
        folder=folder,
        last=last,
        opening=f"{folder}: {_place(len(rows))}, begun {last.night.began:%Y-%m-%d %H:%M} UTC",
        sentence=_sentence(last),
        headline=shortened(headline(last.night), _LONGEST),
        remarks=[
            *last.remarks,
            *in_short([one for one in last.night.changes if one not in minor]),
        ],
        facts=_facts(recent),
        recent_title=f"The last {len(recent)} nights" if recent[1:] else "The first night",
        legend=_legend(recent),
        recent=recent[::-1],
        trend=plots(recent),
        names=_names(recent),
        marks=recent,
        months=_months(older, room),
        whole=plots(rows) if older else None,
        whole_names=_names(rows),
        notes=notes,
        counts=f"{counted(len(rows), 'night')}",
        version=shortened(last.night.version, _LONGEST),
    )


def _facts(recent: Sequence[NightRow]) -> list[tuple[str, str, str]]:
    """Return the key figures of the last nights: name, value and note."""
    last = recent[-1]
    words = [row.word for row in recent]
    others = {word: words.count(word) for word in words if word not in ("passed", "improved")}
    passed = len(words) - sum(others.values())
    facts = [
        (
            f"Passed of the last {len(recent)}" if len(recent) > 1 else "Passed",
            str(passed),
            ", ".join(f"{count} {_COUNTED.get(word, word)}" for word, count in others.items()),
        )
    ]
    known = [(row.accuracy, row.night.name) for row in recent if row.accuracy is not None]
    if known:
        lowest, name = min(known)
        note = f"lowest {percent(lowest)} on {name}" if known[1:] else ""
        middle = median(accuracy for accuracy, _ in known)
        facts.append(("Median accuracy", percent(middle), note))
    covered = None if last.errors is None else 1 - last.errors
    without = f"{last.night.errors:,} without a prediction" if last.night.errors else ""
    facts.append(("Predicted rows", percent(covered), without))
    if last.drift:
        note = f"{last.feature}; by chance at most {last.drift.band:.2f}"
        facts.append(("Greatest drift", f"{last.drift.distance:.2f}", note))
    since = next((row.night.name for row in reversed(recent) if "model" in row.changed), "")
    facts.append(
        (
            "Model",
            shortened(last.night.model.get("name", "unknown"), _LONGEST),
            f"new on {since}" if since else "",
        )
    )
    return facts


def _sentence(row: NightRow) -> Markup:
    """Return what a night came to in a sentence, in which a date is not broken into two lines."""
    name = Markup('<span class="name">{}</span>').format(row.night.name)
    if len(row.night.name) > _LONG_NAME:
        name = escape(row.night.name)
    return Markup("The night {} {}").format(name, _SENTENCES[row.word])


def _names(rows: Sequence[NightRow]) -> list[tuple[str, float]]:
    """Return names below the charts, each with the place of its step, 0 to 100.

    They are those of the first and the last night, and three between, if these are short enough.
    """
    steps = range(len(rows))
    if steps and max(len(row.night.name) for row in rows) > _LONG_NAME - 6:
        chosen = {0, len(rows) - 1}
    else:
        chosen = {round(part * (len(rows) - 1) / 4) for part in range(5)}
    return [(rows[step].night.name, 100 * (step + 0.5) / len(rows)) for step in sorted(chosen)]


def _place(nights: int) -> str:
    return f"the last of {nights:,} nights" if nights > 1 else "the first night"


def _legend(rows: Sequence[NightRow]) -> str:
    """Return what the characters below the charts mean, of those that are there."""
    marks = {(row.mark, row.word): None for row in rows if row.word != "improved"}
    changes = {what: None for row in rows for what in row.changed}
    said = [f"{mark} {word}" for mark, word in marks]
    said += [f"{what[0].upper()} and a dotted line: {_CHANGED[what]}" for what in changes]
    if any(row.kind == "bad" or row.is_alarm for row in rows):
        said.append("orange: a night that failed, or a drift that is suspicious")
    if any(row.drift for row in rows):
        said.append("the short lines over the drift: what chance alone may give")
    return "; ".join(said) + "."


@dataclass(frozen=True)
class _Month:
    """The nights of a month that are not among the recent ones.

    Attributes:
        name: as `October 2026`.
        rows: newest first; those for which there is room.
        nights: how many there are.
        states: how many of each state other than passed, in words.
        accuracy: over all rows with a label and a prediction, 0 to 1; None without.
    """

    name: str
    rows: Sequence[NightRow]
    nights: int
    states: str
    accuracy: float | None


def _months(older: Sequence[NightRow], room: int) -> list[_Month]:
    """Return the months of older nights, newest first, with as many rows as there is room for."""
    months = []
    for name, group in groupby(reversed(older), lambda row: f"{row.night.began:%B %Y}"):
        rows = list(group)
        shown = []
        for row in rows:
            room -= _bytes_of(row)
            if room > 0:
                shown.append(row)
        months.append(_month(name, rows, shown))
    return months


def _month(name: str, rows: Sequence[NightRow], shown: Sequence[NightRow]) -> _Month:
    words = [row.word for row in rows if row.kind != "good"]
    scored = sum(row.night.scored for row in rows)
    states = ", ".join(
        f"{words.count(word)} {_COUNTED.get(word, word)}" for word in dict.fromkeys(words)
    )
    accuracy = sum(row.night.correct for row in rows) / scored if scored else None
    return _Month(name, shown, len(rows), states, accuracy)


def _bytes_of(row: NightRow) -> int:
    """Return how much of the page an older night takes, give or take a few bytes."""
    links = sum(len(name) + len(link) + 16 for name, link in row.links.items())
    return 60 + len(escape(row.night.name).encode(errors="replace")) + links
