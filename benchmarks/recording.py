"""A benchmark's measurement, with all that has to stand beside its times."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, NoReturn, TypeVar

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.memory import own_peak, reset_peak
from benchmarks.results import Row

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
    ) -> ResultT:
        """Time rounds of work, and return what the last one gave.

        Args:
            work: a round.
            row: what it is.
            rounds: how many; None for as many as by default.
            warmup_rounds: rounds before, which are not timed.
            peak: tells the peak memory afterwards; by default that of this process.
        """
        reset_peak()
        result: ResultT = self._benchmark.pedantic(  # type: ignore[no-untyped-call] # no types
            work, rounds=rounds or self.rounds, warmup_rounds=warmup_rounds, iterations=1
        )
        stats = self._benchmark.stats
        assert stats is not None
        speed = round(row.rows / stats.stats.median) if row.rows else None
        self._benchmark.extra_info.update(
            asdict(row), images_per_s=speed, peak_memory_bytes=peak(), **self.facts
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
    ) -> ResultT:
        """Time the one round of a turn, of ways that take turns; before the first, a warm-up."""
        return self(work, row, rounds=1, warmup_rounds=int(number == 0), peak=peak)
