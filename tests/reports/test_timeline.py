"""Tests of the charts over many steps."""

import re

from mnist_batch.reports.timeline import Point, bar_plot, dot_plot

POINTS = [Point(0.98, 0.97, 0.99), Point(None), Point(0.96, 0.95, 0.97, is_bad=True)]


def _scale(plot: str) -> list[str]:
    """Return the names of the values of the axis."""
    return re.findall(r'<span style="top:[^>]*>([^<]+)<', plot)


def _beyond(plot: str) -> list[tuple[str, str]]:
    """Return the arrows and values beyond the axis, each with its classes."""
    return re.findall(r'<[ib] class="([^"]+)" style="[^"]+">([^<]+)<', plot)


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
    assert _scale(plot) == ["94 %", "96 %", "98 %", "100 %"]


def test_one_value_far_below_does_not_press_the_others_together() -> None:
    """A night of 10 % among nights of 98 to 99 % is an arrow at the lower edge, with its value."""
    points = [Point(0.985, 0.98, 0.99)] * 20 + [Point(0.1, 0.09, 0.11, is_bad=True)]
    plot = dot_plot("accuracy", points, most=1.0)
    assert min(float(text[:-2]) for text in _scale(plot)) >= 90
    assert "dot orange few" not in _paths(plot)
    assert _beyond(plot) == [("below orange", "▾"), ("below orange", "10.00 %")]


def test_values_beyond_the_axis_do_not_cover_each_other() -> None:
    """Of nights side by side the one that is farthest away has its value; all have an arrow."""
    low = [Point(value, value, value) for value in (0.3, 0.2)]
    points = [Point(0.985, 0.98, 0.99)] * 28 + low
    beyond = _beyond(dot_plot("accuracy", points, most=1.0))
    assert beyond == [("below blue", "▾"), ("below blue", "20.00 %"), ("below blue", "▾")]


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
    assert _scale(plot) == ["0", "0.5"]


def test_lines_are_on_the_axis() -> None:
    """What chance may give is drawn at its value, also where it is above all bars."""
    plot = bar_plot("drift", [Point(0.04, high=0.17)], as_percent=False)
    assert _scale(plot) == ["0", "0.2"]
    assert _paths(plot)["limit"] == "M50 15H950"


def test_what_is_above_the_axis_has_its_value() -> None:
    """One night far away does not press the others flat: an arrow above its bar has its value."""
    points = [Point(0.04)] * 3 + [Point(0.9, is_bad=True)]
    plot = bar_plot("drift", points, most=0.2, as_percent=False)
    assert _beyond(plot) == [("above orange", "▴"), ("above orange", "0.90")]
    paths = _paths(plot)
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
