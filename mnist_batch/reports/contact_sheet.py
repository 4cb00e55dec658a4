"""Sheets of images with what they are and how they were read: samples and mistakes.

Each function returns a matplotlib figure, see `figures`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from mnist_batch.mnist import SIDE
from mnist_batch.reports.figures import (
    QUIET,
    SMALL,
    blank,
    class_name,
    fitted,
    shortened,
    write_title,
)
from mnist_batch.reports.number_text import counted, decimal
from mnist_batch.schema import DIGITS, Classes, holds_rows

# Not imported in the process that draws, which does with less.
if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from mnist_batch.evaluation.gallery import GalleryCell, GalleryImage
    from mnist_batch.evaluation.samples import Samples

MISTAKES = 20
"""Images of the sheet of mistakes, at most."""

RIGHT = "black"
WRONG = "#c62828"

_NAME = 20
"""Characters of the name of a class."""

_NAME_WIDTH = 90.0
"""Points that it may take."""

_COLUMNS = 5
_WIDTH = 11.0
"""Inches of a sheet."""

# Lengths in units of an image's side.
_GAP = 0.18
_MARGIN = 0.04
_ABOVE, _BELOW = 0.24, 0.20
"""Room for what is written above an image and below it."""

_POINTS = 72 * _WIDTH / (_COLUMNS * (1 + _GAP) - _GAP + 2 * _MARGIN)
"""Points of an image's side, the unit."""


@dataclass(frozen=True, eq=False)
class Tile:
    """An image of a sheet, with no more of its name than can be drawn.

    Attributes:
        image: uint8 (28, 28), light strokes on black.
        name: its file.
        row: its row in a file that has several; None for others.
        label: the true class; None without a label.
        prediction: the predicted class.
        confidence: of the prediction, 0 to 1; None where it is not known.
        names: of the label and the prediction; None for their numbers.
        digit: its number in a picture that was split; None for others.
    """

    image: NDArray[np.uint8]
    name: str
    row: int | None
    label: int | None
    prediction: int
    confidence: float | None
    names: tuple[str, str] | None = None
    digit: int | None = None


def sample_tiles(samples: "Samples", classes: Classes = DIGITS) -> list[Tile]:
    """Return the tiles of samples.

    Raises:
        ValueError: the samples have no images.
    """
    if samples.images is None:
        raise ValueError("the samples have no images; add them with Samples.with_images")
    rows = zip(
        samples.images,
        samples.source,
        samples.row.tolist(),
        samples.label,
        samples.prediction,
        samples.confidence,
        strict=True,
    )
    names = classes.short_names(_NAME)
    digits = samples.digit or [None] * len(samples.index)
    tiles = (_tile(names, *row) for row in rows)
    return [replace(tile, digit=digit) for tile, digit in zip(tiles, digits, strict=True)]


def mistake_tiles(gallery: "Sequence[GalleryCell]", classes: Classes = DIGITS) -> list[Tile]:
    """Return the tiles of the most confident mistakes whose images are at hand."""
    mistakes = (
        image
        for cell in gallery
        if cell.label not in (None, cell.prediction)
        for image in cell.images
    )
    chosen = sorted(mistakes, key=_least_confident_last)
    names = classes.short_names(_NAME)
    tiles = [
        replace(
            _tile(names, one.image, one.source, one.row, one.label, one.prediction, one.confidence),
            digit=one.digit,
        )
        for one in chosen
        if one.image is not None
    ]
    return tiles[:MISTAKES]


def _tile(
    names: Sequence[str],
    image: NDArray[np.uint8],
    source: str,
    row: int,
    label: int | None,
    prediction: int,
    confidence: float | None,
) -> Tile:
    return Tile(
        image=image,
        name=shortened(source),
        row=_row(source, row),
        label=label,
        prediction=prediction,
        confidence=confidence,
        names=("" if label is None else names[label], names[prediction]),
    )


def _least_confident_last(image: "GalleryImage") -> tuple[float, int]:
    return -(image.confidence or 0.0), image.index


def _row(source: str, row: int) -> int | None:
    return row if row or holds_rows(source) else None


def _title(tile: Tile) -> str:
    """Return what an image is and was read as, in two lines where the names are long."""
    label, prediction = tile.names or (str(tile.label), str(tile.prediction))
    title = f"predict:{class_name(tile.prediction, prediction, _NAME_WIDTH, SMALL)}"
    if tile.label is not None:
        separator = " " if _is_short(tile) else "\n"
        name = class_name(tile.label, label, _NAME_WIDTH, SMALL)
        title = f"actual:{name},{separator}{title}"
    return title


def _is_short(tile: Tile) -> bool:
    return all(len(name) <= 2 for name in tile.names or ())


def samples_figure(tiles: Sequence[Tile]) -> "Figure":
    """Draw images, five in a row, titled `actual:3, predict:3`, in red where they differ."""
    return _sheet(tiles, head=0.0)


def mistakes_figure(tiles: Sequence[Tile], mistakes: int, caption: str = "") -> "Figure":
    """Draw the most confident mistakes, `mistakes` in all, in the form of the samples.

    `caption` says where they are from.
    """
    figure = _sheet(tiles, head=0.34)
    shown = f"{len(tiles):,} most confident of " if len(tiles) < mistakes else ""
    write_title(figure, f"{shown}{counted(mistakes, 'mistake')}", caption)
    return figure


def _sheet(tiles: Sequence[Tile], head: float) -> "Figure":
    """Draw tiles, five in a row, under room for a title of the height `head`."""
    from matplotlib.colors import Normalize

    from mnist_batch.reports.drawing.pixel_image import PixelImage

    rows = -(-max(len(tiles), 1) // _COLUMNS)
    step = _ABOVE + 1 + _BELOW
    width = _COLUMNS * (1 + _GAP) - _GAP + 2 * _MARGIN
    height = head + rows * step
    figure = blank(_WIDTH, _WIDTH * height / width)
    # One axes for all: ten with their ticks would take five times as long.
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(-_MARGIN, width - _MARGIN)
    axes.set_ylim(height, 0)
    axes.set_axis_off()
    grey = Normalize(0, 255)
    for place, tile in enumerate(tiles):
        row, column = divmod(place, _COLUMNS)
        left, top = column * (1 + _GAP), head + row * step + _ABOVE
        extent = (left, left + 1, top + 1, top)
        # Imshow would set up the axes for each.
        shown = PixelImage(axes, cmap="gray", norm=grey, extent=extent)
        shown.set_data(tile.image.reshape(SIDE, SIDE))
        axes.add_image(shown)
        color = RIGHT if tile.label in (None, tile.prediction) else WRONG
        heading = axes.text(left + 0.5, top - 0.05, _title(tile), color=color, ha="center")
        heading.set(fontsize=12 if _is_short(tile) else SMALL, parse_math=False)
        confidence = "" if tile.confidence is None else f"  {decimal(tile.confidence, 3)}"
        which = "" if tile.row is None else f", row {tile.row:,}"
        if tile.digit is not None:  # as in names of --save-prepared, where there is little room
            which += f"-{tile.digit}" if which else f", digit {tile.digit}"
        end = f"{which}{confidence}"
        room = _POINTS - len(end) * 0.6 * SMALL  # few characters of these are wider
        name = fitted(tile.name, room, SMALL)
        if not name.isascii():  # else a name written from right to left takes the number with it
            name = f"\N{LEFT-TO-RIGHT MARK}{name}"
        below = axes.text(left + 0.5, top + 1.11, f"{name}{end}", color=QUIET)
        below.set(ha="center", va="baseline", fontsize=SMALL, parse_math=False)
    return figure
