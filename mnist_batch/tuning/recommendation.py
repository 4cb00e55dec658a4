"""Recommend a setting from measurements of a machine and a model, and name the bottleneck."""

import math
import shlex
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mnist_batch.options import Device, PredictorChoice
from mnist_batch.tuning.comparison import Comparison

NOISE = 0.03
"""Settings within this share of the best one's speed are as good, however quiet the machine."""

_NOISY = 0.1
"""A note mentions a spread above this share of the median."""


class Stage(StrEnum):
    """A stage of the work, as it is measured: its name in tables and JSON is `part`."""

    READ = "read"
    DECODE = "decode"
    NETWORK = "network"
    WHOLE = "whole"


@dataclass(frozen=True)
class Measurement:
    """The speed of one stage of the work at one setting.

    Attributes:
        stage: read: files to encoded images; decode: encoded images to pixels; network: pixels in
            memory to predictions; whole: files to predictions.
        workers: threads.
        batch_size: rows of a batch.
        rows: images of a round.
        seconds: how long each round took, in the order in which they ran.
        predictor: what ran the network; None where no network ran.
        device: where the network ran; None where none ran.
    """

    stage: Stage
    workers: int
    batch_size: int
    rows: int
    seconds: Sequence[float] = ()
    predictor: PredictorChoice | None = None
    device: Device | None = None

    @cached_property
    def median_s(self) -> float:
        """The median of the rounds, in seconds."""
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

    def record(self) -> dict[str, Any]:
        """Return it as a dictionary that JSON can hold."""
        return {
            "part": str(self.stage),
            "predictor": self.predictor,
            "device": self.device,
            "batch_size": self.batch_size,
            "workers": self.workers,
            "images_per_s": round(self.images_per_s),
            "median_s": self.median_s,
            "iqr_s": self.iqr_s,
            "rounds": len(self.seconds),
            "images_per_round": self.rows,
        }


@dataclass(frozen=True)
class NotRun:
    """Something that was not measured, and why."""

    what: str
    reason: str


@dataclass(frozen=True)
class Binding:
    """The stage that takes the longest where all of the machine works on it.

    Attributes:
        stage: the slowest stage.
        images_per_s: the speed of each stage on all workers.
        advice: what would make the stage faster.
    """

    stage: Stage
    images_per_s: dict[Stage, float]
    advice: str

    def record(self) -> dict[str, Any]:
        """Return it as a dictionary that JSON can hold."""
        rates = {str(stage): round(rate) for stage, rate in self.images_per_s.items()}
        return {"part": str(self.stage), "images_per_s": rates, "advice": self.advice}


@dataclass(frozen=True)
class BenchmarkResult:
    """What `benchmark` found.

    Attributes:
        machine: cores, processor, versions.
        model: its name, SHA-256 and scale.
        inputs: as given; empty where digits were generated.
        rows: images in the inputs.
        rows_used: how many of them were used, from the first.
        labelled: how many of the used ones have a label and a prediction.
        accuracy: the share of these that is right, 0 to 1; None where there are none.
        measurements: all that was timed.
        not_run: what was not timed, and why.
        recommended: the measurement of the whole work whose setting to take.
        binding: the slowest stage on all of the machine.
        command: the command line with the recommended setting.
        notes: what the user should know, one sentence each.
        saved: the file that this run was saved as, if it was asked for.
        comparison: what a saved run says of this one, if it was asked for.
    """

    machine: Mapping[str, Any]
    model: Mapping[str, str]
    inputs: Sequence[str]
    rows: int
    rows_used: int
    labelled: int
    accuracy: float | None
    measurements: Sequence[Measurement]
    not_run: Sequence[NotRun]
    recommended: Measurement
    binding: Binding
    command: str
    notes: Sequence[str]
    saved: str | None = None
    comparison: Comparison | None = None

    def __repr__(self) -> str:
        """Return the setting to take and its speed, in one line."""
        speed = f"{self.recommended.images_per_s:,.0f} images/s"
        return f"<BenchmarkResult {speed}: {self.command}>"

    def record(self) -> dict[str, Any]:
        """Return it as a dictionary that JSON can hold."""
        return {
            "machine": self.machine,
            "model": self.model,
            "inputs": self.inputs,
            "generated": not self.inputs,
            "rows": self.rows,
            "rows_used": self.rows_used,
            "labelled": self.labelled,
            "accuracy": self.accuracy,
            "measurements": [one.record() for one in self.measurements],
            "not_run": [vars(one) for one in self.not_run],
            "recommended": {**self.recommended.record(), "command": self.command},
            "binds": self.binding.record(),
            "notes": self.notes,
            "saved": self.saved,
            "comparison": self.comparison and self.comparison.record(),
        }


