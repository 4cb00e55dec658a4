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
from benchmarks.results import Run, read_run


@dataclass(frozen=True)
class Change:
    """A row that both runs have.

    Attributes:
        group: the part of the table.
        name: the row.
        before_s: the median of the run before, in seconds.
        now_s: that of the last run.
    """

    group: str
    name: str
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
        """Return the rows that both runs have, with the same number of images, in order."""
        earlier = {(one.row.group, one.row.name, one.row.rows): one for one in self.before.results}
        pairs = [
            (one, earlier.get((one.row.group, one.row.name, one.row.rows)))
            for one in self.now.results
        ]
        return [
            Change(now.row.group, now.row.name, before.median_s, now.median_s)
            for now, before in pairs
            if before is not None and before.seconds and now.seconds
        ]

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
    if not comparison.same_machine:
        console.print("warning: the run before is of another machine; nothing follows from this")
        return 0
    return 1 if slower else 0


def _table(comparison: Comparison, percent: float) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 1), header_style="bold")
    table.add_column("")
    for heading in (comparison.before, comparison.now):
        commit = heading.commit["id"][:8] + ("*" if heading.commit["dirty"] else "")
        table.add_column(f"{heading.time[5:16].replace('T', ' ')}\n{commit}", justify="right")
    table.add_column("change", justify="right")
    group = None
    for change in comparison.changes():
        if change.group != group:
            group = change.group
            table.add_row(group, style="bold")
        table.add_row(
            f"  {change.name}",
            f"{change.before_s:.4g} s",
            f"{change.now_s:.4g} s",
            f"{change.percent:+.0f} %",
            style="red" if change.percent > percent else None,
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
