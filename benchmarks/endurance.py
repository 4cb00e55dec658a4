"""Millions of rows, one in a thousand damaged: is memory flat, and is every row accounted for?

    python -m benchmarks.endurance [ROWS]

A Parquet file of encoded digits is written to build/endurance (1.6 GB for 6,000,000 rows), then the
first tenth of it and the whole are predicted by the command, each in a process of its own. What is
printed is the peak memory of both; the end is an error where a row is missing, is there twice, or
has a reason that it should not have.
"""

import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from benchmarks.processes import peak_while_running
from mnist_batch.synthetic.generator import write_parquet

FOLDER = Path("build/endurance")
DRAWN = 20_000
"""Digits that differ; their order is another one in each round."""

EVERY = 1000
"""One row in so many is damaged, the second half of its bytes cut off."""

_GROUP_ROWS = 10_000
_MORE_MEMORY = 1.25
"""The whole may take so much more memory than a tenth of it: what is measured varies."""


def main() -> None:
    """Do what the module says."""
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 6_000_000
    FOLDER.mkdir(parents=True, exist_ok=True)
    peaks = {}
    for part in (rows // 10, rows):
        digits, predictions = (
            FOLDER / f"digits-{part}.parquet",
            FOLDER / f"predictions-{part}.parquet",
        )
        _write(digits, part)
        started = time.perf_counter()
        peaks[part] = peak_while_running(
            [
                sys.executable,
                "-m",
                "mnist_batch",
                "predict",
                str(digits),
                "--out",
                str(predictions),
                "--overwrite",
                "--no-report",
                "--max-errors",
                f"{100 / EVERY}%",
            ]
        )
        elapsed = time.perf_counter() - started
        _check(predictions, part)
        peak = peaks[part]
        memory = "unknown" if peak is None else f"{peak / 2**20:.0f} MB"
        print(f"{part:,} rows in {elapsed:.0f} s, peak memory {memory}, all accounted for")
        digits.unlink()
    least, most = peaks.values()
    if least and most and most > _MORE_MEMORY * least:
        sys.exit("memory grows with the input")


def _write(path: Path, rows: int) -> None:
    """Write digits in a random order, with their labels; one in so many is damaged."""
    write_parquet(FOLDER / "drawn.parquet", DRAWN, overwrite=True)
    drawn = pq.read_table(FOLDER / "drawn.parquet")
    encoded = [image["bytes"] for image in drawn["image"].to_pylist()]
    labels = drawn["label"].to_numpy().astype(np.int8)
    source = np.random.default_rng(0)
    schema = pa.schema([("image", pa.binary()), ("label", pa.int8())])
    with pq.ParquetWriter(path, schema, compression="none", use_dictionary=False) as writer:
        for first in range(0, rows, _GROUP_ROWS):
            chosen = source.integers(0, DRAWN, min(_GROUP_ROWS, rows - first))
            contents = [encoded[number] for number in chosen]
            for place in range(-first % EVERY, len(contents), EVERY):
                contents[place] = contents[place][: len(contents[place]) // 2]
            writer.write_table(pa.table([contents, labels[chosen]], schema=schema))


def _check(path: Path, rows: int) -> None:
    """Hold that each row is there once, in order, with a prediction or the right reason."""
    expected = 0
    for batch in pq.ParquetFile(path).iter_batches(columns=["row", "prediction", "error"]):
        numbers = np.arange(expected, expected + len(batch))
        damaged = numbers % EVERY == 0
        if not np.array_equal(batch.column("row").to_numpy(), numbers):
            sys.exit(f"rows {expected} and the following are not in order")
        unread = batch.column("prediction").is_null().to_numpy(zero_copy_only=False)
        reasons = pc.starts_with(batch.column("error"), "truncated").fill_null(False)
        told = reasons.to_numpy(zero_copy_only=False)
        if not np.array_equal(unread, damaged) or not np.array_equal(told, damaged):
            sys.exit(f"rows {expected} and the following: other rows lack a prediction than should")
        expected += len(batch)
    if expected != rows:
        sys.exit(f"{expected:,} of {rows:,} rows are there")


if __name__ == "__main__":
    main()
