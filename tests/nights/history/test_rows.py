"""Tests of what is told of each night."""

from pathlib import Path

import pytest

from mnist_batch.nights.history.page import history_page
from mnist_batch.nights.history.plots import plots
from mnist_batch.nights.history.rows import history_rows
from mnist_batch.nights.night import GateResult
from mnist_batch.nights.night_folder import Nights
from tests.support.nights import DOUBTFUL, night, write_night


def _gate(name: str) -> dict[str, object]:
    return {"gates": (GateResult(name, passed=False, message="why", fails=True),)}


@pytest.mark.parametrize(
    ("changes", "mark", "kind", "word"),
    [
        ({}, "✓", "good", "passed"),
        (_gate("regression"), "✕", "bad", "regressed"),
        (_gate("digit 4"), "✕", "bad", "regressed"),
        (_gate("accuracy"), "✕", "bad", "too inaccurate"),
        (_gate("drift"), "?", "bad", "suspicious"),
        (_gate("errors"), "!", "bad", "errors"),
        (_gate("labels"), "!", "bad", "labels missing"),
        ({"scored": 0, "correct": 0}, "○", "plain", "unlabelled"),
        ({"scored_later": True}, "◐", "plain", "scored later"),
        ({"against": DOUBTFUL}, "○", "plain", "too few to tell"),
        (
            {"gates": (GateResult("errors", passed=False, message=""),)},
            "!",
            "plain",
            "missed a gate",
        ),
    ],
)
def test_a_state_is_a_mark_and_a_word(
    tmp_path: Path, changes: dict[str, object], mark: str, kind: str, word: str
) -> None:
    """No state is told by colour alone; the page says each in a sentence."""
    last = night(1, **changes)
    (row,) = history_rows(tmp_path, [last])
    assert (row.mark, row.kind, row.word) == (mark, kind, word)
    assert f">{word}<" in history_page(tmp_path, Nights([last], []))


def test_a_night_has_what_its_gates_say(tmp_path: Path) -> None:
    """Of those that were missed; a digit has its name, and a suspicion is told once."""
    gates = (
        GateResult("errors", passed=True, message="fine"),
        GateResult("digit 4", passed=False, message="-5.00 points", fails=True),
        GateResult("drift", passed=False, message="too sure; too many fives", fails=True),
    )
    suspicious = ("too sure", "too many fives")
    (row,) = history_rows(tmp_path, [night(1, gates=gates, suspicions=suspicious)])
    assert row.remarks == ["digit 4: -5.00 points", "too sure; too many fives"]


def test_a_night_has_links_to_the_pages_that_are_there(tmp_path: Path) -> None:
    """A report or a comparison may be missing; the address of a folder is quoted."""
    folder = write_night(tmp_path, night(1), "a b%")
    (folder / "comparison").mkdir()
    (folder / "comparison" / "index.html").touch()
    (folder / "summary.md").touch()
    (row,) = history_rows(tmp_path, [night(1, name="a b%")])
    assert row.links == {
        "comparison": "a%20b%25/comparison/index.html",
        "summary": "a%20b%25/summary.md",
    }


def test_what_changed_is_told(tmp_path: Path) -> None:
    """Another model, version, option or data set than before; names of inputs are none."""
    other = {"name": "other.h5", "sha256": "b" * 64}
    nights = [
        night(1),
        night(2, model=other),
        night(3, model=other, version="0.6.0"),
        night(4, model=other, version="0.6.0", data="e" * 64),
        night(5, model=other, version="0.6.0", data="e" * 64, options={"inputs": ["other"]}),
        night(6, model=other, version="0.6.0", data="e" * 64, options={"inputs": ["another"]}),
    ]
    changed = [list(row.changed) for row in history_rows(tmp_path, nights)]
    assert changed == [[], ["model"], ["version"], ["data"], ["options"], []]


def test_images_of_its_own_are_no_change(tmp_path: Path) -> None:
    """Where each night has other images, that is no news."""
    nights = [night(day, data=f"{day}" * 64) for day in range(1, 5)]
    assert not any(row.changed for row in history_rows(tmp_path, nights))


@pytest.mark.parametrize(
    ("passed", "distance", "is_alarm", "remarks"),
    [
        (True, 0.3, False, ["the drift of the ink is no alarm: why"]),
        (False, 0.3, True, ["why"]),
        (True, 0.01, False, []),
    ],
)
def test_a_drift_that_is_no_alarm_is_said_to_be_none(
    tmp_path: Path, passed: bool, distance: float, is_alarm: bool, remarks: list[str]
) -> None:
    """A reader who sees a bar beyond what chance gives is told why the night passed."""
    gates = (GateResult("drift", passed=passed, message="why", fails=not passed),)
    (row,) = history_rows(tmp_path, [night(1, gates=gates, drift={"ink": (distance, 0.1)})])
    assert (row.is_alarm, row.remarks) == (is_alarm, remarks)
    assert ("orange" in (plots([row]).drift or "")) is is_alarm


def test_the_greatest_drift_is_told(tmp_path: Path) -> None:
    """One that is beyond chance and large comes first."""
    nights = [
        night(1, drift={"ink": (0.3, 0.4), "predictions": (0.2, 0.1), "size": (0.01, 0.05)}),
        night(2, drift={"ink": (0.03, 0.1), "predictions": (0.02, 0.1)}),
        night(3, drift={}),
    ]
    assert [row.feature for row in history_rows(tmp_path, nights)] == ["predictions", "ink", ""]
