"""Memory of the whole command in the number of Parquet files."""

import os
from pathlib import Path

import pyarrow.parquet as pq

from tests.support.command import COMMAND
from tests.support.peak_memory import on_linux, peak_bytes

FEW, MANY = 3200, 9200
"""With fewer, what a run keeps of its first rows still grows: the 3,000 among which the images of a
report are chosen. The peak of one run may be 2 MB above that of another."""

BYTES_A_FILE = 2700
"""Of 400 MB for 100,000 files, what is left for each beside 130 MB for the command itself."""


@on_linux
def test_memory_hardly_grows_with_files(tmp_path: Path, digits_parquet: Path) -> None:
    """A hundred thousand files of a row each fit into 400 MB: less than 2,700 bytes for each."""
    pq.write_table(pq.read_table(digits_parquet).slice(0, 1), tmp_path / "one")
    for count in (FEW, MANY):
        folder = tmp_path / str(count)
        folder.mkdir()
        for number in range(count):
            os.link(tmp_path / "one", folder / f"{number:04}.parquet")
    grown = _peak_bytes(tmp_path / str(MANY)) - _peak_bytes(tmp_path / str(FEW))
    assert grown < BYTES_A_FILE * (MANY - FEW)


def _peak_bytes(folder: Path) -> int:
    """Predict a folder in batches that both folders fill, and return the peak of memory."""
    out = folder.with_suffix(".csv")
    options = ["--no-report", "--quiet", "--workers", "1", "--batch-size", "50"]
    peak = peak_bytes([*COMMAND, "predict", folder, "--out", out, *options])
    with out.open() as lines:
        assert sum(1 for _ in lines) == int(folder.name) + 1
    return peak
