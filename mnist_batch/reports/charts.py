"""Charts as SVG, to stand in a page: they scale with it, and take their colours from its CSS.

All are 400 units wide, so that their text stays legible on a screen of 360 pixels. Each has a name
that says in words what it shows, for those who do not see it; the numbers stand in a table beside.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

from markupsafe import Markup, escape

_WIDTH = 400
NAME = 14
"""Characters of the name of a line that have room beside a chart."""
_ROOM_OF_NAMES = 28
"""For names of up to three characters, as those of digits and `all`."""
_CHARACTER = 7.6
"""Width of a character; few of 13 pixels are wider."""
_LINE = 18
"""Height of a line of text with its space."""

_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Dot:
    """A share with its interval.

    Attributes:
        name: what it is of.
        share: 0 to 1; None where it is undefined, as `note` says then.
        interval: its bounds; None where it is undefined.
        note: printed at the end of the line.
    """

    name: str
    share: float | None
    interval: tuple[float, float] | None
    note: str


@dataclass(frozen=True)
class Difference:
    """A difference with its interval.

    Attributes:
        name: what it is of.
        difference: -1 to 1; None where it is undefined.
        interval: its bounds; None where it is undefined.
        note: printed at the end of the line.
    """

    name: str
    difference: float | None
    interval: tuple[float, float] | None
    note: str


@dataclass(frozen=True, eq=False)
class Line:
    """Values in order; None where there is none, and the line is broken.

    Attributes:
        name: what it is of.
        values: one a step.
        colour: `blue`, `orange` or `soft`, which is dashed.
        bands: an interval about each value, which is shaded; empty for none.
    """

    name: str
    values: Sequence[float | None]
    colour: str = "blue"
    bands: Sequence[tuple[float, float] | None] = ()


@dataclass(frozen=True)
class _Axis:
    """Maps values from `low` to `high` to places from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return round(self.start + share * (self.end - self.start), 1)


def dots(title: str, rows: Sequence[Dot]) -> Markup:
    """Draw shares below each other, each as a dot on its interval; the axis fits the intervals."""
    lows = [row.interval[0] for row in rows if row.interval]
    ticks = round_ticks(max(0.0, min(lows, default=0.0)), 1.0, most=4)
    left = _room_of([row.name for row in rows])
    axis = _Axis(ticks[0], 1.0, left, 268)
    bottom = len(rows) * (_LINE + 6)
    parts = [_vertical(axis(tick), 0, bottom, f"{100 * tick:.10g} %") for tick in ticks]
    for place, row in enumerate(rows):
        y = place * (_LINE + 6) + 12
        parts.append(_text(0, y + 4, row.name))
        parts.append(_text(_WIDTH, y + 4, row.note, "soft end"))
        if row.interval and row.share is not None:
            low, high = (axis(bound) for bound in row.interval)
            parts.append(f'<rect class="blue" opacity=".45" x="{low}" y="{y - 1.5}" ')
            parts.append(f'width="{max(high - low, 1):.1f}" height="3"/>')
            parts.append(f'<circle class="blue" cx="{axis(row.share)}" cy="{y}" r="4.5"/>')
    return _svg(title, bottom + _LINE + 2, parts)


def differences(title: str, rows: Sequence[Difference]) -> Markup:
    """Draw differences below each other, each as a dot on its interval, about a line at 0.

    Where the interval is on one side of 0, a dot is blue above and orange below; the axis is in
    percentage points.
    """
    bounds = [100 * bound for row in rows for bound in row.interval or ()]
    ticks = round_ticks(min(bounds, default=0.0), max(bounds, default=0.0), most=4)
    left = 20 + _room_of([row.name for row in rows])
    axis = _Axis(min(ticks[0], 0.0), max(ticks[-1], 0.0), left, 330)
    bottom = len(rows) * (_LINE + 6)
    parts = [_vertical(axis(tick), 0, bottom, _signed(tick)) for tick in ticks]
    parts.append(f'<path class="line soft" d="M{axis(0)} 0V{bottom}"/>')
    for place, row in enumerate(rows):
        y = place * (_LINE + 6) + 12
        parts.append(_text(0, y + 4, row.name))
        parts.append(_text(_WIDTH, y + 4, row.note, "soft end"))
        if row.interval and row.difference is not None:
            colour = "orange" if row.interval[1] < 0 else "blue" if row.interval[0] > 0 else "soft"
            low, high = (axis(100 * bound) for bound in row.interval)
            parts.append(f'<rect class="{colour}" opacity=".45" x="{low}" y="{y - 1.5}" ')
            parts.append(f'width="{max(high - low, 1):.1f}" height="3"/>')
            parts.append(
                f'<circle class="{colour}" cx="{axis(100 * row.difference)}" cy="{y}" r="4.5"/>'
            )
    return _svg(title, bottom + _LINE + 2, parts)


