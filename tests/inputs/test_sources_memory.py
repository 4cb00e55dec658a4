"""A million files take under 500 MB, whether they are listed or lie in a folder."""

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.inputs.sources import open_inputs
from tests.support.command import COMMAND
from tests.support.peak_memory import on_linux, peak_bytes

MIB = 2**20


def _peak_bytes(folder: Path, paths: int) -> int:
    """Return the peak memory of the command when it predicts so many paths from its input."""
    listed = folder / f"{paths}.txt"
    # Of 70 characters; that the files are missing costs the least time.
    listed.write_text("".join(f"{'a-folder/' * 6}{n % 10}/{n:010}.png\n" for n in range(paths)))
    options = ["--no-report", "--quiet", "--workers", "1", "--max-errors", "100%"]
    command = [*COMMAND, "predict", "-", "--out", folder / f"{paths}.csv", *options]
    return peak_bytes(command, stdin=listed)


@on_linux
def test_a_million_paths_on_standard_input_take_under_500_mb(tmp_path: Path) -> None:
    """By what 150,000 more take: a fifth of what objects for each took."""
    few, many = (_peak_bytes(tmp_path, paths) for paths in (50_000, 200_000))
    of_one = (many - few) / 150_000
    assert few + of_one * 950_000 < 500 * MIB


def test_a_listing_keeps_some_names_of_each_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At its peak too: neither a folder's entries, nor a path and a source as objects."""
    count = 20_000
    (tmp_path / "in").mkdir()
    for number in np.random.default_rng(0).permutation(count).tolist():
        (tmp_path / "in" / f"{number:020}.png").touch()
    monkeypatch.chdir(tmp_path)
    for item in ("in", "in/*.png"):
        open_inputs([item])  # what is kept once
        tracemalloc.start()
        opened = open_inputs([item])
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert opened.rows == count
        assert peak < count * 320  # 73 of them for a name
