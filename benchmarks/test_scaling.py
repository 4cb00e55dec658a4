"""One worker, two, four, ... up to the cores, taking turns."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

from benchmarks.data import FORMS, Digits
from benchmarks.recording import Measure
from benchmarks.results import Row
from mnist_batch.commands import predict
from mnist_batch.inference.workers import available_workers
from mnist_batch.options import BATCH_ROWS

CORES = available_workers()
WORKERS = sorted({2**power for power in range(CORES.bit_length())} | {CORES})


@pytest.mark.parametrize("form", ["parquet-100", "packed"])
@pytest.mark.parametrize("workers", WORKERS)
def test_the_number_of_workers_changes_no_prediction(
    measure: Measure,
    digits: Digits,
    quick: bool,
    tmp_path: Path,
    turn: int,
    form: str,
    workers: int,
) -> None:
    """A job without its report, which is drawn by one thread however many there are."""
    source = digits.source(form, large=not quick)
    out = tmp_path / "out.parquet"
    row = Row(
        f"Workers, {FORMS[form]}, {source.rows:,} images",
        "1 worker" if workers == 1 else f"{workers} workers",
        source.rows,
        batch_size=BATCH_ROWS,
        threads=workers,
        ratio_to="1 worker",
        timed="a warm process, in turns: from the file to predictions on disk, without a report",
    )
    measure.turn(
        turn,
        lambda: predict.predict(source.path, out, workers=workers, report=False, overwrite=True),
        row,
        peak=lambda: None,  # that of this process is also of the benchmarks before
    )
    source.check(pq.read_table(out))
