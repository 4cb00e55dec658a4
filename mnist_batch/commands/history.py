"""Make the page of all nights again from their folders, and tell what they came to."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mnist_batch.errors import InputError
from mnist_batch.nights.history.rows import NightRow, history_rows
from mnist_batch.nights.night_folder import INDEX
from mnist_batch.nights.remote_runs import runs_at
from mnist_batch.outputs.targets import output_errors


@dataclass(frozen=True)
class History:
    """The result of `history`.

    Attributes:
        page: the page of all nights.
        nights: in the order in which they began.
        notes: what was passed over, a sentence each.
    """

    page: Path | str
    nights: Sequence[NightRow]
    notes: Sequence[str]

    def __repr__(self) -> str:
        """Return the page and how many nights it has, in one line."""
        return f"<History {self.page}: {len(self.nights):,} nights>"

    def record(self) -> dict[str, Any]:
        """Return the nights, each with its state, scores and links, the page and the notes."""
        return {
            "page": str(self.page),
            "nights": [_record(row) for row in self.nights],
            "notes": list(self.notes),
        }


def history(runs: str | Path) -> History:
    """Make the page of all nights again, `index.html` in their folder, at any time.

    Nothing but the folders of the nights is read. One that is damaged, or is no night, is passed
    over, and a note says so.

    Args:
        runs: the folder of the nights, a path or an address of object storage.

    Raises:
        InputError: the folder is none, or holds no night.
        OutputError: the page cannot be written.
    """
    with runs_at(runs) as there, there.telling():
        folder = there.folder
        if not folder.is_dir():
            raise InputError(f"{folder}: is no folder; name the one that --runs of nightly named")
        with output_errors(folder):
            found = there.write_index()
        rows = history_rows(folder, found.nights)
        return History(there.shown(folder / INDEX), rows, list(map(there.told, found.notes)))


def _record(row: NightRow) -> dict[str, Any]:
    night = row.night
    return {
        "name": night.name,
        "created_utc": night.created_utc,
        "state": row.word,
        "status": night.status,
        "accuracy": row.accuracy,
        "accuracy_interval_95": None if row.accuracy is None else [row.low, row.high],
        "rows": night.rows,
        "scored": night.scored,
        "errors": night.errors,
        "drift": {name: list(drift) for name, drift in night.drift.items()},
        "changed": list(row.changed),
        "remarks": list(row.remarks),
        "pages": dict(row.links),
    }
