"""The last saved run beside the one before it: `python -m benchmarks.compare`.

Each row is judged by the interval of the ratio of its speeds, as `mnist-batch benchmark --against`
judges: corrected by the calibration beside each round, so that a machine that is slower as a whole
is not taken for slower code. The intervals hold at 95 % all together: of dozens of rows, one in
twenty would mislead.
"""

import argparse
import sys
import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from rich.console import Console

from benchmarks.machine import identity
from benchmarks.results import Result, Row, Run, read_run
from benchmarks.table import ratio_with_interval
from mnist_batch.tuning.comparison import over_time
from mnist_batch.tuning.ratios import RatioInterval, Verdict

ERROR = 0.05
"""How likely it is at most that any interval of a comparison misses the truth."""

_NAME = 22
"""Columns of the names in a terminal of 80."""
_STYLES = {Verdict.SLOWER: "red", Verdict.FASTER: "green"}


@dataclass(frozen=True)
class Change:
    """A row that both runs have.

    Attributes:
        before: its result in the run before.
        now: that in the last run.
        interval: how many times as fast it is now.
    """

    before: Result
    now: Result
    interval: RatioInterval

    @property
    def row(self) -> Row:
        """What was measured."""
        return self.now.row


@dataclass(frozen=True)
class Comparison:
    """Two runs.

    Attributes:
        before: the run that the last one is compared with.
        now: the last run.
        same_machine: whether times can be told from each other at all.
    """

    before: Run
    now: Run
    same_machine: bool

    @cached_property
    def changes(self) -> Sequence[Change]:
        """The rows that were run in both, in order; not those of a single round.

        Bonferroni's intervals: with n of them, each at 1 - 0.05 / n.
        """
        earlier = {result.row: result for result in self.before.results if len(result.seconds) > 1}
        pairs = [
            (earlier[result.row], result)
            for result in self.now.results
            if len(result.seconds) > 1 and result.row in earlier
        ]
        confidence = 1 - ERROR / max(1, len(pairs))
        return [
            Change(before, now, over_time(before, now, confidence=confidence)[0])
            for before, now in pairs
        ]

    @property
    def missing(self) -> Sequence[Row]:
        """The rows that were run before, and not in the last run."""
        there = {result.row for result in self.now.results if result.seconds}
        return [one.row for one in self.before.results if one.seconds and one.row not in there]

    def verdicts(self, percent: float) -> Counter[Verdict]:
        """Count the rows by verdict, with differences from a percentage on."""
        return Counter(change.interval.verdict(percent / 100) for change in self.changes)


def choose(runs: Sequence[Run]) -> Comparison | None:
    """Return the last run and the latest before it, of the same machine where there is one.

    Data and model are the same too, and both are whole runs or both quick ones: others are others'
    times.
    """
    ordered = sorted(runs, key=lambda run: run.time)
    if not ordered:
        return None
    now = ordered[-1]
    alike = [one for one in ordered[:-1] if (one.quick, one.data) == (now.quick, now.data)]
    same = [run for run in alike if identity(run.machine) == identity(now.machine)]
    if same:
        return Comparison(same[-1], now, same_machine=True)
    return Comparison(alike[-1], now, same_machine=False) if alike else None


def main() -> int:
    """Print the comparison, and return the exit status."""
    parser = argparse.ArgumentParser(description="Compare the last saved run with one before it.")
    parser.add_argument("folder", type=Path, help="saved runs, as pytest-benchmark keeps them")
    parser.add_argument("--percent", type=float, default=5, help="a smaller difference is none")
    options = parser.parse_args()
    console = Console(highlight=False)
    comparison = choose(list(_saved(options.folder, console)))
    if comparison is None:
        console.print(
            f"{options.folder}: no two runs alike; run `make benchmark` or `make benchmark-quick` "
            "twice"
        )
        return 0
    for line, style in _lines(comparison, options.percent):
        console.print(line, style=style, soft_wrap=True, markup=False)
    counts = comparison.verdicts(options.percent)
    console.print(
        f"by more than {options.percent:g} %: "
        + ", ".join(f"{verdict} {counts[verdict]}" for verdict in Verdict)
    )
    for row in comparison.missing:
        console.print(f"not run this time: {row.group}: {row.name}")
    if not comparison.same_machine:
        console.print("warning: the run before is of another machine; nothing follows from this")
        return 0
    return 1 if counts[Verdict.SLOWER] else 0


def _saved(folder: Path, console: Console) -> Sequence[Run]:
    runs = []
    for path in sorted(folder.rglob("*.json")):
        try:
            runs.append(read_run(path))
        except ValueError as error:  # of an earlier version, which saved less
            console.print(f"passed over: {error}")
    return runs


def _lines(comparison: Comparison, percent: float) -> Iterator[tuple[str, str | None]]:
    """Yield the lines of the table, 80 columns wide, and their style."""
    before, now = (_heading(run) for run in (comparison.before, comparison.now))
    for then, today in zip(before, now, strict=True):
        yield f"{'':{_NAME}}{then:>13}{today:>13}", "bold"
    group = None
    for change in comparison.changes:
        row, verdict = change.row, change.interval.verdict(percent / 100)
        if row.group != group:
            group = row.group
            yield group, "bold"
        sizes = [f"batch {row.batch_size:,}"] if row.batch_size else []
        sizes += [f"{row.threads} threads"] if row.threads else []
        *above, last = textwrap.wrap(
            ", ".join([row.name, *sizes]), _NAME, initial_indent="  ", subsequent_indent="    "
        )
        cells = f"{change.before.mean_s:11.4g} s{change.now.mean_s:11.4g} s"
        ratio = ratio_with_interval(change.interval)
        yield from ((text, None) for text in above)
        yield f"{last:{_NAME}}{cells}{ratio:>20}  {verdict}", _STYLES.get(verdict)


def _heading(run: Run) -> tuple[str, str]:
    """Return when a run was, and its commit; a star where there were uncommitted changes."""
    commit = run.commit["id"][:8] + ("*" if run.commit["dirty"] else "")
    return run.time[5:16].replace("T", " "), commit


if __name__ == "__main__":
    sys.exit(main())
