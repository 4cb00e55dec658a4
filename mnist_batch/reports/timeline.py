"""Charts over many steps, as nights, that share their axis: as wide as the page, of one height.

The plot is SVG that is stretched to its place; lines and dots keep their width. Its text is HTML
beside it, so that it stays legible on any screen.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from mnist_batch.reports.charts import round_ticks

_WIDTH = 1000
_HEIGHT = 100
"""Units of the plots; the page's CSS gives their size."""

_APART = 0.15
"""Share of the width that the value of a step beyond the axis needs, also on a narrow screen."""

_MOST_WHISKERS = 60
"""Steps up to which intervals, dots and bars are drawn wide enough to be told apart."""


@dataclass(frozen=True)
class Point:
    """A value of a step.

    Attributes:
        value: None where there is none.
        low, high: its interval; the same as the value for none.
        is_bad: whether it is drawn as one that is to be looked at.
    """

    value: float | None
    low: float = 0.0
    high: float = 0.0
    is_bad: bool = False


def dot_plot(
    title: str, points: Sequence[Point], breaks: Sequence[int] = (), *, most: float | None = None
) -> Markup:
    """Draw values as dots on their intervals, on an axis of percentages that fits them.

    One step far below all others would press these together: an arrow at the edge has its value.

    Args:
        title: what the plot shows, in words.
        points: one a step.
        breaks: steps before which something changed; a line is drawn there.
        most: the upper end of the axis, where values cannot be above it.
    """
    known = [point for point in points if point.value is not None]
    lows, highs = [point.low for point in known], [point.high for point in known]
    lowest, highest = _floor(lows, highs), max(highs, default=1.0)
    marks = round_ticks(min(lowest, highest - 1e-4), highest, most=4)
    top = marks[-1] if most is None else min(marks[-1], most)
    axis = _Axis(len(points), marks[0], top)
    parts = [axis.rule(mark) for mark in marks if mark <= top]
    parts += [axis.break_before(step) for step in breaks]
    kind = "few" if len(points) <= _MOST_WHISKERS else "many"
    for is_bad in (False, True):
        chosen = [
            (place, point)
            for place, point in enumerate(points)
            if point.value is not None and point.value >= marks[0] and point.is_bad is is_bad
        ]
        colour = "orange" if is_bad else "blue"
        whiskers = "".join(
            f"M{axis.x(place)} {axis.y(point.low)}V{axis.y(point.high)}" for place, point in chosen
        )
        dots = "".join(
            f"M{axis.x(place)} {axis.y(point.value or 0.0)}h0" for place, point in chosen
        )
        if chosen:
            parts.append(f'<path class="whisker {colour} {kind}" d="{whiskers}"/>')
            parts.append(f'<path class="dot {colour} {kind}" d="{dots}"/>')
    named = [(mark, axis.y(mark)) for mark in marks if mark <= top]
    below = [
        (place, point)
        for place, point in enumerate(points)
        if point.value is not None and point.value < marks[0]
    ]
    beyond = _beyond(axis, below, "below", as_percent=True)
    return _plot(title, parts, named, beyond, as_percent=True)


def bar_plot(
    title: str,
    points: Sequence[Point],
    breaks: Sequence[int] = (),
    *,
    most: float = 1.0,
    as_percent: bool = True,
) -> Markup:
    """Draw values from 0 upwards; `high` of a point, where it is not 0, is a line above its bar.

    Args:
        title: what the plot shows, in words.
        points: one a step; `low` says nothing.
        breaks: steps before which something changed; a line is drawn there.
        most: the upper end of the axis, unless lines are above it; a bar that is longer ends at the
            edge, where an arrow has its value.
        as_percent: name the values of the axis as percentages.
    """
    highest = min(max(point.value or 0.0 for point in points), most)
    marks = round_ticks(0.0, max(highest, 1e-6, *(point.high for point in points)), most=2)
    axis = _Axis(len(points), 0.0, marks[-1])
    parts = [axis.rule(mark) for mark in marks]
    parts += [axis.break_before(step) for step in breaks]
    is_many = len(points) > _MOST_WHISKERS
    bar = axis.stroke if is_many else axis.bar
    for is_bad in (False, True):
        bars = "".join(
            bar(place, point.value)
            for place, point in enumerate(points)
            if point.value and point.is_bad is is_bad
        )
        if bars:
            kind = f"{'stroke' if is_many else 'fill'} {'orange' if is_bad else 'blue'}"
            parts.append(f'<path class="{kind}" d="{bars}"/>')
    limits = [(place, point.high) for place, point in enumerate(points) if point.high]
    if limits and is_many:
        line = "L".join(f"{axis.x(place)} {axis.y(high)}" for place, high in limits)
        parts.append(f'<path class="limit" d="M{line}"/>')
    elif limits:
        line = "".join(
            f"M{axis.x(place, -0.45)} {axis.y(high)}H{axis.x(place, 0.45)}"
            for place, high in limits
        )
        parts.append(f'<path class="limit" d="{line}"/>')
    above = [
        (place, point) for place, point in enumerate(points) if (point.value or 0.0) > marks[-1]
    ]
    beyond = _beyond(axis, above, "above", as_percent=as_percent)
    named = [(mark, axis.y(mark)) for mark in marks]
    return _plot(title, parts, named, beyond, as_percent=as_percent)


