"""Tests of the charts over many steps."""

import re

from mnist_batch.reports.timeline import Point, bar_plot, dot_plot

POINTS = [Point(0.98, 0.97, 0.99), Point(None), Point(0.96, 0.95, 0.97, is_bad=True)]


def _paths(plot: str) -> dict[str, str]:
    return dict(re.findall(r'<path class="([^"]+)" d="([^"]+)"', plot))


def test_each_value_is_a_dot_on_its_interval() -> None:
    """Of three steps 1000 wide, on an axis of 94 to 100 %; one without a value keeps its place."""
    paths = _paths(dot_plot("accuracy", POINTS, most=1.0))
    assert paths["dot blue few"] == "M166.7 33.3h0"
    assert paths["dot orange few"] == "M833.3 66.7h0"
    assert paths["whisker blue few"] == "M166.7 50V16.7"


def test_the_axis_is_named_in_percent() -> None:
    """The values of the axis are text beside the plot."""
    plot = dot_plot("accuracy", POINTS, most=1.0)
    assert re.findall(r'%">([^<]+)<', plot) == ["94 %", "96 %", "98 %", "100 %"]


def test_one_value_far_below_does_not_press_the_others_together() -> None:
    """A night of 10 % among nights of 98 to 99 % is drawn at the lower edge."""
    points = [Point(0.985, 0.98, 0.99)] * 20 + [Point(0.1, 0.09, 0.11, is_bad=True)]
    plot = dot_plot("accuracy", points, most=1.0)
    lowest = min(float(text[:-2]) for text in re.findall(r'%">([^<]+)<', plot))
    assert lowest >= 90
    assert _paths(plot)["dot orange few"].endswith(" 100h0")


def test_a_change_is_a_line_before_its_step() -> None:
    """The line stands between the step and the one before."""
    assert _paths(dot_plot("accuracy", POINTS, [2]))["break"] == "M666.7 0V100"


def test_bars_begin_at_zero() -> None:
    """A bar has its height, and its limit is a line across it; no bar stands for nothing."""
    points = [Point(0.1, high=0.2), Point(None), Point(0.0), Point(0.4, is_bad=True)]
    plot = bar_plot("drift", points, as_percent=False)
    paths = _paths(plot)
    assert paths["fill blue"] == "M37.5 100V80H212.5V100"
    assert paths["fill orange"] == "M787.5 100V20H962.5V100"
    assert paths["limit"] == "M12.5 60H237.5"
    assert re.findall(r'%">([^<]+)<', plot) == ["0", "0.5"]


def test_what_is_above_the_axis_reaches_its_edge() -> None:
    """One night far away does not press the others flat."""
    points = [Point(0.04)] * 3 + [Point(0.9, is_bad=True)]
    paths = _paths(bar_plot("drift", points, most=0.2, as_percent=False))
    assert paths["fill orange"] == "M787.5 100V0H962.5V100"
    assert paths["fill blue"].startswith("M37.5 100V80H212.5V100")


def test_many_steps_are_thin_lines() -> None:
    """With more steps than there is room for, bars are lines."""
    assert "stroke blue" in _paths(bar_plot("errors", [Point(0.5)] * 100))
    assert "dot blue many" in _paths(dot_plot("accuracy", [Point(0.5, 0.4, 0.6)] * 100))


def test_nothing_to_draw_is_drawn() -> None:
    """No value at all, or values that are all equal, leave an axis."""
    assert "<svg" in dot_plot("accuracy", [Point(None)])
    assert "<svg" in bar_plot("errors", [Point(0.0)])
    assert "M500 " in dot_plot("accuracy", [Point(1.0, 1.0, 1.0)], most=1.0)


def test_the_name_is_text() -> None:
    """The name of a plot is for those who do not see it, and is no HTML."""
    assert 'aria-label="&lt;b&gt;&#34;"' in bar_plot('<b>"', [Point(1.0)])
