"""Inputs meant to do harm, through the command: a row each, and nothing else happens."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hostile_images import FOREIGN, SMALL, hostile, saved
from mnist_batch import kernels

PNG = saved(SMALL, "PNG")


def run(*arguments: str | Path, inside: Path) -> tuple[int, str, str, float]:
    """Run the command in a process of its own; return status, stdout, stderr and its peak in MB."""
    command = [sys.executable, "-m", "mnist_batch", *map(os.fspath, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with (inside / "stdout").open("w+b") as out, (inside / "stderr").open("w+b") as err:
        process = subprocess.Popen(command, stdout=out, stderr=err, cwd=inside, env=environment)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = [
            stream.seek(0) or stream.read().decode("utf-8", "replace") for stream in (out, err)
        ]
    return process.returncode, *map(str, texts), usage.ru_maxrss / 1024


def rows(path: Path) -> dict[str, dict[str, object]]:
    """Return the rows of a predictions file by their sources."""
    found = pq.read_table(path).to_pylist()
    by_source = {row["source"]: row for row in found}
    assert len(by_source) == len(found)
    return by_source


def test_hostile_images_are_rows_within_limits(tmp_path: Path, model: Path) -> None:
    """Bombs, giants and what is no image: each is its row, in order, in bounded memory.

    Two at a time take 600 MB each, beside the 200 MB of the command itself.
    """
    folder = tmp_path / "images"
    folder.mkdir()
    expected = {}
    for number, (name, content, error) in enumerate(hostile()):
        source = f"{number:02} {name}.png".replace("/", " ")
        (folder / source).write_bytes(content)
        expected[source] = error
    with (folder / "99 of 129 MB.png").open("wb") as file:
        file.write(PNG)
        file.truncate(129 * 2**20)
    expected["99 of 129 MB.png"] = "too large: "
    status, _, err, peak_mb = run(
        "predict", folder, "--out", "out.parquet", "--model", model, "--workers", "2",
        "--no-report", "--max-errors", "1000", inside=tmp_path,
    )  # fmt: skip
    assert (status, "Traceback" in err) == (0, False)
    found = rows(tmp_path / "out.parquet")
    assert list(found) == list(expected)
    for source, error in expected.items():
        text = found[source]["error"]
        assert text is None if not error else str(text).startswith(error), (source, text)
    assert peak_mb < 1400
