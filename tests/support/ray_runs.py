"""What tests of runs on a Ray cluster share."""

import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq


def rows(predictions: Path | pa.Table) -> list[dict[str, object]]:
    """Return the rows of predictions."""
    table = predictions if isinstance(predictions, pa.Table) else pq.read_table(predictions)
    found: list[dict[str, object]] = table.to_pylist()
    return found


def over(image: Path, flag: Path) -> str:
    """Return the condition that a worker is the first to decode an image."""
    return f"content == {image.read_bytes()!r} and once({str(flag)!r})"


def held_up(digits: Path) -> str:
    """Return what workers do so that a run ends only by force: its last part takes an hour."""
    last = max(digits.rglob("*.png"))
    return f"content == {last.read_bytes()!r} and time.sleep(3600)"


def wait_for(is_there: Callable[[], bool]) -> None:
    """Return once something is so."""
    until = time.monotonic() + 300
    while not is_there():
        assert time.monotonic() < until
        time.sleep(0.02)


def retried(done: subprocess.CompletedProcess[str]) -> str:
    """Return the note on tasks that were tried again, of a run that says nothing else."""
    assert done.returncode == 0, done.stderr
    (note,) = json.loads(done.stdout)["notes"]
    assert done.stderr == f"note: {note}\n"
    return str(note).removeprefix("tasks that were tried again: ")
