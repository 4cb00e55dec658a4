"""What a run of the benchmarks measured, read from pytest-benchmark's JSON.

Ways that are compared take turns, so that what else the machine does hits all of them: a round of
each, then the next round. pytest-benchmark then has one record a round, which are one `Result`.
"""

import json
import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from pytest_benchmark.stats import Stats

from mnist_batch.tuning.ratios import RatioInterval, ratio_interval, student_quantile

NETWORK = "Network on resident pixels"
"""The group of the sweep over batch sizes."""

_OF_MACHINE = ("system", "cores", "memory_bytes", "keras_backend", "load", "versions")


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
        timed: what the clock covers: in what process, from what to what. Rows that differ in their
            wording alone are equal.
    """

    group: str
    name: str
    rows: int | None
    batch_size: int | None = None
    threads: int | None = None
    ratio_of: str | None = None
    ratio_to: str | None = None
    timed: str = field(default="", compare=False)


@dataclass(frozen=True)
class Result:
    """A row with what was measured.

    Attributes:
        row: what was measured.
        seconds: of each round; empty where it was not run.
        peak_memory_bytes: None where the system does not tell.
        reason: why it was not run.
        cpu_s: CPU time of each round, of all processes that worked; None where it is not known.
        calibration_s: what a fixed piece of work took beside each round.
    """

    row: Row
    seconds: Sequence[float]
    peak_memory_bytes: int | None = None
    reason: str | None = None
    cpu_s: Sequence[float | None] = ()
    calibration_s: Sequence[float] = ()

    @property
    def mean_s(self) -> float:
        """The geometric mean over the rounds, in seconds: of these, ratios are quotients."""
        return statistics.geometric_mean(self.seconds)

    @property
    def iqr_s(self) -> float:
        """The interquartile range over the rounds, in seconds; 0 of one round."""
        stats = Stats()  # type: ignore[no-untyped-call] # pytest-benchmark has no types
        for value in self.seconds:
            stats.update(value)  # type: ignore[no-untyped-call]
        return float(stats.iqr)

    @property
    def images_per_s(self) -> float | None:
        """Images of a round by its mean time; None where it is not about images."""
        if self.row.rows is None or not self.seconds:
            return None
        return self.row.rows / self.mean_s

    @property
    def interval_s(self) -> tuple[float, float]:
        """Student's 95 % interval of the geometric mean of the rounds' times, in seconds.

        Of one round it is a point: nothing is known of the spread.
        """
        if len(self.seconds) < 2:
            return self.mean_s, self.mean_s
        logs = [math.log(value) for value in self.seconds]
        error = statistics.stdev(logs) / math.sqrt(len(logs))
        reach = student_quantile(0.95, len(logs) - 1) * error
        centre = statistics.fmean(logs)
        return math.exp(centre - reach), math.exp(centre + reach)

    @property
    def median_cpu_s(self) -> float | None:
        """The median CPU time of a round, in seconds; None where that of a round is not known."""
        known = [value for value in self.cpu_s if value is not None]
        return statistics.median(known) if known and len(known) == len(self.seconds) else None

    @property
    def seconds_an_image(self) -> Sequence[float]:
        """Each round's time by its images: two rows may be of different numbers of images."""
        return [value / (self.row.rows or 1) for value in self.seconds]


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

    def ratio(self, result: Result) -> RatioInterval | None:
        """Return the ratio of speeds that a row asks for, with its 95 % interval.

        None where either of the two was not run twice. Rows of a ratio take turns.
        """
        name = result.row.ratio_of or result.row.ratio_to
        if name is None or name == result.row.name:
            return None
        for other in self.groups()[result.row.group]:
            if other.row.name == name and min(len(other.seconds), len(result.seconds)) > 1:
                of, to = (other, result) if result.row.ratio_of else (result, other)
                return ratio_interval(to.seconds_an_image, of.seconds_an_image, in_turns=True)
        return None

    def record(self) -> dict[str, Any]:
        """Return what is kept of it in the repository, as `read_run` reads it."""
        processor = self.machine["cpu"].get("brand_raw", "unknown processor")
        run = [result for result in self.results if result.reason is None]
        left_out = [result for result in self.results if result.reason is not None]
        return {
            "datetime": self.time,
            "quick": self.quick,
            "commit_info": {key: self.commit[key] for key in ("id", "dirty")},
            "machine_info": {
                **{key: self.machine[key] for key in _OF_MACHINE if key in self.machine},
                "cpu": {"brand_raw": processor},
            },
            "data": self.data,
            "benchmarks": [
                {
                    "extra_info": {
                        **asdict(result.row),
                        "peak_memory_bytes": result.peak_memory_bytes,
                        "cpu_s": [_rounded(value) for value in result.cpu_s],
                        "calibration_s": [_rounded(value) for value in result.calibration_s],
                        **self._versions(result.row),
                    },
                    "stats": {"data": [_rounded(value) for value in result.seconds]},
                }
                for result in run
            ],
            "not_run": [{"row": asdict(one.row), "reason": one.reason} for one in left_out],
        }

    def _versions(self, row: Row) -> dict[str, Any]:
        return {"versions": self.versions[row.name]} if row.name in self.versions else {}


def read_run(path: Path) -> Run:
    """Read a run.

    Raises:
        ValueError: the file is not one of these benchmarks.
    """
    try:
        return _run(json.loads(path.read_text()))
    except (KeyError, TypeError, ValueError) as error:
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
        merged[row] = Result(
            row,
            [*before.seconds, *benchmark["stats"]["data"]],
            max(known, default=None),
            cpu_s=[*before.cpu_s, *extra["cpu_s"]],
            calibration_s=[*before.calibration_s, *extra["calibration_s"]],
        )
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


def _rounded(value: float | None) -> float | None:
    """Return a time to the digits that can count."""
    return None if value is None else float(f"{value:.5g}")