def bars(title: str, names: Sequence[str], counts: Sequence[int], axis_title: str = "") -> Markup:
    """Draw counts as bars side by side, from 0; up to ten of them have their share written above.

    Args:
        title: what they show, in words.
        names: written below the bars; an empty one is left out.
        counts: one a bar.
        axis_title: what the names are.
    """
    height, top = 120, _LINE
    total, most = max(sum(counts), 1), max(*counts, 1)
    step = _WIDTH / len(counts)
    parts = [_horizontal(top + height, 0, _WIDTH)]
    for place, (name, count) in enumerate(zip(names, counts, strict=True)):
        middle = round((place + 0.5) * step, 1)
        tall = height * count / most
        if count:
            tall = max(tall, 1.0)
            parts.append(
                f'<rect class="blue" x="{place * step + 0.1 * step:.1f}" '
                f'y="{top + height - tall:.1f}" width="{0.8 * step:.1f}" height="{tall:.1f}"/>'
            )
        if len(counts) <= 10:
            share = f"{100 * count / total:.1f}" if count else "0"
            parts.append(_text(middle, top + height - tall - 5, share, "soft middle"))
        if name:
            parts.append(_text(middle, top + height + 16, name, "soft middle"))
    bottom = top + height + _LINE
    if axis_title:
        bottom += _LINE
        parts.append(_text(_WIDTH / 2, bottom, axis_title, "soft middle"))
    return _svg(title, bottom + 4, parts)


def lying_bars(title: str, rows: Sequence[tuple[str, int]], total: int) -> Markup:
    """Draw counts as bars below each other, each with its name and its share of `total`."""
    left = _room_of([name for name, _ in rows])
    most = max((count for _, count in rows), default=0)
    axis = _Axis(0, max(most, 1), left, 340)
    parts = []
    for place, (name, count) in enumerate(rows):
        y = place * _LINE + 4
        parts.append(_text(0, y + 11, name))
        parts.append(f'<rect class="blue" x="{left:g}" y="{y}" height="{_LINE - 5}" ')
        parts.append(f'width="{max(axis(count) - left, 1.0 if count else 0.0):.1f}"/>')
        share = f"{100 * count / max(total, 1):.1f}" if count else "0"
        parts.append(_text(_WIDTH, y + 11, share, "soft end"))
    return _svg(title, len(rows) * _LINE + 8, parts)


def calibration(
    title: str, bins: Sequence[tuple[float, float, tuple[float, float], int]]
) -> Markup:
    """Draw a reliability diagram: accuracy over confidence, and below it the rows on a log scale.

    Args:
        title: what it shows, in words.
        bins: mean confidence, accuracy, its interval, and rows, of each bin that has rows.
    """
    x, y = _Axis(0, 1, 44, 392), _Axis(0, 1, 260, 8)
    parts = [_horizontal(y(tick), 44, 392, f"{tick:g}") for tick in (0, 0.25, 0.5, 0.75, 1)]
    parts.append(f'<path class="line soft" d="M{x(0)} {y(0)}L{x(1)} {y(1)}"/>')
    rows = [count for *_, count in bins]
    tall = _Axis(0, math.log10(max(rows, default=1)) + 1, 318, 276)
    for confidence, accuracy, (low, high), count in bins:
        place = x(confidence)
        parts.append(
            f'<rect class="blue" opacity=".45" x="{place - 1.5:.1f}" y="{y(high)}" width="3" '
            f'height="{max(y(low) - y(high), 1):.1f}"/>'
            f'<circle class="blue" cx="{place}" cy="{y(accuracy)}" r="4.5"/>'
        )
        top = tall(math.log10(count) + 1)
        parts.append(
            f'<rect class="blue" opacity=".6" x="{place - 6:.1f}" y="{top}" width="12" '
            f'height="{318 - top:.1f}"/>'
        )
    parts.append(_horizontal(318, 44, 392))
    parts += [_text(x(tick), 334, f"{tick:g}", "soft middle") for tick in (0, 0.25, 0.5, 0.75, 1)]
    parts.append(_text(x(0.5), 352, "confidence, and below the rows (log scale)", "soft middle"))
    parts.append(_text(50, 20, "accuracy", "soft"))
    return _svg(title, 356, parts)


