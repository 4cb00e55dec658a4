"""What a run of the benchmarks measured, read from pytest-benchmark's JSON.

Ways that are compared take turns, so that what else the machine does hits all of them: a round of
each, then the next round. pytest-benchmark then has one record a round, which are one `Result`.
"""

import json
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from pytest_benchmark.stats import Stats

NETWORK = "Network on resident pixels"
"""The group of the sweep over batch sizes."""


@dataclass(frozen=True)
class Row:
    """What is measured: a row of the table, which no other row equals.

    Attributes:
        group: the part of the table that it stands in.
        name: what it is within the group.
        rows: images of a round; None where it is not about images.
        batch_size: images at once; None where that is not chosen by the benchmark.
        threads: how many work; None where a peer chooses them itself.
        ratio_of: the row of its group whose speed is divided by this one's.
        ratio_to: the row of its group by whose speed this one's is divided.
    """

    group: str
    name: str
    rows: int | None
    batch_size: int | None = None
    threads: int | None = None
    ratio_of: str | None = None
    ratio_to: str | None = None


@dataclass(frozen=True)
class Result:
    """A row with what was measured.

    Attributes:
        row: what was measured.
        seconds: of each round; empty where it was not run.
        peak_memory_bytes: None where the system does not tell.
        reason: why it was not run.
    """

    row: Row
    seconds: Sequence[float]
    peak_memory_bytes: int | None = None
    reason: str | None = None

    @property
    def median_s(self) -> float:
        """The median over the rounds, in seconds."""
        return statistics.median(self.seconds)

    @property
    def iqr_s(self) -> float:
        """The interquartile range over the rounds, in seconds; 0 of one round."""
        stats = Stats()  # type: ignore[no-untyped-call] # pytest-benchmark has no types
        for value in self.seconds:
            stats.update(value)  # type: ignore[no-untyped-call]
        return float(stats.iqr)

    @property
    def images_per_s(self) -> float | None:
        """Images of a round by its median time; None where it is not about images."""
        if self.row.rows is None or not self.seconds:
            return None
        return self.row.rows / self.median_s


@dataclass(frozen=True)
class Run:
    """All results of a run, in the order of the benchmarks.

    Attributes:
        results: those that were not run among them, at the end of their group.
        machine: what it ran on, as `benchmarks.machine` tells.
        commit: of the checkout: `id` and `dirty`.
        data: `name`, `sha256`, `model` and `model_sha256` of what was predicted.
        time: when, ISO 8601 in UTC.
        quick: with fewer images and rounds.
        versions: of the packages of the ways that are compared, by way.
    """

    results: Sequence[Result]
    machine: Mapping[str, Any]
    commit: Mapping[str, Any]
    data: Mapping[str, str]
    time: str
    quick: bool
    versions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    def groups(self) -> Mapping[str, Sequence[Result]]:
        """Return the results by group."""
        grouped: dict[str, list[Result]] = {}
        for result in self.results:
            grouped.setdefault(result.row.group, []).append(result)
        return grouped

    def ratio(self, result: Result) -> float | None:
        """Return the ratio that a row asks for; None where either of the two was not run."""
        name = result.row.ratio_of or result.row.ratio_to
        if name is None or name == result.row.name:
            return None
        for other in self.groups()[result.row.group]:
            if other.row.name == name and other.seconds and result.seconds:
                # Per image: two rows of a group may be of different numbers of images.
                mine = result.median_s / (result.row.rows or 1)
                its = other.median_s / (other.row.rows or 1)
                return mine / its if result.row.ratio_of else its / mine
        return None


def read_run(path: Path) -> Run:
    """Read a run.

    Raises:
        ValueError: the file is not one of these benchmarks.
    """
    record = json.loads(path.read_text())
    try:
        return _run(record)
    except (KeyError, TypeError) as error:
        raise ValueError(f"{path}: not a run of these benchmarks: {error!r}") from error


def _run(record: Mapping[str, Any]) -> Run:
    merged: dict[Row, Result] = {}
    versions: dict[str, Mapping[str, str]] = {}
    for benchmark in record["benchmarks"]:
        extra = benchmark["extra_info"]
        row = Row(**{part.name: extra[part.name] for part in fields(Row)})
        before = merged.get(row, Result(row, ()))
        peaks = [before.peak_memory_bytes, extra["peak_memory_bytes"]]
        known = [peak for peak in peaks if peak is not None]
        seconds = [*before.seconds, *benchmark["stats"]["data"]]
        merged[row] = Result(row, seconds, max(known, default=None))
        if "versions" in extra:
            versions[row.name] = extra["versions"]
    for missing in record["not_run"]:
        row = Row(**missing["row"])
        merged[row] = Result(row, (), reason=missing["reason"])
    return Run(
        results=list(merged.values()),
        machine=record["machine_info"],
        commit=record["commit_info"],
        data=record["data"],
        time=record["datetime"],
        quick=record["quick"],
        versions=versions,
    )
