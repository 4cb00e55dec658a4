"""Write a comparison into a folder: `index.html`, `changes.csv`, `comparison.json`."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pyarrow as pa

from mnist_batch.evaluation.comparison.comparing import Compared
from mnist_batch.evaluation.comparison.result import Comparison
from mnist_batch.evaluation.found_images import FoundImage
from mnist_batch.outputs.writer import CsvWriter
from mnist_batch.reports.comparison.comparison_page import comparison_page
from mnist_batch.reports.page import Around
from mnist_batch.reports.records import of_class

PAGE, CHANGES_TABLE, RECORD = "index.html", "changes.csv", "comparison.json"
FILES = (PAGE, CHANGES_TABLE, RECORD)
"""Every file of the folder."""

_OF_A_RUN = ("version", "model", "predictor", "created_utc", "images_per_s", "elapsed_s")
"""What `comparison.json` says of how predictions were made."""


def write_comparison(
    folder: Path,
    compared: Compared,
    *,
    images: Mapping[int, FoundImage] | None = None,
    changed: Sequence[str] = (),
    command: str | None = None,
    around: Around | None = None,
) -> list[Path]:
    """Write the files of a comparison into a folder that is there, and return their paths.

    Args:
        folder: where they go; what bears their names is replaced.
        compared: what was compared; its paths are what the files say.
        images: those of `comparison_page.places_to_show`, where the images are at hand.
        changed: what is not as in the base, beside the predictions, a sentence each.
        command: the line that makes the folder again.
        around: what the page belongs to; None for nothing.

    Raises:
        OSError: the disk refuses.
    """
    page = comparison_page(
        compared, images=images or {}, changed=changed, command=command, around=around
    )
    (folder / PAGE).write_text(page, encoding="utf-8")
    _write_table(folder / CHANGES_TABLE, compared.changes)
    record = json.dumps(comparison_record(compared, changed), indent=2) + "\n"
    (folder / RECORD).write_text(record, encoding="utf-8")
    return [folder / name for name in FILES]


def comparison_record(compared: Compared, changed: Sequence[str]) -> dict[str, Any]:
    """Return the content of `comparison.json`; a number that is undefined is None, null in JSON."""
    return {
        **_of_comparison(compared.comparison),
        "changed": list(changed),
        "base": _of_run(compared.base, compared.base_run),
        "new": _of_run(compared.new, compared.new_run),
    }


def _of_comparison(found: Comparison) -> dict[str, Any]:
    """Return what was found as JSON holds it: of digits, or of classes with their names."""
    record, classes = asdict(found), found.classes
    del record["classes"]
    if classes.are_digits:
        return record
    told = {"per_digit": "per_class", "regressed_digits": "regressed_classes"}
    record = {told.get(name, name): value for name, value in record.items()}
    for scores in (record["overall"], *record["per_class"]):
        number = scores.pop("digit")
        if number is not None:
            scores |= of_class(number, classes)
    return record if classes.names is None else {**record, "class_names": classes.names}


def _of_run(path: Path, run: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"file": str(path), **{name: (run or {}).get(name) for name in _OF_A_RUN}}


def _write_table(path: Path, changes: pa.Table) -> None:
    inner = [name for name in ("index", "content_key", "picture") if name in changes.column_names]
    listed = changes.drop_columns(inner)
    writer = CsvWriter(path, listed.schema)
    for batch in listed.to_batches():
        writer.write(batch)
    writer.close({})