def lines(
    title: str,
    series: Sequence[Line],
    names: Sequence[str] = (),
    *,
    most: float | None = None,
    as_percent: bool = False,
) -> Markup:
    """Draw lines over steps of equal width; each is named at its right end.

    Args:
        title: what they show, in words.
        series: of equal length.
        names: of the steps, of which the first and the last are written; by default their numbers,
            from 1.
        most: the upper end of the axis, where values cannot be above it.
        as_percent: write values as percentages.
    """
    values = [value for line in series for value in line.values if value is not None]
    values += [bound for line in series for band in line.bands if band for bound in band]
    steps = max((len(line.values) for line in series), default=0)
    names = names or [str(step) for step in range(1, steps + 1)]
    ticks = round_ticks(min(values, default=0.0), max(values, default=1.0), most=5)
    high = ticks[-1] if most is None else min(ticks[-1], most)
    left, right, bottom = 52.0, 396.0, 170.0
    x, y = _Axis(0, max(steps - 1, 1), left, right), _Axis(ticks[0], high, bottom, 8)
    parts = [
        _horizontal(y(tick), left, right, f"{100 * tick:.10g} %" if as_percent else f"{tick:.10g}")
        for tick in ticks
        if tick <= high
    ]
    for line in series:
        parts += _line(line, x, y)
    place = left
    for line in series if len(series) > 1 else ():
        parts.append(f'<rect class="{line.colour}" x="{place}" y="206" width="16" height="3"/>')
        parts.append(_text(place + 22, 212, line.name, "soft"))
        place += 22 + 7.5 * len(line.name) + 24
    if steps:
        parts.append(_text(left, bottom + 18, names[0], "soft"))
    if steps > 1:
        parts.append(_text(right, bottom + 18, names[-1], "soft end"))
    return _svg(title, 216 if len(series) > 1 else 192, parts)


def _line(line: Line, x: _Axis, y: _Axis) -> list[str]:
    """Return the band of a line, the line, and a dot where a value has no neighbour."""
    parts = []
    for run in _runs(line.bands):
        upper = [f"{x(place)} {y(high)}" for place, (_, high) in run]
        lower = [f"{x(place)} {y(low)}" for place, (low, _) in reversed(run)]
        parts.append(f'<path class="{line.colour} band" d="M{"L".join(upper + lower)}Z"/>')
    for values in _runs(line.values):
        points = [(x(place), y(value)) for place, value in values]
        path = "L".join(f"{across} {up}" for across, up in points)
        parts.append(f'<path class="line {line.colour}" d="M{path}"/>')
        if len(points) == 1:
            across, up = points[0]
            parts.append(f'<circle class="{line.colour}" cx="{across}" cy="{up}" r="3"/>')
    return parts


def _runs(values: Sequence[_Value | None]) -> list[list[tuple[int, _Value]]]:
    """Return the values that are not None with their places, neighbours together."""
    runs: list[list[tuple[int, _Value]]] = []
    for place, value in enumerate(values):
        if value is None:
            continue
        if not runs or runs[-1][-1][0] < place - 1:
            runs.append([])
        runs[-1].append((place, value))
    return runs


def _room_of(names: Sequence[str]) -> float:
    """Return how many units the names of lines take, with a gap after them."""
    longest = max(map(len, names), default=0)
    return _ROOM_OF_NAMES if longest <= 3 else round(_CHARACTER * longest + 8)


def _signed(number: float) -> str:
    return f"{number:+.10g}".replace("-", "\N{MINUS SIGN}") if number else "0"


def round_ticks(low: float, high: float, most: int) -> list[float]:
    """Return up to `most` + 1 round numbers, evenly spaced, around `low` to `high`."""
    width = max(high - low, 1e-6 * abs(high)) or 1.0  # all are equal, or all 0
    unit = 10.0 ** math.floor(math.log10(width / most))
    step = next(
        unit * factor for factor in (1, 2, 2.5, 5, 10, 20) if width / (unit * factor) <= most - 1
    )
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    return [round(place * step, 12) for place in range(first, max(last, first + 1) + 1)]


def _svg(title: str, height: float, parts: Sequence[str]) -> Markup:
    # Each part is made here, of numbers and of text that `_text` has escaped.
    body = Markup("").join(map(Markup, parts))
    return Markup(
        '<svg class="chart" viewBox="0 0 {} {:g}" role="img" aria-label="{}">{}</svg>'
    ).format(_WIDTH, height, title, body)


def _text(x: float, y: float, text: str, classes: str = "") -> str:
    return f'<text x="{x:g}" y="{y:g}" class="{classes}">{escape(text)}</text>'


def _horizontal(y: float, left: float, right: float, name: str = "") -> str:
    line = f'<path class="grid" d="M{left:g} {y:g}H{right:g}"/>'
    return line + _text(left - 6, y + 4, name, "soft end") if name else line


def _vertical(x: float, top: float, bottom: float, name: str) -> str:
    line = f'<path class="grid" d="M{x:g} {top:g}V{bottom:g}"/>'
    return line + _text(x, bottom + 16, name, "soft middle")
