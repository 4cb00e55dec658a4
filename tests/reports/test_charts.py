"""Charts show the numbers that they are given, at the right place."""

import re
from xml.etree import ElementTree

import pytest

from mnist_batch.reports import charts

SVG = ElementTree.Element


def parsed(chart: str) -> SVG:
    """Return a chart, which is well-formed."""
    return ElementTree.fromstring(chart)


def texts(chart: str) -> list[str]:
    """Return its texts."""
    return [element.text or "" for element in parsed(chart).iter("text")]


def test_a_chart_says_what_it_is() -> None:
    """To those who do not see it; any text stays text."""
    chart = parsed(charts.bars('a "<b>" & c', ["<i>"], [1]))
    assert chart.get("role") == "img"
    assert chart.get("aria-label") == 'a "<b>" & c'
    assert "<i>" in [element.text for element in chart.iter("text")]


def test_bars_are_as_tall_as_their_counts() -> None:
    """From 0; a count of 0 has none."""
    bars = list(parsed(charts.bars("counts", ["a", "b", "c"], [10, 5, 0])).iter("rect"))
    assert [float(bar.get("height", "")) for bar in bars] == [120, 60]
    assert "66.7" in texts(charts.bars("counts", ["a", "b", "c"], [10, 5, 0]))


def test_bars_of_nothing_can_be_drawn() -> None:
    """As of a run without a prediction."""
    assert not list(parsed(charts.bars("counts", ["a", "b"], [0, 0])).iter("rect"))


def test_dots_lie_on_their_intervals() -> None:
    """The axis ends at 1 and begins below the lowest bound; without a share there is no dot."""
    rows = [
        charts.Dot("7", 0.95, (0.92, 0.97), "a"),
        charts.Dot("8", 1.0, (0.99, 1.0), "b"),
        charts.Dot("9", None, None, "no samples"),
    ]
    chart = parsed(charts.dots("accuracy", rows))
    dots = [float(dot.get("cx", "")) for dot in chart.iter("circle")]
    bars = [
        (float(bar.get("x", "")), float(bar.get("x", "")) + float(bar.get("width", "")))
        for bar in chart.iter("rect")
    ]
    assert len(dots) == len(bars) == 2
    assert all(low <= dot <= high for dot, (low, high) in zip(dots, bars, strict=True))
    assert {"7", "8", "9", "no samples", "100 %"} <= set(texts(charts.dots("accuracy", rows)))
    # Linear: from 0.92 to 1 is 8 hundredths, from 0.95 to 1 are 5.
    assert (dots[1] - dots[0]) / (dots[1] - bars[0][0]) == pytest.approx(5 / 8, abs=0.01)


def test_a_line_is_broken_where_there_is_no_value() -> None:
    """A value without a neighbour is a dot."""
    line = charts.Line("a", [0.5, 0.6, None, 0.7], bands=[(0.4, 0.6), (0.5, 0.7), None, None])
    chart = parsed(charts.lines("a", [line]))
    paths = [path.get("d", "") for path in chart.iter("path") if "line" in path.get("class", "")]
    assert [len(re.findall(r"[ML]", path)) for path in paths] == [2, 1]
    assert len(list(chart.iter("circle"))) == 1
    assert sum("band" in path.get("class", "") for path in chart.iter("path")) == 1


@pytest.mark.parametrize("values", [[], [None], [1.0], [0.0, 0.0], [1e-9, 2e-9], [5.0, 5e6]])
def test_any_values_can_be_drawn(values: list[float | None]) -> None:
    """One epoch, all equal, of any size."""
    assert parsed(charts.lines("a", [charts.Line("a", values)])) is not None


def test_ticks_are_round_and_enclose_the_values() -> None:
    """A reader can place a value between two."""
    assert charts.round_ticks(0.912, 0.97, 5) == [0.9, 0.92, 0.94, 0.96, 0.98]
    assert charts.round_ticks(0, 1, 5) == [0, 0.25, 0.5, 0.75, 1]


def test_the_diagram_of_reliability_has_a_dot_a_bin() -> None:
    """At its mean confidence and its accuracy, the latter upwards."""
    bins = [(0.25, 0.5, (0.2, 0.8), 10), (1.0, 1.0, (0.9, 1.0), 100)]
    dots = list(parsed(charts.calibration("a", bins)).iter("circle"))
    places = [(float(dot.get("cx", "")), float(dot.get("cy", ""))) for dot in dots]
    assert places == [(131.0, 134.0), (392.0, 8.0)]


def test_differences_lie_about_0() -> None:
    """Each on its interval, in a colour where that leaves 0 out; without one there is no dot."""
    rows = [
        charts.Difference("all", -0.02, (-0.03, -0.01), "a"),
        charts.Difference("7", 0.01, (-0.01, 0.03), "b"),
        charts.Difference("8", 0.02, (0.01, 0.03), "c"),
        charts.Difference("9", None, None, "-"),
    ]
    chart = parsed(charts.differences("difference", rows))
    dots = list(chart.iter("circle"))
    assert [dot.get("class") for dot in dots] == ["orange", "soft", "blue"]
    places = [float(dot.get("cx", "")) for dot in dots]
    bars = [
        (float(bar.get("x", "")), float(bar.get("x", "")) + float(bar.get("width", "")))
        for bar in chart.iter("rect")
    ]
    assert all(low < place < high for place, (low, high) in zip(places, bars, strict=True))
    # Linear: the second bar is twice as wide as the first, and the dots are 3 points apart.
    assert bars[1][1] - bars[1][0] == pytest.approx(2 * (bars[0][1] - bars[0][0]), abs=0.3)
    assert places[1] - places[0] == pytest.approx(1.5 * (bars[0][1] - bars[0][0]), abs=0.3)
    assert {"all", "7", "9", "0", "\N{MINUS SIGN}2"} <= set(texts(charts.differences("d", rows)))


def test_differences_of_nothing_can_be_drawn() -> None:
    """As of runs without a label."""
    assert not list(parsed(charts.differences("d", [])).iter("circle"))
