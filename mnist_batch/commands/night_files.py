"""Write what belongs to a night beside its predictions: comparison, summary, JUnit XML, record."""

import json
import os
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from mnist_batch.commands.compare import comparison_command, images_to_show
from mnist_batch.commands.run import Summary
from mnist_batch.inputs.sources import STDIN
from mnist_batch.nights.new_night import NewNight
from mnist_batch.nights.night import Night
from mnist_batch.nights.night_folder import (
    COMPARISON,
    INDEX,
    JUNIT,
    PREDICTIONS,
    RECORD,
    REPORT,
    SUMMARY,
)
from mnist_batch.nights.summaries.junit import junit
from mnist_batch.nights.summaries.markdown import Digest, Example, markdown
from mnist_batch.nights.tonight import Tonight
from mnist_batch.outputs.targets import output_errors, why_failed
from mnist_batch.reports.comparison.comparison_folder import write_comparison

_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Names the file whose Markdown GitHub Actions shows on the page of a job."""

_MOST_EXAMPLES = 50
"""Newly wrong rows that the summary names."""


def write_files(folder: Path, night: Night, tonight: Tonight, summary: Summary) -> None:
    """Write record, summary and JUnit XML into the folder of a night.

    Args:
        folder: where they go, beside the report and the comparison.
        night: what they are about.
        tonight: what it was made of.
        summary: of the predictions, by the names that the files will have.

    Raises:
        OutputError: the disk refuses.
    """
    digest = Digest(
        night=night,
        why_not_compared=tonight.why_not_compared,
        newly_wrong=[Example(*row) for row in tonight.newly_wrong(_MOST_EXAMPLES)],
        unreadable={
            reason: [Example(row.source, row.row, row.error) for row in rows]
            for reason, rows in summary.unreadable.items()
        },
        has_report=(folder / REPORT / INDEX).is_file(),
        has_comparison=(folder / COMPARISON / INDEX).is_file(),
        notes=summary.notes,
    )
    with output_errors(folder):
        record = json.dumps(night.record(), indent=1) + "\n"
        (folder / RECORD).write_text(record, encoding="utf-8")
        (folder / SUMMARY).write_text(markdown(digest), encoding="utf-8")
        (folder / JUNIT).write_bytes(junit(night))


def write_comparison_page(
    new: NewNight, tonight: Tonight, inputs: Sequence[str | Path], runs: Path, max_drop: float
) -> list[str]:
    """Write the page of the comparison, which costs no night; return a note where it is missing."""
    if tonight.compared is None:
        return []
    # What is told is where the predictions will be.
    compared = replace(tonight.compared, new=new.place / PREDICTIONS)
    base = runs / tonight.held.name if tonight.held.night else compared.base
    shown = None if STDIN in inputs else inputs  # a list that came on it has gone through
    out = new.place / COMPARISON
    try:
        (new.folder / COMPARISON).mkdir()
        write_comparison(
            new.folder / COMPARISON,
            compared,
            images=images_to_show(compared, shown) if shown else {},
            changed=tonight.changes_since_base,
            command=comparison_command(base, new.place, out, shown, None, max_drop),
        )
    except Exception as error:  # noqa: BLE001 - the night is whole without it
        shutil.rmtree(new.folder / COMPARISON, ignore_errors=True)
        return [f"the comparison {out} was not written ({why_failed(error)})"]
    return []


def publish(folder: Path) -> list[str]:
    """Append the summary where GitHub Actions shows it; return a note where that cannot be."""
    place = os.environ.get(_STEP_SUMMARY)
    if not place:
        return []
    try:
        with Path(place).open("a", encoding="utf-8") as file:
            file.write((folder / SUMMARY).read_text(encoding="utf-8"))
    except OSError as error:
        return [f"the summary was not appended to {place} ({why_failed(error)})"]
    return []
