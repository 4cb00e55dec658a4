"""Runs into a folder that are killed: it is old, missing or whole, and `--resume` completes it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_kill_before_any_step_loses_nothing(
    tmp_path: Path, digits_folder: Path, *, overwrite: bool
) -> None:
    """Each file or folder that is made, renamed or removed is such a step.

    An old folder is out of sight between the two renames that replace it.
    """
    out = tmp_path / "out" / "all"
    order = {"images": str(digits_folder), "out": str(out), "overwrite": overwrite}
    ended = subprocess.run(
        [sys.executable, "-m", "tests.support.killed_datasets", json.dumps(order)],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},  # in a fork they start anew
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    undisturbed, *runs = (json.loads(line) for line in ended.stdout.splitlines())
    old, whole = undisturbed["old"], undisturbed["whole"]
    assert len(whole) == 4
    for part in ("-000001-", "committed", "_manifest.json", "_SUCCESS", "os.link"):
        assert any(part in run["step"] for run in runs), part
    assert all(run["killed"] for run in runs)
    hidden = [run["step"] for run in runs if run["before"] is None]
    assert len(hidden) == 1 if overwrite else hidden
    for run in runs:
        assert run["before"] in (None, old, whole), run["step"]
        assert run["after"] == whole, run["step"]
        # A run of which all but its staging was through has nothing to resume.
        assert run["status"] == 0 or (run["before"] == whole and not overwrite), run["step"]
    kept = [run for run in runs if run["status"] == 0 and run["before"] is not None]
    assert all(run["left"] == ["all"] for run in kept)
