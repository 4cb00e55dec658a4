"""Tests of the charts of the history."""

import re
from pathlib import Path

from mnist_batch.nights.history.plots import plots
from mnist_batch.nights.history.rows import history_rows
from tests.support.nights import night


def _steps(plot: str | None) -> int:
    return len(re.findall("h0", re.search(r'class="dot[^"]*" d="([^"]*)"', plot or "")[1]))  # type: ignore[index]


def test_each_night_is_a_step(tmp_path: Path) -> None:
    """A night is a dot."""
    drawn = plots(history_rows(tmp_path, [night(day) for day in range(1, 11)]))
    assert drawn.step == "night"
    assert _steps(drawn.accuracy) == 10


def test_of_very_many_nights_the_months_are_drawn(tmp_path: Path) -> None:
    """Dots of 500 nights would cover each other: three months are three dots, of all their rows."""
    nights = [
        night(1, created_utc=f"2026-{month:02}-01T02:00:00.000+00:00", correct=900 + number % 90)
        for month in (3, 4, 6)
        for number in range(180)
    ]
    drawn = plots(history_rows(tmp_path, nights))
    assert drawn.step == "month"
    assert _steps(drawn.accuracy) == 3


def test_nothing_to_draw_is_none(tmp_path: Path) -> None:
    """Without labels there is no accuracy, without a base no drift; no error is no bar."""
    drawn = plots(history_rows(tmp_path, [night(1, scored=0, correct=0, errors=0, drift={})]))
    assert (drawn.accuracy, drawn.drift, drawn.errors) == (None, None, None)
