"""The folders of the nights: what lies where, and which nights there are.

A night is a folder of the folder that `--runs` names, complete or absent: it is made under a hidden
name, `.mnist-batch/NAME`, and renamed. So nothing but the folders is the history.
"""

import errno
import json
import stat
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.nights.night import Night
from mnist_batch.reports.page import Around
from mnist_batch.schema import shortened

RECORD, SUMMARY, JUNIT = "run.json", "summary.md", "junit.xml"
PREDICTIONS, REPORT, COMPARISON = "predictions.parquet", "predictions.report", "comparison"
"""Names in the folder of a night; the last two are folders with a page, `index.html`."""

INDEX = "index.html"
"""The page of all nights, in the folder of the nights."""


PAGES = {
    "Report": f"{REPORT}/{INDEX}",
    "Comparison": f"{COMPARISON}/{INDEX}",
    "Summary": SUMMARY,
}
"""Of a night, for whoever reads one of them."""

MOST_BYTES = 4_000_000
"""Of a file with the numbers of a night: a record names all INPUTs, of which a shell gives 2 MB."""


_MOST_NOTES, _LONGEST_NOTE = 30, 500
"""Notes, and characters of one: the page of all nights is below 1 MB."""


class Nights(NamedTuple):
    """The nights of a folder.

    Attributes:
        nights: in the order in which they began; each has the name of its folder.
        notes: what was passed over, a sentence each; of very many the first, and how many more.
    """

    nights: Sequence[Night]
    notes: Sequence[str]


def around(name: str, *pages: str) -> Around:
    """Return what a page in a folder of a night belongs to: the night, and those of its pages."""
    places = ((page, f"../{PAGES[page]}") for page in pages)
    return Around(f"Night {name}", [("All nights", f"../../{INDEX}"), *places])


def around_report(folder: Path) -> Around | None:
    """Return what a report belongs to: to the night of its folder; None where it is of none."""
    night = folder.resolve().parent
    if folder.name != REPORT or not (night / RECORD).is_file():
        return None
    return around(
        night.name,
        *(page for page, place in PAGES.items() if page != "Report" and (night / place).is_file()),
    )


def read_nights(runs: Path) -> Nights:
    """Read the nights of a folder; what is none, is damaged or is a copy is passed over.

    So is what begins in the future: a clock was wrong, and it is no earlier night of any. A folder
    that was renamed, or that came from elsewhere, is a night. Hidden folders are of runs that have
    not ended, and files are somebody's.

    Raises:
        MachineError: the machine lacks memory or open files to read them.
        OSError: the folder itself cannot be read.
    """
    found: dict[tuple[str, str], Night] = {}
    notes = []
    folders = (path for path in runs.iterdir() if not path.name.startswith("."))
    for folder in sorted(path for path in folders if path.is_dir()):
        try:
            night = read_night(folder)
        except ValueError as error:
            notes.append(f"{folder}: {error}; passed over")
            continue
        # Two folders of one night: the one that has its name is the night.
        written = night.created_utc, night.name
        night = replace(night, name=folder.name)
        other = found.setdefault(written, night)
        if other is not night:
            if night.name == written[1]:
                found[written], night = night, other
            notes.append(f"{runs / night.name}: is a copy of {found[written].name}; passed over")
    nights = sorted(found.values(), key=lambda night: (night.began, night.name))
    now = datetime.now(UTC)
    future = [
        f"{runs / night.name}: begins in the future, {night.began:%Y-%m-%d %H:%M}, so a clock was "
        "wrong; passed over"
        for night in nights
        if night.began > now
    ]
    return Nights(nights[: len(nights) - len(future)], _in_short([*future, *notes]))


def _in_short(notes: Sequence[str]) -> list[str]:
    """Return notes of a folder in which thousands of folders may be somebody's."""
    told = [shortened(note, _LONGEST_NOTE) for note in notes[:_MOST_NOTES]]
    more = len(notes) - len(told)
    return [*told, f"and {more:,} more folders were passed over"] if more else told


def read_night(folder: Path) -> Night:
    """Return the night in a folder, with the name that it had when it was made.

    Raises:
        ValueError: it has none, or a damaged one.
        MachineError: the machine lacks memory or open files to read it.
    """
    try:
        record = read_json(folder / RECORD)
    except FileNotFoundError:
        raise ValueError(f"has no {RECORD}, so it is no night") from None
    except (OSError, ValueError, RecursionError) as error:
        if isinstance(error, OSError):
            raise_if_of_machine(error, str(folder / RECORD))
        raise ValueError(f"its {RECORD} cannot be read") from error
    try:
        return Night.of(record)
    except ValueError as error:
        raise ValueError(f"its {RECORD} {error}") from error


def read_json(path: Path) -> Any:  # noqa: ANN401 - JSON
    """Return what a file of a night holds, which anybody may have put there.

    Raises:
        ValueError: it is no JSON, or of more bytes than a night has.
        OSError: it cannot be read, or is a pipe or a device, which may never end.
        RecursionError: it is nested too deep.
    """
    found = path.stat()
    if not stat.S_ISREG(found.st_mode):
        raise OSError(errno.EINVAL, "is no file", str(path))
    if found.st_size > MOST_BYTES:
        raise ValueError(f"has {found.st_size:,} bytes")
    return json.loads(path.read_bytes())
