"""Tests of the history, made again from the folders of the nights."""

import json
import os
import signal
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.errors import InputError
from mnist_batch.nights.history.index import read_history, write_index
from mnist_batch.nights.history.page import history_page
from mnist_batch.nights.night import GateResult
from mnist_batch.nights.night_folder import INDEX, REPORT
from mnist_batch.nights.verdict import state
from tests.support.nights import night, write_night


def _shown(runs: Path) -> str:
    return (runs / INDEX).read_text(encoding="utf-8")


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _write_report(folder: Path, rows: int, matrix: object) -> None:
    (folder / REPORT).mkdir()
    record = {"rows": rows, "confusion_matrix": matrix}
    (folder / REPORT / "metrics.json").write_text(json.dumps(record))


def test_the_page_is_made_from_the_folders(tmp_path: Path) -> None:
    """It shows all nights, whatever page there was before, and leaves no other file."""
    for day in (1, 2):
        write_night(tmp_path, night(day))
    (tmp_path / INDEX).write_text("an older page")
    assert [one.name for one in write_index(tmp_path).nights] == ["2024-11-01", "2024-11-02"]
    assert "2024-11-01" in _shown(tmp_path)
    assert "2024-11-02" in _shown(tmp_path)
    assert _names(tmp_path) == ["2024-11-01", "2024-11-02", INDEX]


def test_what_is_damaged_is_passed_over_and_said(tmp_path: Path) -> None:
    """A damaged record costs its night alone; a folder that was removed leaves nothing behind."""
    for day in (1, 2, 3):
        write_night(tmp_path, night(day))
    write_index(tmp_path)
    (tmp_path / "2024-11-02" / "run.json").write_text('{"format": 1, ')
    (tmp_path / "2024-11-03" / "run.json").unlink()
    (tmp_path / "2024-11-03").rmdir()
    found = write_index(tmp_path)
    assert [one.name for one in found.nights] == ["2024-11-01"]
    assert len(found.notes) == 1
    assert "2024-11-03" not in _shown(tmp_path)
    assert "run.json cannot be read; passed over" in _shown(tmp_path)


def test_a_folder_without_a_night_is_refused(tmp_path: Path) -> None:
    """No page is written into a folder that has no night."""
    with pytest.raises(InputError, match="holds no night"):
        write_index(tmp_path)
    assert not _names(tmp_path)


def test_labels_that_come_late_give_their_scores(tmp_path: Path) -> None:
    """A night without labels has those of its report; its other gates and its status stay."""
    folder = write_night(tmp_path, night(1, scored=0, correct=0, per_digit=((0, 0),) * 10))
    matrix = np.diag([100] * 9 + [90])
    matrix[9, 4] = 8
    _write_report(folder, 1000, matrix.tolist())
    (found,) = read_history(tmp_path).nights
    assert (found.scored, found.correct) == (998, 990)
    assert found.per_digit == ((100, 100),) * 9 + ((98, 90),)
    assert found.gates == night(1).gates
    assert state(found) == "scored later"


@pytest.mark.parametrize(
    ("least", "patience", "told", "passes"),
    [
        (0.9, 1, "accuracy too low", False),
        (0.9, 2, "scored later", False),
        (0.4, 1, "scored later", True),
        (None, 1, "scored later", True),
    ],
)
def test_late_labels_are_held_to_what_was_asked_that_night(
    tmp_path: Path, least: float | None, patience: int, told: str, passes: bool
) -> None:
    """A night of half right has not passed where more was asked, and never says that it has."""
    asked = GateResult("accuracy", passed=None, message="no row has a label and a prediction")
    folder = write_night(
        tmp_path,
        night(1, scored=0, correct=0, gates=(asked,), min_accuracy=least, patience=patience),
    )
    half_right = np.eye(10, dtype=int) + np.roll(np.eye(10, dtype=int), 1, axis=1)
    _write_report(folder, 1000, (50 * half_right).tolist())
    (found,) = read_history(tmp_path).nights
    assert (state(found), found.passed) == (told, passes)


