"""Tests of `mnist-batch history`."""

import json
from pathlib import Path

from tests.support.command import run
from tests.support.nights import night, write_night


def test_history_prints_the_nights_newest_first(tmp_path: Path) -> None:
    """A line a night; what is passed over is a note."""
    for day in (1, 2):
        write_night(tmp_path, night(day))
    (tmp_path / "other").mkdir()
    done = run("history", tmp_path)
    assert done.returncode == 0
    names = [line.split()[0] for line in done.stdout.splitlines() if line.startswith("2024")]
    assert names == ["2024-11-02", "2024-11-01"]
    assert f"page         {tmp_path / 'index.html'}" in done.stdout
    assert done.stderr.startswith("note: ")


def test_history_is_quiet_and_speaks_json(tmp_path: Path) -> None:
    """`-q` prints nothing, `--json` a record."""
    write_night(tmp_path, night(1))
    quiet = run("history", tmp_path, "-q")
    assert (quiet.returncode, quiet.stdout, quiet.stderr) == (0, "", "")
    assert json.loads(run("history", tmp_path, "--json").stdout)["nights"][0]["errors"] == 2


def test_a_folder_without_nights_ends_with_status_1(tmp_path: Path) -> None:
    """In one line."""
    done = run("history", tmp_path)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {tmp_path}: holds no night")
    assert done.stderr.count("\n") == 1
