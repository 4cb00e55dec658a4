"""Nights that are killed at any moment, and two at once: the folder is always readable."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

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
    for part in ("run.json", "summary.md", "junit.xml", "os.rename .second.night", INDEX):
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
