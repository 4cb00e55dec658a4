"""The confusion matrix of the report's page, and the images that its cells lead to."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from mnist_batch.evaluation.gallery import GalleryCell, GalleryImage
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.mnist import CLASSES
from mnist_batch.reports.number_text import confidence, count, counted, percent
from mnist_batch.reports.thumbnails import Group, Picture
from mnist_batch.schema import Classes

WRONG, RIGHT, UNLABELLED = "wrong", "right", "unlabelled"
"""How the ids of groups begin."""

NAME = 24
"""Characters of the name of a class on a page."""

MOST = 64
"""Classes of a matrix: EMNIST has 62, and the page room for 4,096 cells."""

PAIRS = 10
"""Pairs of classes that are listed, where the matrix is too large to see them in it."""

GROUPS = 100
"""Groups of images of a kind, more than the 90 kinds of mistakes that ten classes have."""

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


class Line(NamedTuple):
    """A row of the matrix: the true class by its name, and its cells."""

    name: str
    cells: Sequence[Cell]


class Kind(NamedTuple):
    """Groups of images, and how many more there are."""

    groups: Sequence[Group]
    left_out: int


def matrix(metrics: Metrics, linked: set[str]) -> list[Line]:
    """Return the rows of the matrix: true classes; columns are the same ones, as predicted.

    The colour of right ones is their share of the true class. Mistakes have a scale of their own:
    the square root of their share of the most frequent one, so that 1 is seen beside 100.

    Args:
        metrics: what is counted.
        linked: ids of the groups of images on the page.
    """
    most_wrong = max((rows for _, _, rows in metrics.confused_pairs(1)), default=1)
    names, shown = metrics.classes.short_names(NAME), metrics.most_confused(MOST)
    support = metrics.confusion_matrix.sum(axis=1).tolist()
    counts = metrics.confusion_matrix[np.ix_(shown, shown)].tolist()
    return [
        Line(
            names[true],
            [
                _cell(
                    group_id(true, predicted),
                    f"{_read_as(true, predicted, names)}: {counted(rows, 'row')}",
                    rows,
                    rows / max(support[true], 1)
                    if true == predicted
                    else (rows / most_wrong) ** 0.5,
                    linked,
                )
                for predicted, rows in zip(shown, line, strict=True)
            ],
        )
        for true, line in zip(shown, counts, strict=True)
    ]


def pairs(metrics: Metrics, linked: set[str]) -> list[list[object]]:
    """Return a row for each pair that is most often confused: names, rows, share of the true class.

    There are none of ten classes or fewer, whose matrix is small enough to see them in it.
    """
    if metrics.classes.count <= CLASSES:
        return []
    names, support = metrics.classes.short_names(NAME), metrics.confusion_matrix.sum(axis=1)
    return [
        [
            Markup("{} read as {}").format(isolated(names[true]), isolated(names[predicted])),
            _linked(rows, group_id(true, predicted), linked, _read_as(true, predicted, names)),
            percent(rows / int(support[true])),
        ]
        for true, predicted, rows in metrics.confused_pairs(PAIRS)
    ]


def isolated(name: str) -> Markup:
    """Return a name on its own: one written from right to left takes no neighbour with it."""
    return Markup("<bdi>{}</bdi>").format(name)


def _linked(rows: int, link: str, linked: set[str], name: str) -> str:
    """Return a count that leads to its images, where they are on the page."""
    shown = count(rows)
    if link not in linked:
        return shown
    return Markup('<a href="#{}" aria-label="{}: {}">{}</a>').format(link, name, shown, shown)


def groups(cells: Iterable[GalleryCell], classes: Classes) -> Mapping[str, Kind]:
    """Return the groups of images by kind: `WRONG`, `RIGHT` and `UNLABELLED`, `GROUPS` of each.

    Of the wrong ones these are the most frequent, which come first; of the others those whose first
    image was read with the least confidence, in the order of the classes.
    """
    names = classes.short_names(NAME)
    kinds: dict[str, list[GalleryCell]] = {WRONG: [], RIGHT: [], UNLABELLED: []}
    for cell in cells:
        kinds[_kind(cell.label, cell.prediction)].append(cell)
    kinds[WRONG].sort(key=lambda cell: -cell.rows)
    for kind in (RIGHT, UNLABELLED):
        if len(kinds[kind]) > GROUPS:
            kinds[kind].sort(key=_confidence)
            kinds[kind][:GROUPS] = sorted(kinds[kind][:GROUPS], key=lambda cell: cell.prediction)
    return {
        kind: Kind([_group(cell, names) for cell in found[:GROUPS]], len(found[GROUPS:]))
        for kind, found in kinds.items()
    }


def group_id(label: int | None, prediction: int) -> str:
    """Return the id of the group of a true and a predicted class."""
    kind = _kind(label, prediction)
    return f"{kind}-{prediction}" if label is None else f"{kind}-{label}-{prediction}"


def _kind(label: int | None, prediction: int) -> str:
    if label is None:
        return UNLABELLED
    return RIGHT if label == prediction else WRONG


def _confidence(cell: GalleryCell) -> float:
    first = cell.images[0].confidence if cell.images else None
    return 1.0 if first is None else first


def _group(cell: GalleryCell, names: Sequence[str]) -> Group:
    read = _read_as(cell.label, cell.prediction, names)
    return Group(
        group_id(cell.label, cell.prediction),
        read.replace("read", "Read", 1) if cell.label is None else read,
        cell.rows,
        [_picture(image, read) for image in cell.images],
    )


def _cell(link: str, name: str, rows: int, share: float, linked: set[str]) -> Cell:
    if not rows:
        return Cell(0, None, "none", name)
    colour = f"{link.partition('-')[0]}{max(1, round(_LEVELS * share))}"
    return Cell(rows, link if link in linked else None, colour, name)


def _picture(image: GalleryImage, read: str) -> Picture:
    title = "" if image.confidence is None else confidence(image.confidence)
    shown = image.image, image.original
    return Picture(read, title, image.source, image.row, *shown, digit=image.digit)


def _read_as(label: int | None, prediction: int, names: Sequence[str]) -> str:
    read = f"read as {names[prediction]}"
    return read if label is None else f"{names[label]} {read}"
