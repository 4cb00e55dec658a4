"""Nights that are killed at any moment, and two at once: the folder is always readable."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import mnist_batch
from mnist_batch.nights.new_night import hidden
from mnist_batch.nights.night_folder import INDEX, read_nights
from tests.support.command import COMMAND

PROGRAM = Path(__file__).parent.parent / "support" / "killed_nights.py"


@pytest.fixture(scope="module")
def killed(
    tmp_path_factory: pytest.TempPathFactory, digits_folder: Path
) -> list[dict[str, object]]:
    """What was seen after each kill, and after the next night."""
    runs = tmp_path_factory.mktemp("killed") / "runs"
    ended = subprocess.run(
        [sys.executable, PROGRAM, json.dumps({"images": str(digits_folder), "runs": str(runs)})],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": str(PROGRAM.parent.parent.parent)},
    )
    assert ended.returncode == 0, ended.stderr
    return [json.loads(line) for line in ended.stdout.splitlines()]


def test_a_night_that_is_killed_is_whole_or_absent(killed: list[dict[str, object]]) -> None:
    """At each step, up to the page of all nights; and all steps were tried."""
    assert all(found["killed"] for found in killed)
    steps = [str(found["step"]) for found in killed]
    for part in ("run.json", "summary.md", "junit.xml", "os.rename .mnist-batch/second", INDEX):
        assert any(part in step for step in steps), part
    seen = [found["left"] for found in killed]
    for left in seen:
        assert isinstance(left, dict)
        assert left["nights"] in (["first"], ["first", "second"])
        assert all(left["whole"])
        assert left["notes"] == []
    assert {len(left["nights"]) for left in seen if isinstance(left, dict)} == {1, 2}


def test_the_page_is_the_old_or_the_new_one(killed: list[dict[str, object]]) -> None:
    """Never half of one."""
    pages = [found["left"] for found in killed]
    for left in pages:
        assert isinstance(left, dict)
        assert left["page"]
        assert left["on_page"] in (["first"], ["first", "second"])


def test_the_next_night_mends_the_folder(killed: list[dict[str, object]]) -> None:
    """It is whole, the page has all nights, and nothing hidden is left."""
    for found in killed:
        left, after = found["left"], found["after"]
        assert isinstance(left, dict)
        assert isinstance(after, dict)
        assert found["status"] == 0
        assert after["nights"] == after["on_page"] == [*left["nights"], "third"]
        assert all(after["whole"])
        assert after["page"]
        assert after["hidden"] == []


def test_nights_at_once_all_come_to_be(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """Each under a name of its own, and the page shows all of them."""
    runs = tmp_path / "nights"
    arguments = ["nightly", digits_folder, "--runs", runs, "--model", model, "--against", "best"]
    processes = [
        subprocess.Popen([*COMMAND, *map(str, arguments)], stdout=subprocess.DEVNULL)
        for _ in range(3)
    ]
    statuses = [process.wait() for process in processes]
    assert {*statuses} <= {0, 5}  # a model with random weights may look suspicious
    nights, notes = read_nights(runs)
    assert len(nights) == 3
    assert notes == []
    page = (runs / INDEX).read_text()
    assert all(f">{night.name}<" in page for night in nights)
    assert not [path for path in runs.iterdir() if path.name.startswith(".")]


@contextmanager
def _waiting_night(runs: Path, name: str) -> Iterator[subprocess.Popen[str]]:
    """Start a night that waits in its middle: for the list of its images, on standard input."""
    process = subprocess.Popen(
        [*COMMAND, "nightly", "-", "--runs", str(runs), "--name", name],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while not hidden(runs, name).is_dir():
            assert process.poll() is None, process.stderr and process.stderr.read()
            time.sleep(0.01)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_night_that_is_stopped_leaves_nothing(tmp_path: Path, number: int, status: int) -> None:
    """By Ctrl-C, or by the system that goes down."""
    with _waiting_night(tmp_path, "stopped") as process:
        process.send_signal(number)
        assert process.wait() in (status, -number)
    assert list(tmp_path.iterdir()) == []


def test_a_night_goes_on_while_others_come_and_go(tmp_path: Path, digits_folder: Path) -> None:
    """Only of the one that is killed the folder is removed, by the next night."""
    with _waiting_night(tmp_path, "waiting") as waiting:
        with _waiting_night(tmp_path, "killed") as killed:
            killed.kill()
            killed.wait()
        assert hidden(tmp_path, "killed").is_dir()
        mnist_batch.nightly(digits_folder, tmp_path, name="done")
        assert hidden(tmp_path, "waiting").is_dir()
        assert not hidden(tmp_path, "killed").exists()
        picture = next(digits_folder.rglob("*.png"))
        _, told = waiting.communicate(f"{picture}\n")
        assert waiting.returncode == 0, told
    assert [night.name for night in read_nights(tmp_path).nights] == ["waiting", "done"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
