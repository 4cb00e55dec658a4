"""A benchmark's measurement, with all that has to stand beside its times."""

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn, TypeVar

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.processes import own_cpu_s, own_peak, reset_peak
from benchmarks.results import Row
from mnist_batch.inference.workers import available_workers
from mnist_batch.tuning.calibration import calibrate

ResultT = TypeVar("ResultT")

FEW_ROUNDS = 3
"""Rounds of what takes several seconds."""


@dataclass
class NotRun:
    """What the machine or the environment lacks: those rows, each with the reason."""

    records: list[dict[str, Any]] = field(default_factory=list)

    def skip(self, row: Row, reason: str) -> NoReturn:
        """Keep a row as not run, and skip the benchmark."""
        record = {"row": asdict(row), "reason": reason}
        if record not in self.records:
            self.records.append(record)
        pytest.skip(f"not run: {row.name}: {reason}")


class _Beside:
    """What is read before and after each round, outside its time."""

    def __init__(self, cpu: Callable[[], float | None]) -> None:
        self._cpu = cpu
        self.cpu_s: list[float | None] = []
        self.calibration_s: list[float] = []

    def before(self) -> None:
        self._machine_s = _calibration_s()
        self._used_s = self._cpu()

    def after(self) -> None:
        used, before = self._cpu(), self._used_s
        self.cpu_s.append(None if used is None or before is None else used - before)
        self.calibration_s.append(math.sqrt(self._machine_s * _calibration_s()))


def _calibration_s() -> float:
    """Return how long a fixed piece of work takes just now, on all cores."""
    began = time.perf_counter()
    calibrate(available_workers())
    return time.perf_counter() - began


@dataclass(frozen=True)
class Measure:
    """Times work by pytest-benchmark.

    Attributes:
        rounds: how often by default.
        facts: what stands beside every result: data and model.
    """

    rounds: int
    facts: Mapping[str, str]
    _benchmark: BenchmarkFixture

    def __call__(
        self,
        work: Callable[[], ResultT],
        row: Row,
        *,
        rounds: int | None = None,
        warmup_rounds: int = 1,
        peak: Callable[[], int | None] = own_peak,
        cpu: Callable[[], float | None] = own_cpu_s,
    ) -> ResultT:
        """Time rounds of work, and return what the last one gave.

        Args:
            work: a round.
            row: what it is.
            rounds: how many; None for as many as by default.
            warmup_rounds: rounds before, which are not timed.
            peak: tells the peak memory afterwards; by default that of this process.
            cpu: tells the CPU time used so far by all that works, in seconds.
        """
        reset_peak()
        count, beside = rounds or self.rounds, _Beside(cpu)
        result: ResultT = self._benchmark.pedantic(  # type: ignore[no-untyped-call] # no types
            work,
            setup=beside.before,
            teardown=beside.after,
            rounds=count,
            warmup_rounds=warmup_rounds,
            iterations=1,
        )
        self._benchmark.extra_info.update(
            asdict(row),
            peak_memory_bytes=peak(),
            cpu_s=beside.cpu_s[-count:],
            calibration_s=beside.calibration_s[-count:],
            **self.facts,
        )
        return result

    def note_versions(self, versions: Mapping[str, str]) -> None:
        """Put versions of packages beside the result, where they are not this process'."""
        self._benchmark.extra_info["versions"] = dict(versions)

    def turn(
        self,
        number: int,
        work: Callable[[], ResultT],
        row: Row,
        *,
        peak: Callable[[], int | None] = own_peak,
        cpu: Callable[[], float | None] = own_cpu_s,
    ) -> ResultT:
        """Time the one round of a turn, of ways that take turns; before the first, a warm-up."""
        return self(work, row, rounds=1, warmup_rounds=int(number == 0), peak=peak, cpu=cpu)