def best(measurements: Iterable[Measurement], stage: Stage) -> Measurement:
    """Return the measurement of a stage at its best setting; there has to be one of it.

    Of all that are as fast as the fastest within the noise, that is the one on the CPU, then the
    one with the fewest workers, then the one with the smallest batches.
    """
    fast = _as_fast([one for one in measurements if one.stage is stage])
    return min(fast, key=lambda one: (one.device or "", one.workers, one.batch_size))


def binding(measurements: Sequence[Measurement]) -> Binding:
    """Return which of reading, decoding and network is the bottleneck on all workers."""
    network = best(measurements, Stage.NETWORK)
    workers = max(one.workers for one in measurements)
    rates: dict[Stage, float] = {
        one.stage: one.images_per_s
        for one in measurements
        if one.stage in (Stage.READ, Stage.DECODE) and one.workers == workers
    }
    rates[Stage.NETWORK] = network.images_per_s
    stage = min(rates, key=lambda stage: rates[stage])
    return Binding(stage, rates, _advice(stage, network, encoded=Stage.DECODE in rates))


def _as_fast(measurements: Sequence[Measurement]) -> list[Measurement]:
    """Return the measurements that are as fast as the fastest, within the noise."""
    best = max(measurements, key=lambda one: one.images_per_s)
    # The standard error of a difference of two medians of n rounds, for normal noise: a median's is
    # 1.253 sigma / sqrt(n), the interquartile range 1.349 sigma.
    error = math.sqrt(2) * 1.253 / 1.349 * best.spread / math.sqrt(len(best.seconds))
    least = (1 - max(NOISE, error)) * best.images_per_s
    return [one for one in measurements if one.images_per_s >= least]


def _advice(stage: Stage, network: Measurement, *, encoded: bool) -> str:
    if stage is Stage.NETWORK:
        if network.predictor is PredictorChoice.NUMPY:
            return "more cores or a smaller network would help"
        gpu = "a faster GPU" if network.device is Device.GPU else "a GPU"
        return f"{gpu} or a smaller network would help"
    if encoded:
        return "pack the images once: mnist-batch pack INPUT --out packed.parquet"
    return "pixels read fastest as pack writes them: mnist-batch pack INPUT --out p.parquet"


def noise_notes(measurements: Iterable[Measurement]) -> list[str]:
    """Return a warning where rounds of a setting differ too much to tell settings apart."""
    worst = max(one.spread for one in measurements)
    if worst <= _NOISY:
        return []
    return [
        f"the rounds of a setting differ by up to {worst:.0%} (spread: the middle half of them, of "
        "the median); small differences say nothing, and --seconds 5 measures longer"
    ]


def predict_command(inputs: Sequence[str | Path], options: Mapping[str, Any]) -> str:
    """Return the command line of `mnist-batch predict`.

    Args:
        inputs: the INPUTs; none for the word itself.
        options: values by the parameter of `predict`; one that is None is left out.
    """
    words = ["mnist-batch", "predict", *map(str, inputs or ["INPUT"])]
    words += ["--out", "predictions.parquet"]
    for name, value in options.items():
        if value is not None:
            words += [f"--{name.replace('_', '-')}", str(value)]
    return shlex.join(words)
