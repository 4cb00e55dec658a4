"""Write what belongs to a night beside its predictions: comparison, summary, JUnit XML, record."""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from mnist_batch.evaluation.comparison.comparing import Compared
from mnist_batch.evaluation.evaluator import Unreadable
from mnist_batch.evaluation.found_images import FoundImage
from mnist_batch.nights.night import Night
from mnist_batch.nights.night_folder import (
    COMPARISON,
    INDEX,
    JUNIT,
    PREDICTIONS,
    RECORD,
    REPORT,
    SUMMARY,
    around,
)
from mnist_batch.nights.summaries.junit import junit
from mnist_batch.nights.summaries.markdown import Digest, Example, markdown
from mnist_batch.nights.tonight import Tonight
from mnist_batch.outputs.targets import output_errors, why_failed
from mnist_batch.reports.comparison.comparison_folder import write_comparison
from mnist_batch.reports.page import with_page

_STEP_SUMMARY = "GITHUB_STEP_SUMMARY"
"""Names the file whose Markdown GitHub Actions shows on the page of a job."""

_MOST_EXAMPLES = 50
"""Newly wrong rows that the summary names."""


def write_files(
    folder: Path,
    night: Night,
    tonight: Tonight,
    unreadable: Mapping[str, Sequence[Unreadable]],
    notes: Sequence[str],
) -> None:
    """Write record, summary and JUnit XML into the folder of a night.

    Args:
        folder: where they go, beside the report and the comparison.
        night: what they are about.
        tonight: what it was made of.
        unreadable: a few rows without a prediction per reason.
        notes: what the user should know, a sentence each.

    Raises:
        OutputError: the disk refuses.
    """
    digest = Digest(
        night=night,
        why_not_compared=tonight.why_not_compared,
        newly_wrong=[Example(*row) for row in tonight.newly_wrong(_MOST_EXAMPLES)],
        unreadable={
            reason: [Example(row.source, row.row, row.error) for row in rows]
            for reason, rows in unreadable.items()
        },
        has_report=(folder / REPORT / INDEX).is_file(),
        has_comparison=(folder / COMPARISON / INDEX).is_file(),
        notes=notes,
    )
    with output_errors(folder):
        record = json.dumps(night.record(), indent=1) + "\n"
        (folder / RECORD).write_text(record, encoding="utf-8")
        (folder / SUMMARY).write_text(markdown(digest), encoding="utf-8")
        (folder / JUNIT).write_bytes(junit(night))


def write_comparison_page(
    folder: Path,
    place: Path,
    tonight: Tonight,
    images: Callable[[Compared], Mapping[int, FoundImage]],
    command: str,
) -> list[str]:
    """Write the page of the comparison, which costs no night; return a note where it is missing.

    Args:
        folder: of the night, as it is made.
        place: where that will be.
        tonight: the night; where it was compared with nothing, nothing is written.
        images: returns those that the page shows, by index.
        command: the line that makes the page again.
    """
    if tonight.compared is None:
        return []
    compared = replace(tonight.compared, new=place / PREDICTIONS)  # as the page tells it
    try:
        (folder / COMPARISON).mkdir()
        write_comparison(
            folder / COMPARISON,
            compared,
            images=images(compared),
            changed=tonight.changes_since_base,
            command=command,
            around=around(place.name, "Report", "Summary"),
        )
        report = folder / REPORT / INDEX
        if report.is_file():
            page = with_page(
                report.read_text(encoding="utf-8"), "Comparison", f"../{COMPARISON}/{INDEX}"
            )
            report.write_text(page, encoding="utf-8")
    except Exception as error:  # noqa: BLE001 - the night is whole without it
        shutil.rmtree(folder / COMPARISON, ignore_errors=True)
        return [f"the comparison {place / COMPARISON} was not written ({why_failed(error)})"]
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
