"""What the user should know of how inputs were read."""

from collections.abc import Sequence
from pathlib import Path

from mnist_batch._kernels import loading
from mnist_batch.inputs.labels import shortened
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.options import NO_LABELS, Prepare

_NAMED = 5
"""Names in a note, at most."""


def reading_notes(
    opened: OpenInputs,
    *,
    rows: int,
    labelled: int,
    prepared: int,
    prepare: Prepare,
    labels: str | Path | None,
) -> list[str]:
    """Return what the user should know of how the inputs were read, one sentence each.

    Args:
        opened: the inputs.
        rows: the number of rows read.
        labelled: those with a label.
        prepared: those whose image was changed.
        prepare: which images were to be brought to MNIST form.
        labels: what the user named as labels.
    """
    notes = list(loading.notes())
    if opened.uncounted:
        notes.append(
            f"sources that cannot be read at all, one row each: {_listed(opened.uncounted)}"
        )
    if opened.passed_over:
        kinds = [f"{shortened(kind)} {n:,}" for kind, n in opened.passed_over.most_common()]
        notes.append(
            f"files that are not images, passed over: {opened.passed_over.total():,} "
            f"({_listed(kinds)})"
        )
    if prepared:
        notes.append(
            f"images that were not 28x28, resized: {prepared:,}"
            if prepare is Prepare.NEVER
            else f"images that were not in MNIST form, brought to it: {prepared:,}"
        )
    if labels not in (None, NO_LABELS) and labelled < rows:
        notes.append(
            f"{labels} labels {labelled:,} of {rows:,} images; it has to name them "
            "as the column source does"
        )
    return notes


def _listed(texts: Sequence[str]) -> str:
    more = len(texts) - _NAMED
    return f"{', '.join(texts[:_NAMED])}{f' and {more:,} more' if more > 0 else ''}"
