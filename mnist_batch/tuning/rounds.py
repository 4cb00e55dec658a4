"""Time pieces of work in turn, so that what else runs on the machine slows all of them alike."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple, TypeVar

from mnist_batch.tuning.recommendation import Measurement
from mnist_batch.tuning.saved_runs import MOST_ROUNDS

ResultT = TypeVar("ResultT")

_LEAST_ROUNDS = 3


class Round(NamedTuple):
    """A stage of the work at one setting, to be timed.

    Attributes:
        setting: what is measured, without a time yet.
        work: does it once, and is timed.
        check: called with the result of `work` after the clock has stopped; raises an error where
            the result is wrong.
    """

    setting: Measurement
    work: Callable[[], Any]
    check: Callable[[Any], None] = lambda _: None

    def time(self) -> float:
        """Do the work once, check its result, and return the seconds that the work took."""
        seconds, result = timed(self.work)
        self.check(result)
        return seconds


def time_in_turn(rounds: Sequence[Round], seconds: float) -> list[Measurement]:
    """Return the measurements of rounds that take turns, see `times_in_turn`."""
    times = times_in_turn([one.time for one in rounds], seconds)
    return [replace(one.setting, seconds=each) for one, each in zip(rounds, times, strict=True)]


def times_in_turn(
    works: Sequence[Callable[[], float]], seconds: float, least: int = _LEAST_ROUNDS
) -> list[tuple[float, ...]]:
    """Run each work once to warm up, then all works in turn, and return the times of each.

    They take turns because other programs slow a machine down for seconds at a time: all that is
    compared is slowed down alike.

    Args:
        works: each returns the seconds that it took.
        seconds: for which each runs, on average.
        least: how often each runs at least; `MOST_ROUNDS` at most.
    """
    for work in works:
        work()
    taken: list[list[float]] = []
    total = 0.0
    while len(taken) < least or (total < seconds * len(works) and len(taken) < MOST_ROUNDS):
        taken.append([work() for work in works])
        total += sum(taken[-1])
    return list(zip(*taken, strict=True))


def timed(work: Callable[[], ResultT]) -> tuple[float, ResultT]:
    """Return the seconds that some work takes, and its result."""
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result
