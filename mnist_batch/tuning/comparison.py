"""Judge a benchmark by one that was saved: faster, slower, or that nobody can tell.

Rounds in turns tell most. Where the saved model and setting can run again, by the same code, they
take turns with those of now. Else the saved rounds are all there is, and the machine may have been
in another state: a calibration ran beside each round, then and now.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from mnist_batch.options import Device
from mnist_batch.tuning.ratios import RatioInterval, Verdict, ratio_interval
from mnist_batch.tuning.saved_runs import SavedRun

SAME_BELOW = {True: 0.03, False: 0.05}
"""The share by which speeds have to differ to be worth a word: in turns, and over time."""

_CORRECTIONS = (1.0, 0.0, 1.5)
"""How much of the machine's state, as the calibration tells it, may be that of the work."""

_IN_A_ROW = 4
"""Rounds of a run that count as one: what slows one down lasts for several. So much is the variance
of a mean where neighbours correlate by 0.6: (1 + 0.6) / (1 - 0.6), G. E. P. Box, G. M. Jenkins,
"Time Series Analysis", 1970. Of 24 runs of the same code, on two cores shared with eight other
programs (2026-11-27), 3 % of all pairs got a verdict so, and 8 % where each round counted. The
degrees of freedom stay those of all rounds: with 15, a quarter of them would widen an interval by
a sixth to a half, and with the five of `make benchmark-compare` leave none."""

_WORTH_SAYING = 0.1
"""A `cannot tell` whose interval lies this close to 1 says that both are as fast."""


class Way(StrEnum):
    """How a run was held against a saved one."""

    IN_TURNS = "in turns"
    OVER_TIME = "over time"
    NOT_COMPARED = "not compared"


@dataclass(frozen=True)
class Comparison:
    """What a saved run says of the one of now.

    Attributes:
        against: name of the saved run.
        saved_utc: when it was saved, ISO 8601.
        way: how they were compared.
        changed: what is known to differ, a few words each.
        interval: how many times as fast now is as then; None where they were not compared.
        machine: how many times as fast the calibration is as then, over time.
        reason: why they were not compared, or not in turns.
    """

    against: str
    saved_utc: str
    way: Way
    changed: Sequence[str]
    interval: RatioInterval | None = None
    machine: float | None = None
    reason: str | None = None

    @property
    def verdict(self) -> Verdict:
        """What all of the interval agrees on."""
        if self.interval is None:
            return Verdict.CANNOT_TELL
        return self.interval.verdict(SAME_BELOW[self.way is Way.IN_TURNS])

    @property
    def same_within(self) -> float | None:
        """The share within which both are as fast, where no verdict is due to that."""
        if self.interval is None or self.verdict is not Verdict.CANNOT_TELL:
            return None
        share = max(self.interval.high, 1 / self.interval.low) - 1
        return share if share <= _WORTH_SAYING else None

    def record(self) -> dict[str, Any]:
        """Return it as a dictionary that JSON can hold."""
        return {
            "against": self.against,
            "saved_utc": self.saved_utc,
            "way": self.way,
            "reason": self.reason,
            "verdict": self.verdict,
            "ratio": self.interval and vars(self.interval),
            "same_within": self.same_within,
            "machine_ratio": self.machine,
            "changed": self.changed,
        }


class Calibrated(Protocol):
    """Rounds with a calibration beside each."""

    @property
    def seconds(self) -> Sequence[float]:
        """The times of the rounds."""

    @property
    def calibration_s(self) -> Sequence[float]:
        """Those of the calibrations."""


def over_time(
    saved: Calibrated, now: Calibrated, *, confidence: float = 0.95
) -> tuple[RatioInterval, float]:
    """Return how many times as fast now is as a saved run, and so the machine by its calibration.

    The ratio is corrected by the calibration. Nobody knows how much of what slowed the calibration
    down slowed the work down too: nothing, as much, or more. The interval holds those of all, each
    of a confidence.
    """
    intervals = [
        _widened(
            ratio_interval(*(_corrected(run, by) for run in (saved, now)), confidence=confidence)
        )
        for by in _CORRECTIONS
    ]
    low, high = min(one.low for one in intervals), max(one.high for one in intervals)
    machine = ratio_interval(saved.calibration_s, now.calibration_s).ratio
    return RatioInterval(intervals[0].ratio, low, high), machine


def _widened(found: RatioInterval) -> RatioInterval:
    """Return the interval of rounds of which several count as one."""
    low, high = (
        found.ratio * (end / found.ratio) ** _IN_A_ROW**0.5 for end in (found.low, found.high)
    )
    return RatioInterval(found.ratio, low, high)


def _corrected(run: Calibrated, by: float) -> list[float]:
    """Return the seconds of rounds, by a power of those of their calibrations."""
    return [
        one / calibration**by
        for one, calibration in zip(run.seconds, run.calibration_s, strict=True)
    ]


def obstacle(saved: SavedRun, now: SavedRun) -> str | None:
    """Return why saved rounds say nothing of those of now; None where they do."""
    if (saved.cpu, saved.cores) != (now.cpu, now.cores):
        return (
            f"saved on another machine ({saved.cpu or 'unknown'}, cores: {saved.cores}; here "
            f"{now.cpu or 'unknown'}, cores: {now.cores})"
        )
    if saved.images != now.images:
        return "saved with other images"
    if saved.calibration != now.calibration:
        return (
            f"saved with another calibration ({saved.calibration}; now {now.calibration}), which "
            "tells the machine's state"
        )
    if Device.GPU in (saved.setting.device, now.setting.device):
        return "the calibration does not tell the state of a GPU"
    return None


def same_code(saved: SavedRun, now: SavedRun) -> bool:
    """Tell whether the same code ran, as far as it ran in both."""
    return saved.code == now.code and not list(_other_versions(saved, now))


def changes(saved: SavedRun, now: SavedRun) -> list[str]:
    """Return what is known to differ, a few words each."""
    found = [f"{name} {before} -> {after}" for name, before, after in _other_versions(saved, now)]
    if saved.code != now.code and saved.versions.get("mnist_batch") == now.versions["mnist_batch"]:
        found.append("code of mnist_batch")
    if saved.setting.sha256 != now.setting.sha256:
        found.append("model")
    for name in ("scale", "predictor", "device", "batch_size", "workers"):
        before, after = getattr(saved.setting, name), getattr(now.setting, name)
        if before != after:
            found.append(f"{name.replace('_', ' ')} {before} -> {after}")
    return found


def _other_versions(saved: SavedRun, now: SavedRun) -> Iterator[tuple[str, str, str]]:
    for name in sorted(saved.versions.keys() & now.versions.keys()):
        if saved.versions[name] != now.versions[name]:
            yield name, saved.versions[name], now.versions[name]