@pytest.mark.parametrize(
    ("rows", "matrix"),
    [
        (999, np.eye(10, dtype=int).tolist()),
        (1000, np.eye(9, dtype=int).tolist()),
        (1000, (-np.eye(10, dtype=int)).tolist()),
        (1000, (0.5 * np.eye(10)).tolist()),
        (1000, (1000 * np.eye(10, dtype=int)).tolist()),
        (1000, (2**62 * np.eye(10, dtype=int)).tolist()),
        (1000, "no matrix"),
        (1000, [[1], [1, 2]]),
    ],
)
def test_a_report_that_is_not_of_the_night_gives_none(
    tmp_path: Path, rows: int, matrix: object
) -> None:
    """Another number of rows, or what is no confusion matrix of them, is passed over."""
    unlabelled = night(1, scored=0, correct=0)
    _write_report(write_night(tmp_path, unlabelled), rows, matrix)
    assert read_history(tmp_path).nights == [unlabelled]


def test_labels_that_are_corrected_give_their_scores(tmp_path: Path) -> None:
    """A night that had labels, be it one, has those of its report where they are others."""
    matrix = np.diag([97] * 10)
    matrix[:, 0] += [0, *[3] * 9]
    as_it_was = night(1, scored=997, per_digit=((97, 97), *((100, 97),) * 9))
    for made, shown in ((as_it_was, "passed"), (night(2, scored=1, correct=1), "scored later")):
        _write_report(write_night(tmp_path, made), 1000, matrix.tolist())
        found = read_history(tmp_path).nights[-1]
        assert (found.scored, found.correct) == (997, 970)
        assert found.scored_later == (shown == "scored later")


def test_a_night_that_comes_meanwhile_is_on_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A night that another run commits while the page is made is on the page that stays."""
    write_night(tmp_path, night(1))

    def with_another_night(*arguments: object) -> str:
        if not (tmp_path / "2024-11-02").exists():
            write_night(tmp_path, night(2))
        return history_page(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr("mnist_batch.nights.history.index.history_page", with_another_night)
    assert len(write_index(tmp_path).nights) == 2
    assert "2024-11-02" in _shown(tmp_path)


def test_runs_that_end_at_once_lose_no_night(tmp_path: Path) -> None:
    """Eight threads that add a night each, and make the page, leave one with all eight."""

    def add(day: int) -> None:
        hidden = write_night(tmp_path, night(day), f".{day}.night")
        hidden.rename(tmp_path / night(day).name)
        write_index(tmp_path)

    threads = [threading.Thread(target=add, args=(day,)) for day in range(1, 9)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(night(day).name in _shown(tmp_path) for day in range(1, 9))


def test_a_kill_in_the_middle_of_writing_leaves_the_old_page(tmp_path: Path) -> None:
    """Half a page is never to be seen, and the next run removes it."""
    write_night(tmp_path, night(1))
    write_index(tmp_path)
    old = _shown(tmp_path)
    write_night(tmp_path, night(2))
    process = os.fork()
    if process == 0:

        def write_half(path: Path, text: str, **_: object) -> int:
            path.write_bytes(text[: len(text) // 2].encode())
            os.kill(os.getpid(), signal.SIGKILL)
            return 0

        Path.write_text = write_half  # type: ignore[assignment,method-assign]
        write_index(tmp_path)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    assert os.WIFSIGNALED(status)
    assert _shown(tmp_path) == old
    write_index(tmp_path)
    assert "2024-11-02" in _shown(tmp_path)
    assert _names(tmp_path) == ["2024-11-01", "2024-11-02", INDEX]


@pytest.mark.parametrize("step", range(8))
def test_a_kill_leaves_the_old_page_or_the_new_one(tmp_path: Path, step: int) -> None:
    """A run that is killed before any of its steps on the file system leaves a whole page.

    The next one makes the new page, and leaves no other file.
    """
    write_night(tmp_path, night(1))
    write_index(tmp_path)
    old = _shown(tmp_path)
    write_night(tmp_path, night(2))
    process = os.fork()
    if process == 0:
        _kill_before(step)
        write_index(tmp_path)
        os._exit(0)
    _, status = os.waitpid(process, 0)
    left = _shown(tmp_path)
    assert left == old or "2024-11-02" in left
    if os.WIFEXITED(status):
        assert left != old
    write_index(tmp_path)
    assert "2024-11-02" in _shown(tmp_path)
    assert _names(tmp_path) == ["2024-11-01", "2024-11-02", INDEX]


def _kill_before(step: int) -> None:
    """Kill this process before a step on the file system."""
    steps = iter(range(step + 1))

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        writes = event == "open" and isinstance(arguments[1], str) and "w" in arguments[1]
        flags = arguments[2] if event == "open" and isinstance(arguments[2], int) else 0
        changes = event in ("os.rename", "os.chmod", "os.remove", "tempfile.mkstemp")
        if (writes or changes or flags & os.O_CREAT) and next(steps, step) == step:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
