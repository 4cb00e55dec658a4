"""What is measured on a GPU: rows, the time that there is for them, and their table."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass

FLOPS = {
    "dense": 2 * (784 * 128 + 128 * 64 + 64 * 10),
    # 26x26 places of 3x3 pixels for 16 maps, 11x11 of 3x3x16 for 32, and 800 numbers for 10.
    "cnn": 2 * (26 * 26 * 9 * 16 + 11 * 11 * 9 * 16 * 32 + 5 * 5 * 32 * 10),
}
"""Operations an image: a multiplication and an addition for each weight and place."""

INPUT_BYTES = 784 * 4
"""What a network has to read of each image in memory: as float32, the rest stays in caches."""

BANDWIDTH, PEAK = "memory bandwidth", "matrix product"
"""The parts that measure what a device can do."""

_LEAST_ROUNDS, _ROUND_S = 3, 0.2

_LONGEST_S = 4.0
"""A batch size whose round would take longer is not measured."""

_TELLING = 256


@dataclass(frozen=True)
class Row:
    """One measurement, or why there is none.

    Attributes:
        library: what ran, with its version.
        device: `cpu` or `gpu`.
        model: `dense`, `cnn`, or empty.
        part: what was timed.
        batch_size: images at once; 0 where there are none.
        per_s: images, or of `BANDWIDTH` bytes and of `PEAK` operations, in a second.
        spread: the range of the rounds by their median.
        reason: why it was not run.
    """

    library: str
    device: str
    model: str
    part: str
    batch_size: int = 0
    per_s: float | None = None
    spread: float | None = None
    reason: str | None = None


class Deadline:
    """When to stop, as seconds since the epoch, which all processes share."""

    def __init__(self, at: float) -> None:
        """Take the time."""
        self.at = at

    @property
    def left_s(self) -> float:
        """How much time is left."""
        return self.at - time.time()

    def allows(self, seconds: float) -> bool:
        """Tell whether something that takes so long will be done in time."""
        return seconds < self.left_s


def say(row: Row) -> None:
    """Print a row for the process that reads it."""
    print(json.dumps(asdict(row)), flush=True)


def measure(
    rows: Sequence[Row], works: Mapping[str, Callable[[], object]], units: float, until: Deadline
) -> list[Row]:
    """Time works in turns, say their rows, or that there is no time, and return them.

    Args:
        rows: without a time; the part of each is a key of `works`.
        works: each returns when the device has done its work, which is the same amount each time.
        units: how much that is.
        until: when to stop.
    """
    taken: dict[str, list[float]] = {row.part: [] for row in rows}
    once = {part: _timed(works[part]) for part in taken if until.allows(0)}  # warms up
    # A round more of each than there has to be: the next ones are no slower than the first.
    enough = len(once) == len(taken) and until.allows((_LEAST_ROUNDS + 1) * sum(once.values()))
    started = time.perf_counter()
    while enough and (
        min(map(len, taken.values())) < _LEAST_ROUNDS
        or time.perf_counter() - started < _ROUND_S * len(taken)
    ):
        for part, seconds in taken.items():
            seconds.append(_timed(works[part]))
        if not until.allows(0):
            break
    found = [_result(row, taken[row.part], units) for row in rows]
    for row in found:
        say(row)
    return found


def _result(row: Row, seconds: Sequence[float], units: float) -> Row:
    if len(seconds) < _LEAST_ROUNDS:
        return Row(**{**asdict(row), "reason": "no time left"})
    median = statistics.median(seconds)
    spread = (max(seconds) - min(seconds)) / median
    return Row(**{**asdict(row), "per_s": units / median, "spread": spread})


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def slowest_of(rows: Sequence[Row]) -> float:
    """Return the seconds an image of the slowest row that tells how larger batches will do.

    Small batches do not: what a call takes weighs most in them.
    """
    told = (1 / row.per_s for row in rows if row.per_s and row.batch_size >= _TELLING)
    return max(told, default=0.0)


def too_long(seconds: float) -> str | None:
    """Return why a round of so many seconds is not run; None where it is."""
    return f"a round would take about {seconds:,.0f} s" if seconds > _LONGEST_S else None


def shares(rows: Sequence[Row]) -> Iterator[tuple[Row, str]]:
    """Yield each row with its share of what its device can do, as the fastest library measured it.

    Of a Dense network that is the share of the bandwidth at which its inputs are read, of a
    convolutional one the share of the operations; only where the network alone was timed.
    """
    can: dict[tuple[str, str], float] = {}
    for row in rows:
        if not row.model and row.per_s:
            can[row.device, row.part] = max(row.per_s, can.get((row.device, row.part), 0))
    for row in rows:
        dense = row.model == "dense"
        limit = can.get((row.device, BANDWIDTH if dense else PEAK))
        if row.part != "network" or not row.per_s or not limit:
            yield row, ""
        else:
            cost = INPUT_BYTES if dense else FLOPS[row.model]
            yield row, f"{row.per_s * cost / limit:.2%}"


_HEADINGS = ("library", "device", "model", "part", "batch", "per second", "spread", "of limit")


def table(rows: Sequence[Row]) -> str:
    """Return the rows as a table of Markdown."""
    lines = [_HEADINGS, tuple("---:" if column > 3 else "---" for column in range(len(_HEADINGS)))]
    for row, share in shares(rows):
        lines.append(
            (
                row.library,
                row.device,
                row.model,
                row.part,
                f"{row.batch_size:,}" if row.batch_size else "",
                f"not run: {row.reason}" if row.per_s is None else _number(row),
                "" if row.spread is None else f"{row.spread:.0%}",
                share,
            )
        )
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _number(row: Row) -> str:
    assert row.per_s is not None
    if row.part == BANDWIDTH:
        return f"{row.per_s / 1e9:,.1f} GB"
    if row.part == PEAK:
        return f"{row.per_s / 1e12:,.3f} TFLOP"
    return f"{row.per_s:,.0f}"


def not_run(rows: Iterable[Row], reason: str) -> None:
    """Say rows without a number, and why."""
    for row in rows:
        say(Row(**{**asdict(row), "reason": reason}))


def reason_of(error: BaseException) -> str:
    """Return in short, on one line, why something could not be run."""
    text = " ".join(str(error).split())[:150]
    return f"{type(error).__name__}: {text}"


def quietly_imported(name: str) -> str | None:
    """Return why a library cannot be imported; None where it can, and then it is."""
    try:
        __import__(name)
    except Exception as error:  # noqa: BLE001 - drivers fail in any way
        return reason_of(error)
    print(f"{name} imported", file=sys.stderr)
    return None
