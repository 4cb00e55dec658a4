"""Peak memory of the whole command, at a number of images and at ten times as many.

The speeds beside it are of a single cold round that was watched: test_commands.py has better ones.
"""

import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.data import FORMS, Digits
from benchmarks.processes import peak_while_running
from benchmarks.recording import Measure
from benchmarks.results import Row
from mnist_batch.inference.workers import available_workers
from mnist_batch.options import BATCH_ROWS


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("form", ["parquet-100", "packed", "folder"])
def test_the_peak_of_a_process_that_predicts_right(
    measure: Measure, digits: Digits, tmp_path: Path, form: str, large: bool
) -> None:
    """The command with its report, from the interpreter's start."""
    source = digits.source(form, large=large)
    out = tmp_path / "out.parquet"
    command = [sys.executable, "-m", "mnist_batch", "predict", str(source.path)]
    peaks: list[int | None] = []

    def run() -> None:
        peaks.append(peak_while_running([*command, "--out", str(out), "--quiet"]))

    row = Row(
        "Memory of the whole command: all its processes together",
        f"{FORMS[form]}, {source.rows:,}",
        source.rows,
        batch_size=BATCH_ROWS,
        threads=available_workers(),
        timed="once, from the interpreter's start to its end, while its memory is watched",
    )
    measure(run, row, rounds=1, warmup_rounds=0, peak=lambda: peaks[0])
    source.check(pq.read_table(out))