class _Axis:
    """Maps steps and values to places in a plot."""

    def __init__(self, steps: int, low: float, high: float) -> None:
        self._steps, self._low, self._high = max(steps, 1), low, high

    def x(self, step: int, beside: float = 0.0) -> str:
        """Return the place of a step's middle, or of what is so many steps beside it."""
        return f"{_WIDTH * (step + 0.5 + beside) / self._steps:.4g}"

    def y(self, value: float) -> str:
        """Return the place of a value, at the edge where it is outside of the axis."""
        share = (value - self._low) / (self._high - self._low)
        return f"{_HEIGHT * (1 - min(max(share, 0.0), 1.0)):.3g}"

    def share(self, step: int) -> float:
        """Return the place of a step's middle, 0 to 1."""
        return (step + 0.5) / self._steps

    def bar(self, step: int, value: float) -> str:
        """Return a bar from 0 to a value, as wide as its step less a gap."""
        left, right = self.x(step, -0.35), self.x(step, 0.35)
        return f"M{left} {_HEIGHT}V{self.y(value)}H{right}V{_HEIGHT}"

    def stroke(self, step: int, value: float) -> str:
        """Return a line from 0 to a value."""
        return f"M{self.x(step)} {_HEIGHT}V{self.y(value)}"

    def rule(self, value: float) -> str:
        """Return a line across the plot."""
        return f'<path class="grid" d="M0 {self.y(value)}H{_WIDTH}"/>'

    def break_before(self, step: int) -> str:
        """Return a line down the plot."""
        return f'<path class="break" d="M{self.x(step, -0.5)} 0V{_HEIGHT}"/>'


def _floor(lows: Sequence[float], highs: Sequence[float]) -> float:
    """Return where an axis begins: at the lowest value, unless a few are far below the others."""
    if not lows:
        return 0.0
    ordinary = sorted(lows)[len(lows) // 10]
    return max(min(lows), ordinary - 3 * (max(highs) - ordinary))


def _beyond(
    axis: _Axis, points: Sequence[tuple[int, Point]], side: str, *, as_percent: bool
) -> str:
    """Return arrows to values that are `below` or `above` the axis, with the values.

    Where these would cover each other, those that are farthest away are named.
    """
    arrow = "▾" if side == "below" else "▴"
    parts, named = list[str](), list[float]()
    farthest_first = sorted(points, key=lambda one: one[1].value or 0.0, reverse=side == "above")
    for step, point in farthest_first:
        share, value = axis.share(step), point.value or 0.0
        colour = f"{side} orange" if point.is_bad else f"{side} blue"
        parts.append(f'<i class="{colour}" style="left:{100 * share:.4g}%">{arrow}</i>')
        if all(abs(share - other) >= _APART for other in named):
            named.append(share)
            told = f"{100 * value:.2f} %" if as_percent else f"{value:.2f}"
            # It is moved by its share of its own width, and so never leaves the plot.
            place = f"left:{100 * share:.4g}%;transform:translateX(-{100 * share:.4g}%)"
            parts.append(f'<b class="{colour}" style="{place}">{told}</b>')
    return "".join(parts)


def _plot(
    title: str,
    parts: Sequence[str],
    marks: Sequence[tuple[float, str]],
    beyond: str,
    *,
    as_percent: bool,
) -> Markup:
    """Return a plot with the names of its axis; all its parts are made of numbers."""
    names = "".join(
        f'<span style="top:{float(place) * 100 / _HEIGHT:g}%">'
        f"{f'{100 * mark:.10g} %' if as_percent else f'{mark:.10g}'}</span>"
        for mark, place in marks
    )
    return Markup(
        f'<div class="plot"><svg viewBox="0 0 {_WIDTH} {_HEIGHT}" preserveAspectRatio="none" '
        f'role="img" aria-label="{escape(title)}">{"".join(parts)}</svg>'
        f'<div class="axis" aria-hidden="true">{names}{beyond}</div></div>'
    )
