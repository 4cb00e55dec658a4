"""Folders of predictions whose rows a test names, as `predict` writes them."""

import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS, part_name
from mnist_batch.inputs.dataset.manifest import DatasetManifest, DatasetPart
from tests.support.predictions_files import Digits, write_predictions


def write_dataset(
    folder: Path,
    parts: Sequence[tuple[Digits, Digits]],
    record: Mapping[str, Any] | None = None,
) -> Path:
    """Write a part for each pair of labels and predictions, and return the folder.

    All rows are of one file, in order.
    """
    folder.mkdir()
    written, row = [], 0
    for number, (labels, predictions) in enumerate(parts):
        path = folder / part_name(number)
        rows = range(row, row + len(labels))
        write_predictions(path, labels, predictions, rows=rows)
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        written.append(DatasetPart(path.name, len(labels), sha256))
        row += len(labels)
    manifest = DatasetManifest("0" * 16, len(written), None, written, record or {})
    (folder / MANIFEST).write_text(manifest.text())
    (folder / SUCCESS).touch()
    return folder
