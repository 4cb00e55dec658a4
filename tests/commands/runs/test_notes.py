"""What is said of how the inputs of a run were read."""

from collections import Counter
from pathlib import Path

import mnist_batch
from mnist_batch.commands.runs.notes import reading_notes
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.options import Prepare


def test_labels_that_name_nothing_are_said(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """A mistaken file of labels does not pass for an unlabelled input."""
    labels = tmp_path / "labels.csv"
    labels.write_text("file_name,label\nelsewhere.png,3\n")
    summary = mnist_batch.predict(digits_folder, tmp_path / "out.csv", model=model, labels=labels)
    assert (
        f"{labels} labels 0 of 30 images; it has no line for '0/00000.png'; lines for none of the "
        "images: 1, the first (line 2) for 'elsewhere.png'; a line names an image by the end of "
        "its path"
    ) in summary.notes


def test_notes_name_five_sources_and_the_kinds_that_were_passed_over() -> None:
    """Nobody reads a line of a thousand names."""
    opened = OpenInputs(
        shards=[],
        files=[],
        rows=7,
        passed_over=Counter({".txt": 1200, ".md": 1}),
        uncounted=["a", "b", "c", "d", "e", "f", "g"],
    )
    notes = reading_notes(opened, Prepare.NEVER, 7, 3, 2)
    assert notes == [
        "sources that cannot be read at all, one row each: a, b, c, d, e and 2 more",
        "files that are not read, passed over: 1,201 (.txt 1,200, .md 1)",
        "images that were not 28x28, resized: 2",
    ]


def test_nothing_to_note_is_nothing() -> None:
    """Without labels of the user's own, images need none."""
    opened = OpenInputs(shards=[], files=[], rows=7, passed_over=Counter(), unlabelled=True)
    assert reading_notes(opened, Prepare.AUTO, 7, 0, 0) == []
