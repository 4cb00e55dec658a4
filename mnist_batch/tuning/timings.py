"""Rounds of work by the clock, in turn, and what is said of their seconds."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

import numpy as np

ResultT = TypeVar("ResultT")

_LEAST_ROUNDS = 3


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
class Round(Generic[ResultT]):
    """Work that is timed.

    Attributes:
        rows: the images of a round.
        work: what is timed.
        check: called with what the work returned, when the clock has stopped; raises where that is
            wrong.
    """

    rows: int
    work: Callable[[], ResultT]
    check: Callable[[ResultT], None]

    def seconds(self) -> float:
        """Run it once; return how long it took."""
        started = time.perf_counter()
        result = self.work()
        elapsed_s = time.perf_counter() - started
        self.check(result)
        return elapsed_s


def time_in_turn(rounds: Sequence[Round[ResultT]], seconds: float) -> list[Timing]:
    """Run each once to warm up, and then all in turn; return their timings.

    In turn, because other programs slow a machine down for seconds at a time: all that is compared
    is slowed down alike. Three rounds of each at least.

    Args:
        rounds: what to compare.
        seconds: how long to go on for each, on average.
    """
    for one in rounds:
        one.seconds()
    taken: list[list[float]] = []
    while len(taken) < _LEAST_ROUNDS or sum(map(sum, taken)) < seconds * len(rounds):
        taken.append([one.seconds() for one in rounds])
    return [
        Timing(one.rows, times) for one, times in zip(rounds, zip(*taken, strict=True), strict=True)
    ]
