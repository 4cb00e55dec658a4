"""Charts of the history: accuracy, drift and errors over the nights, or over their months."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from markupsafe import Markup

from mnist_batch.evaluation.drift.distance import LEAST_EFFECT
from mnist_batch.evaluation.proportions import interval
from mnist_batch.nights.history.rows import NightRow
from mnist_batch.reports.timeline import Point, bar_plot, dot_plot

_MOST_STEPS = 400
"""Nights that are drawn one by one; of more, their months."""


@dataclass(frozen=True)
class Plots:
    """The charts of some nights; None where there is nothing to draw.

    Attributes:
        accuracy: of the nights with labels.
        drift: the greatest of each night.
        errors: the share of the rows without a prediction.
        step: what a step is, `night` or `month`.
    """

    accuracy: Markup | None
    drift: Markup | None
    errors: Markup | None
    step: str


def plots(rows: Sequence[NightRow]) -> Plots:
    """Draw the nights, in their order."""
    is_long = len(rows) > _MOST_STEPS
    step = "month" if is_long else "night"
    steps = list(_months(rows)) if is_long else [[row] for row in rows]
    names = f"of each {step}, {rows[0].night.name} to {rows[-1].night.name}"
    breaks = [place for place, nights in enumerate(steps) if any(row.changed for row in nights)]
    accuracies = list(map(_accuracy, steps))
    drifts = list(map(_drift, steps))
    errors = list(map(_errors, steps))
    return Plots(
        dot_plot(f"Accuracy with its 95 % interval {names}", accuracies, breaks, most=1.0)
        if any(point.value is not None for point in accuracies)
        else None,
        bar_plot(
            f"Greatest drift of the input {names}",
            drifts,
            breaks,
            most=_ordinary(drifts),
            as_percent=False,
        )
        if any(point.value is not None for point in drifts)
        else None,
        bar_plot(f"Share of the rows without a prediction {names}", errors, breaks)
        if any(point.value for point in errors)
        else None,
        step,
    )


def _months(rows: Sequence[NightRow]) -> Iterator[list[NightRow]]:
    for _, nights in groupby(rows, lambda row: (row.night.began.year, row.night.began.month)):
        yield list(nights)


def _accuracy(rows: Sequence[NightRow]) -> Point:
    """Return the accuracy over all rows of some nights."""
    scored = sum(row.night.scored for row in rows)
    correct = sum(row.night.correct for row in rows)
    bounds = interval(correct, scored)
    is_bad = any(row.kind == "bad" for row in rows)
    return Point(correct / scored, *bounds, is_bad=is_bad) if bounds else Point(None)


def _drift(rows: Sequence[NightRow]) -> Point:
    """Return the drift of the night that is farthest from the run it is held against."""
    known = [(row.is_alarm, row.drift) for row in rows if row.drift]
    if not known:
        return Point(None)
    is_alarm, drift = max(known, key=lambda one: (one[0], one[1].is_far, one[1].distance))
    return Point(drift.distance, high=drift.band, is_bad=is_alarm)


def _ordinary(drifts: Sequence[Point]) -> float:
    """Return an upper end of the axis with which nights that are not far can be told apart."""
    return max(LEAST_EFFECT, *(point.high for point in drifts)) * 2.5


def _errors(rows: Sequence[NightRow]) -> Point:
    """Return the share of the rows of some nights without a prediction."""
    total = sum(row.night.rows for row in rows)
    errors = sum(row.night.errors for row in rows)
    return Point(
        errors / total if total else None, is_bad=any(row.word == "errors" for row in rows)
    )
