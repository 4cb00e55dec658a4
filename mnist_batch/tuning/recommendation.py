"""What was measured of a machine and a model, and what follows: a setting, and what binds."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any

import numpy as np

from mnist_batch.options import Device, PredictorChoice

NOISE = 0.03
"""Settings are as good as the best within this share of its speed, however quiet the machine."""


class Part(StrEnum):
    """What a measurement is of."""

    READ = "read"
    DECODE = "decode"
    NETWORK = "network"
    WHOLE = "whole"


@dataclass(frozen=True)
class Timing:
    """How long equal rounds took.

    Attributes:
        rows: images of a round.
        seconds: of each round, in the order in which they ran.
    """

    rows: int
    seconds: Sequence[float]

    @cached_property
    def median_s(self) -> float:
        """The median of the rounds."""
        return float(np.median(self.seconds))

    @cached_property
    def iqr_s(self) -> float:
        """The interquartile range: the middle half of the rounds lies within it."""
        low, high = np.percentile(self.seconds, [25, 75])
        return float(high - low)

    @property
    def images_per_s(self) -> float:
        """Images per second of the median round."""
        return self.rows / self.median_s

    @property
    def spread(self) -> float:
        """The interquartile range as a share of the median."""
        return self.iqr_s / self.median_s


@dataclass(frozen=True)
class Measurement:
    """One part of the work at one setting.

    Attributes:
        part: read: files to encoded images; decode: those to pixels; network: pixels in memory to
            predictions; whole: files to predictions.
        workers: threads.
        batch_size: rows of a batch.
        timing: how long it took.
        predictor: what ran the network; None where it was not run.
        device: where that was.
    """

    part: Part
    workers: int
    batch_size: int
    timing: Timing
    predictor: PredictorChoice | None = None
    device: Device | None = None

    @property
    def images_per_s(self) -> float:
        """Images per second of the median round."""
        return self.timing.images_per_s

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        return {
            "part": str(self.part),
            "predictor": self.predictor,
            "device": self.device,
            "batch_size": self.batch_size,
            "workers": self.workers,
            "images_per_s": round(self.images_per_s),
            "median_s": self.timing.median_s,
            "iqr_s": self.timing.iqr_s,
            "rounds": len(self.timing.seconds),
            "images_per_round": self.timing.rows,
        }


@dataclass(frozen=True)
class NotRun:
    """What was not measured, and why."""

    what: str
    reason: str


@dataclass(frozen=True)
class Binding:
    """The part that takes the longest where all of the machine works on it.

    Attributes:
        part: which one.
        images_per_s: of each part on all workers.
        advice: what would help.
    """

    part: Part
    images_per_s: dict[Part, float]
    advice: str

    def record(self) -> dict[str, Any]:
        """Return all of it as JSON takes it."""
        rates = {str(part): round(rate) for part, rate in self.images_per_s.items()}
        return {"part": str(self.part), "images_per_s": rates, "advice": self.advice}


def best_network(measurements: Iterable[Measurement]) -> Measurement:
    """Return where and in which batches the network runs best: small ones, and no GPU for little.

    That is the smallest setting within the noise of the best, be it more than `NOISE`. Only
    measurements of the network count, one at least.
    """
    networks = [one for one in measurements if one.part is Part.NETWORK]
    return min(_good(networks), key=lambda one: (one.device or "", one.batch_size))


def best_whole(measurements: Iterable[Measurement]) -> Measurement:
    """Return the whole work with the fewest workers, then the smallest batches, that is as good.

    That is within the noise of the best. There has to be one measurement of the whole.
    """
    wholes = [one for one in measurements if one.part is Part.WHOLE]
    return min(_good(wholes), key=lambda one: (one.workers, one.batch_size))


def binding(measurements: Sequence[Measurement]) -> Binding:
    """Return which of reading, decoding and network binds on all of the machine."""
    network = best_network(measurements)
    workers = max(one.workers for one in measurements)
    rates: dict[Part, float] = {
        one.part: one.images_per_s
        for one in measurements
        if one.part in (Part.READ, Part.DECODE) and one.workers == workers
    }
    rates[Part.NETWORK] = network.images_per_s
    part = min(rates, key=lambda part: rates[part])
    return Binding(part, rates, _advice(part, network, encoded=Part.DECODE in rates))


def _good(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Return those within the noise of the best."""
    best = max(measurements, key=lambda one: one.images_per_s)
    # The standard error of a difference of two medians of n rounds, for normal noise: a median's is
    # 1.253 sigma / sqrt(n), the interquartile range 1.349 sigma.
    error = math.sqrt(2) * 1.253 / 1.349 * best.timing.spread / math.sqrt(len(best.timing.seconds))
    least = (1 - max(NOISE, error)) * best.images_per_s
    return [one for one in measurements if one.images_per_s >= least]


def _advice(part: Part, network: Measurement, *, encoded: bool) -> str:
    if part is Part.NETWORK:
        if network.predictor is PredictorChoice.NUMPY:
            return "more cores or a smaller network would help"
        gpu = "a faster GPU" if network.device is Device.GPU else "a GPU"
        return f"{gpu} or a smaller network would help"
    if encoded:
        return "pack the images once: mnist-batch pack INPUT --out packed.parquet"
    return "pixels read fastest as pack writes them: mnist-batch pack INPUT --out p.parquet"
