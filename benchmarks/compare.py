"""The last saved run beside the one before it: `python -m benchmarks.compare`.

By the median of each row. A row that is slower by more than a percentage fails the comparison,
unless the run before is of another machine: then it only warns.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.machine import identity
from benchmarks.results import Row, Run, read_run


@dataclass(frozen=True)
class Change:
    """A row that both runs have.

    Attributes:
        row: what was measured.
        before_s: the median of the run before, in seconds.
        now_s: that of the last run.
    """

    row: Row
    before_s: float
    now_s: float

    @property
    def percent(self) -> float:
        """How much longer it takes; negative where it is faster."""
        return 100 * (self.now_s / self.before_s - 1)


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

    def changes(self) -> list[Change]:
        """Return the rows that were run in both, in order; not those of a single round."""
        earlier = {result.row: result for result in self.before.results if len(result.seconds) > 1}
        return [
            Change(result.row, earlier[result.row].median_s, result.median_s)
            for result in self.now.results
            if len(result.seconds) > 1 and result.row in earlier
        ]

    def missing(self) -> list[Row]:
        """Return the rows that were run before, and not in the last run."""
        there = {result.row for result in self.now.results if result.seconds}
        return [one.row for one in self.before.results if one.seconds and one.row not in there]

    def slower(self, percent: float) -> list[Change]:
        """Return the rows that take longer by more than a percentage."""
        return [change for change in self.changes() if change.percent > percent]


def choose(runs: Sequence[Run]) -> Comparison | None:
    """Return the last run and the latest before it, of the same machine where there is one.

    Data and model are the same too: others are others' times.
    """
    ordered = sorted(runs, key=lambda run: run.time)
    if not ordered:
        return None
    now = ordered[-1]
    alike = [run for run in ordered[:-1] if dict(run.data) == dict(now.data)]
    same = [run for run in alike if identity(run.machine) == identity(now.machine)]
    if same:
        return Comparison(same[-1], now, same_machine=True)
    return Comparison(alike[-1], now, same_machine=False) if alike else None


def main() -> int:
    """Print the comparison, and return the exit status."""
    parser = argparse.ArgumentParser(description="Compare the last saved run with one before it.")
    parser.add_argument("folder", type=Path, help="saved runs, as pytest-benchmark keeps them")
    parser.add_argument("--percent", type=float, default=20, help="slower than this fails")
    options = parser.parse_args()
    console = Console(highlight=False)
    runs = [read_run(path) for path in sorted(options.folder.glob("*/*.json"))]
    comparison = choose(runs)
    if comparison is None:
        console.print(f"{options.folder}: no two runs on the same data; run `make benchmark` twice")
        return 0
    console.print(_table(comparison, options.percent))
    slower = comparison.slower(options.percent)
    console.print(f"rows slower by more than {options.percent:g} %: {len(slower)}")
    for row in comparison.missing():
        console.print(f"not run this time: {row.group}: {row.name}")
    if not comparison.same_machine:
        console.print("warning: the run before is of another machine; nothing follows from this")
        return 0
    return 1 if slower else 0


def _table(comparison: Comparison, percent: float) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    headings = [_heading(run) for run in (comparison.before, comparison.now)]
    table.add_column("")
    for heading in ("batch", "threads", *headings, "change"):
        table.add_column(heading, justify="right", no_wrap=True)
    group = None
    for change in comparison.changes():
        row = change.row
        if row.group != group:
            group = row.group
            table.add_row(group, style="bold")
        table.add_row(
            f"  {row.name}",
            "" if row.batch_size is None else f"{row.batch_size:,}",
            "" if row.threads is None else str(row.threads),
            f"{change.before_s:.4g} s",
            f"{change.now_s:.4g} s",
            f"{change.percent:+.0f} %",
            style="red" if change.percent > percent else None,
        )
    return table


def _heading(run: Run) -> str:
    """Return when a run was, and its commit; a star where there were uncommitted changes."""
    commit = run.commit["id"][:8] + ("*" if run.commit["dirty"] else "")
    return f"{run.time[5:16].replace('T', ' ')}\n{commit}"


if __name__ == "__main__":
    sys.exit(main())
