"""What very many parts cost the process that publishes them: `python -m benchmarks.scale`.

The parts are predicted by nobody: one is, of drawn digits, and its file and its findings stand for
all others. So what is measured is the list of the parts, the manifest, the taking of each part,
what is merged of its findings, and the folder that they become: CPU time and memory. The files of
the parts are names of one file, so what a disk takes to keep them is not in it.
"""

import argparse
import json
import os
import pickle
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.commands.predict import predict_run
from mnist_batch.commands.runs.outputs import RunOutputs
from mnist_batch.commands.runs.run import Run
from mnist_batch.engines.part_job import PartDone, PartJob, predict_part
from mnist_batch.inputs.shards import SHARD_BYTES, Piece, Shard
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.options import OutputFormat, OutputOptions, PredictOptions
from mnist_batch.outputs.parts.part_file import PART_NAME, PartIdentity
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.schema import ImageBatch, Images
from mnist_batch.synthetic.generator import draw_digits

_ROWS = 35_000
"""Rows of a part by default, as of MNIST's PNG images in Parquet."""

_DRAWN = 4096

_NAMES = 10_000
"""Parts that are names of the same file: ext4 has room for 65,000 names a file."""


@cache
def _digits() -> tuple[Images, npt.NDArray[np.int8]]:
    """Return drawn digits, of whose labels two in a hundred are wrong, as predictions would be."""
    images, labels = draw_digits(_DRAWN, seed=15)
    wrong = np.random.default_rng(15).random(_DRAWN) < 0.02
    return images, np.where(wrong, (labels + 1) % 10, labels).astype(np.int8)


@dataclass(frozen=True, slots=True)
class DrawnFile(Shard):
    """A file of drawn digits that is nowhere, or some of its rows."""

    number: int
    all_rows: int
    places: npt.NDArray[np.int64] | None = None
    encoded = False

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.all_rows if self.places is None else len(self.places)

    @property
    def source(self) -> str:
        """The name of the file."""
        return f"scans/{self.number // 1000:03}/digits-{self.number:06}.parquet"

    def read_from(self) -> Sequence[str | bytes]:
        """Return the name."""
        return [self.source]

    def pieces(self) -> Iterator[Piece]:
        """Yield it: a part of its own."""
        yield Piece(self, self.fingerprint(), SHARD_BYTES, 1.0)

    def take(self, places: npt.NDArray[np.int64]) -> "DrawnFile":
        """Return some rows."""
        return replace(self, places=places)

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows."""
        images, labels = _digits()
        rows = np.arange(self.all_rows) if self.places is None else self.places
        for start in range(0, len(rows), batch_size):
            some = rows[start : start + batch_size]
            yield ImageBatch(
                source=pa.repeat(self.source, len(some)),
                row=pa.array(some),
                label=pa.array(labels[some % _DRAWN]),
                images=images[some % _DRAWN],
                error=pa.nulls(len(some), pa.string()),
            )


class OneForAll:
    """Predicts the first part, and tells its result as that of each.

    Attributes:
        cpu_s: CPU seconds that it took itself, which are not the publisher's.
        message_bytes: what a part sends.
        notes: none.
    """

    def __init__(self) -> None:
        self.cpu_s = 0.0
        self.message_bytes = 0
        self.notes: list[str] = []
        self.kernels: dict[str, str] = {}

    def run(self, job: PartJob, parts: Iterable[Part]) -> Generator[PartDone, None, None]:
        """Yield the parts in order."""
        started = time.process_time()
        findings, first = b"", None
        for part in parts:
            if first is None:
                first = predict_part(job, part)
                findings = pickle.dumps(first)
                self.message_bytes = len(findings)
                template = Path(job.staging) / first.name
                match = PART_NAME.fullmatch(first.name)
                assert match
                checksum = int(match["checksum"], 16)
            name = PartIdentity(job.run, part.number, part.rows, job.kind).file_name(checksum)
            if part.number and part.number % _NAMES == 0:
                template = Path(shutil.copyfile(template, template.with_name(name)))
            elif part.number:
                os.link(template, template.with_name(name))
            self.cpu_s += time.process_time() - started
            done = pickle.loads(findings)  # as the publisher does
            done.findings.evaluator._start = part.start
            yield replace(done, number=part.number, name=name)
            started = time.process_time()


def _inputs(parts: int, rows: int) -> OpenInputs:
    shards = [DrawnFile(number, rows) for number in range(parts)]
    return OpenInputs(shards, [], rows * parts, Counter())


def measure(parts: int, rows: int, *, report: bool) -> dict[str, float]:
    """Return what a run of parts of so many rows costs, in this process."""
    _digits()
    base_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    with tempfile.TemporaryDirectory() as folder:
        out, engine = Path(folder) / "predictions", OneForAll()
        started, cpu = time.perf_counter(), time.process_time()
        output = OutputOptions(report, format=OutputFormat.DATASET)
        options = PredictOptions(output=output)
        run = Run(_inputs(parts, rows), None, options)
        planned = time.process_time()
        with RunOutputs(out, [], options, None) as outputs:
            summary = predict_run(run, outputs, "", None, engine)
        elapsed, cpu_s = time.perf_counter() - started, time.process_time() - cpu - engine.cpu_s
    assert summary.metrics.rows == rows * parts
    return {
        "parts": parts,
        "report": report,
        "cpu_ms_a_part": 1000 * cpu_s / parts,
        "listing_cpu_s": planned - cpu,
        "elapsed_s": elapsed,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "base_mb": base_mb,
        "message_bytes": engine.message_bytes,
    }


def main() -> None:
    """Print a line for a run without a report, and one with it, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--parts", type=int, default=100_000)
    parser.add_argument("--rows", type=int, default=_ROWS, help="of a part (default: 35,000)")
    parser.add_argument("--only", choices=["report", "no report"], help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.only:
        print(json.dumps(measure(chosen.parts, chosen.rows, report=chosen.only == "report")))
        return
    for kind in ("no report", "report"):
        command = [sys.executable, "-m", "benchmarks.scale", "--only", kind]
        size = ["--parts", str(chosen.parts), "--rows", str(chosen.rows)]
        done = subprocess.run([*command, *size], check=True, stdout=subprocess.PIPE)
        found = json.loads(done.stdout)
        print(
            f"{found['parts']:,} parts of {chosen.rows:,} rows, {kind}: "
            f"{found['cpu_ms_a_part']:.2f} ms of CPU a part, {found['peak_mb']:.0f} MB at most "
            f"({found['base_mb']:.0f} before the run); a part sends "
            f"{found['message_bytes'] / 1000:.0f} kB; listing took "
            f"{found['listing_cpu_s']:.1f} s of CPU, all {found['elapsed_s']:.0f} s"
        )


if __name__ == "__main__":
    main()
