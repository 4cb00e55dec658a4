"""Cold start: whole processes that have next to nothing to do. Their results are in seconds."""

import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.data import Digits
from benchmarks.recording import Measure
from benchmarks.results import Row

GROUP = "Start: the whole process"
TIMED = "from the interpreter's start to its end; the images are PNG files"
IMAGES = 10


def _run(*arguments: str | Path) -> str:
    command = [sys.executable, "-m", "mnist_batch", *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


@pytest.mark.parametrize("report", ["with its report", "--no-report"])
def test_ten_images_agree_with_the_reference(
    measure: Measure, digits: Digits, tmp_path: Path, report: str
) -> None:
    """The first ten, as PNG files in class folders."""
    source = digits.first(IMAGES, "folder")
    out = tmp_path / "out.parquet"
    options = [report] if report.startswith("--") else []
    row = Row(GROUP, f"{IMAGES} images, {report}", None, timed=TIMED)
    measure(
        lambda: _run("predict", source.path, "--out", out, "--overwrite", *options),
        row,
        peak=lambda: None,
    )
    source.check(pq.read_table(out))


def test_the_help_names_the_commands(measure: Measure) -> None:
    """`mnist-batch --help`."""
    text = measure(
        lambda: _run("--help"), Row(GROUP, "--help", None, timed=TIMED), peak=lambda: None
    )
    assert all(command in text for command in ("predict", "evaluate", "train", "generate"))
