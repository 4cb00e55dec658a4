"""Whole commands, from the images on disk to the predictions on disk.

As a job in a warm process, and as a process from the interpreter's start to its end.
"""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.data import FORMS, Digits
from benchmarks.recording import FEW_ROUNDS, Measure
from benchmarks.results import Row
from mnist_batch.commands import predict
from mnist_batch.inference.workers import available_workers
from mnist_batch.options import BATCH_ROWS

# Not the mixed formats ten times: all but PNG is decoded by Pillow, an image at a time, whatever
# their number.
INPUTS = [(form, False) for form in FORMS] + [(form, True) for form in FORMS if form != "mixed"]


@pytest.mark.parametrize(("form", "large"), INPUTS)
def test_a_job_agrees_with_the_reference(
    measure: Measure, digits: Digits, tmp_path: Path, form: str, large: bool
) -> None:
    """In a warm process: predictions and report are written."""
    source = digits.source(form, large=large)
    out = tmp_path / "out.parquet"
    row = Row(
        "Whole command in a warm process, with its report",
        f"{FORMS[form]}, {source.rows:,}",
        source.rows,
        batch_size=BATCH_ROWS,
        threads=available_workers(),
        timed="after imports and one round: from the images to predictions and report on disk",
    )
    rounds = FEW_ROUNDS if large or form == "mixed" else None
    measure(lambda: predict.predict(source.path, out, overwrite=True), row, rounds=rounds)
    source.check(pq.read_table(out))
    assert (tmp_path / "out.report" / "metrics.json").exists()


@pytest.mark.parametrize("large", [False, True])
@pytest.mark.parametrize("form", ["parquet-100", "packed"])
def test_a_process_agrees_with_the_reference(
    measure: Measure, digits: Digits, tmp_path: Path, form: str, large: bool
) -> None:
    """From the start of the interpreter: predictions and report are written."""
    source = digits.source(form, large=large)
    out = tmp_path / "out.parquet"
    command = [sys.executable, "-m", "mnist_batch", "predict", str(source.path), "--overwrite"]
    row = Row(
        "Whole command as a process",
        f"{FORMS[form]}, {source.rows:,}",
        source.rows,
        batch_size=BATCH_ROWS,
        threads=available_workers(),
        timed="from the interpreter's start to its end: predictions and report are on disk",
    )

    def run() -> None:
        subprocess.run([*command, "--out", str(out)], check=True, stdout=subprocess.DEVNULL)

    # Its peak memory is measured in test_memory.py, from inside.
    measure(run, row, rounds=FEW_ROUNDS if large else None, peak=lambda: None)
    source.check(pq.read_table(out))
