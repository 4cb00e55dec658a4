"""The confusion matrix of the report's page, and the images that its cells lead to."""

from collections.abc import Iterable
from dataclasses import dataclass

from mnist_batch.evaluation.gallery import GalleryCell, GalleryImage
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.reports.number_text import confidence, counted
from mnist_batch.reports.thumbnails import Group, Picture

WRONG, RIGHT, UNLABELLED = "wrong", "right", "unlabelled"
"""How the ids of groups begin."""

_LEVELS = 6
"""Shades of a colour, see `style.css`."""


@dataclass(frozen=True)
class Cell:
    """A cell of the matrix.

    Attributes:
        rows: how many rows it counts.
        link: the id of the group of its images; None where there is none.
        colour: a class of `style.css`.
        name: what it counts, in words.
    """

    rows: int
    link: str | None
    colour: str
    name: str


def matrix(metrics: Metrics, linked: set[str]) -> list[list[Cell]]:
    """Return the cells: rows are true digits, columns predicted ones.

    The colour of right ones is their share of the true digit. Mistakes have a scale of their own:
    the square root of their share of the most frequent one, so that 1 is seen beside 100.

    Args:
        metrics: what is counted.
        linked: ids of the groups of images on the page.
    """
    most_wrong = max((rows for _, _, rows in metrics.confused_pairs(1)), default=1)
    return [
        [
            _cell(
                group_id(true, predicted),
                f"{_read_as(true, predicted)}: {counted(rows, 'row')}",
                rows,
                rows / max(sum(line), 1) if true == predicted else (rows / most_wrong) ** 0.5,
                linked,
            )
            for predicted, rows in enumerate(line)
        ]
        for true, line in enumerate(metrics.confusion_matrix.tolist())
    ]


def groups(cells: Iterable[GalleryCell]) -> list[Group]:
    """Return the groups of images: wrong ones first, and of these the most frequent first."""
    found = [
        Group(
            group_id(cell.label, cell.prediction),
            _read_as(cell.label, cell.prediction).capitalize(),
            cell.rows,
            [_picture(image) for image in cell.images],
        )
        for cell in cells
    ]
    wrong = [group for group in found if group.id.startswith(WRONG)]
    others = [group for group in found if not group.id.startswith(WRONG)]
    return sorted(wrong, key=lambda group: -group.rows) + others


def group_id(label: int | None, prediction: int) -> str:
    """Return the id of the group of a true and a predicted digit."""
    if label is None:
        return f"{UNLABELLED}-{prediction}"
    return f"{RIGHT if label == prediction else WRONG}-{label}-{prediction}"


def _cell(link: str, name: str, rows: int, share: float, linked: set[str]) -> Cell:
    if not rows:
        return Cell(0, None, "none", name)
    colour = f"{link.partition('-')[0]}{max(1, round(_LEVELS * share))}"
    return Cell(rows, link if link in linked else None, colour, name)


def _picture(image: GalleryImage) -> Picture:
    read = _read_as(image.label, image.prediction)
    title = "" if image.confidence is None else confidence(image.confidence)
    return Picture(read, title, image.source, image.row, image.image, image.original)


def _read_as(label: int | None, prediction: int) -> str:
    return f"read as {prediction}" if label is None else f"{label} read as {prediction}"
