"""Tests of what `history` prints."""

from pathlib import Path

from mnist_batch.cli.printing.nights import nights_page
from mnist_batch.commands.history import History
from mnist_batch.nights.history.rows import history_rows
from tests.support.command import printed
from tests.support.nights import DOUBTFUL, night


def _printed(runs: Path, days: int, **changes: object) -> list[str]:
    nights = [night(1 + day % 28, **changes) for day in range(days)]
    return printed(nights_page(History(Path("nights/index.html"), history_rows(runs, nights), ())))


def test_a_night_is_a_line(tmp_path: Path) -> None:
    """Its state, accuracy, interval of Wilson, errors and greatest drift."""
    assert _printed(tmp_path, 1) == [
        "night       state   accuracy  95 % interval  errors  drift  new",
        "2024-11-01  passed    0.9719  0.9597-0.9805       2   0.01",
        "",
        "page         nights/index.html",
    ]


def test_a_night_without_labels_has_a_dash(tmp_path: Path) -> None:
    """Unknown is no zero."""
    line = _printed(tmp_path, 1, scored=0, correct=0, drift={})[1]
    assert line.split() == ["2024-11-01", "unlabelled", "-", "-", "2", "-"]


def test_the_last_thirty_are_printed(tmp_path: Path) -> None:
    """The others are counted, and on the page."""
    lines = _printed(tmp_path, 40)
    assert sum(line.startswith("2024") for line in lines) == 30
    assert "earlier      10 nights more on the page" in lines


def test_a_name_with_its_time_and_the_interval_are_never_broken(tmp_path: Path) -> None:
    """What gives way are the state and what is new, between their words."""
    nights = [
        night(1, name="2024-11-01", model={"name": "other.h5", "sha256": "b" * 64}),
        night(1, name="2024-11-01T212559", against=DOUBTFUL, version="0.6.0", data="e" * 64),
    ]
    result = History(Path("nights/index.html"), history_rows(tmp_path, nights), ())
    for width in (80, 120):
        lines = printed(nights_page(result), width)
        assert max(map(len, lines)) <= width
        assert lines[1].split()[0] == "2024-11-01T212559"
        words = " ".join(lines).split()
        for word in ("accuracy", "0.9719", "0.9597-0.9805", "model,", "version,", "few"):
            assert word in words
