"""Extract the digit of a picture of few pixels: icons, scikit-learn's digits of 8x8.

A stroke there is a pixel wide or less and has no edges, so nothing tells it from specks, lines and
grain, which `segmentation` looks for. All that differs from an even background is the digit.
"""

import cv2
import numpy as np
import numpy.typing as npt

from mnist_batch.preprocessing.ink import Ink, run_edges
from mnist_batch.schema import Box, Grey

SMALL_SIDE = 20
"""Longer side in pixels below which a picture is small. Of 500 digits cropped to 18 pixels 0.986
are read so and 0.914 by segmentation; with MNIST's margins 0.984 and 0.986."""
_ROUNDS = 4
"""Times that the background is fitted anew, with what differs from it weighing less."""
_BACKGROUND_QUANTILE = 0.3
"""Share of the border's pixels that lie below the background: with half of them, the median,
strokes that touch the border would be background."""
_LEAST_STRENGTH, _LEAST_DEVIATIONS = 12, 5
"""Strongest ink at least: of 255, as of a larger picture; and in standard deviations of the
background's noise."""
_DEVIATIONS_OF_MEDIAN = 0.512
"""Median distance below the 0.3 quantile of a normal distribution, of what is below it, in standard
deviations."""
_INKED = 0.3
"""Share of the strongest ink from which a pixel counts for the strength of full ink."""
_FULL_QUANTILE = 0.9
"""Quantile of these pixels that is full ink."""
_FAINT, _CONTRAST = 0.15, 0.7
"""Share of full ink up to which ink is the background's, and the range from there to full."""
_MARGIN = 2
"""Pixels of background added around, since a digit may touch the border."""
_ENLARGED = 16
"""Times by which a picture is enlarged: strokes become as smooth as MNIST's."""
_EDGE, _EMPTY = 0.3, 0.25
"""Ink above which a pixel counts for the box of a digit; and up to which a column is empty."""
_PIECE_HEIGHT, _PIECE_MASS, _PIECES_WIDTH = 0.6, 0.2, 0.7
"""Pieces with an empty column between them are digits if each has these shares of the height and of
the ink of all, and all are wider than this share of their height. Of 1,498 digits of MNIST, reduced
to 8 to 19 pixels, and of 1,797 of scikit-learn none is several so; of 240 pairs all are, and of 120
squeezed to 9x18 each 101."""
_WIDEST = 1.75
"""Width of a digit at most, in its heights: of those 1,498 none is wider than 1.7."""


def extract_small(picture: Grey) -> tuple[Ink | None, bool]:
    """Return the ink of a small picture, and whether strokes are darker than the background.

    Enlarged smoothly, by cubic interpolation. None where nothing stands out from the background.
    """
    dark_ink = _has_dark_ink(picture)
    levels = picture.astype(np.float32)
    difference, noise = _above_background(255 - levels if dark_ink else levels)
    strongest = float(difference.max())
    if strongest < max(_LEAST_STRENGTH, _LEAST_DEVIATIONS * noise):
        return None, dark_ink
    full = float(np.quantile(difference[difference > _INKED * strongest], _FULL_QUANTILE))
    framed = np.pad(np.maximum(difference, 0), _MARGIN)
    height, width = (_ENLARGED * side for side in framed.shape)
    large = cv2.resize(framed, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip((large / full - _FAINT) / _CONTRAST, 0, 1).astype(np.float32), dark_ink


def columns_of_digits(ink: Ink) -> list[slice]:
    """Return the columns of each digit in the ink of a small picture, from left to right.

    What is too wide for a digit is two, which meet where there is the least ink.
    """
    left, _, width, height = _box_around(ink)
    if width > _PIECES_WIDTH * height:
        ends = run_edges(ink.max(axis=0) > _EMPTY).tolist()
        pieces = [slice(*piece) for piece in zip(ends[::2], ends[1::2], strict=True)]
        digits = [
            piece
            for piece in pieces
            if _box_around(ink[:, piece])[3] > _PIECE_HEIGHT * height
            and ink[:, piece].sum() > _PIECE_MASS * ink.sum()
        ]
        if len(digits) > 1:
            return digits
    if width > _WIDEST * height:
        middle = slice(left + width // 3, left + 2 * width // 3)
        cut = middle.start + int(ink[:, middle].sum(axis=0).argmin())
        return [slice(left, cut), slice(cut, left + width)]
    return [slice(0, ink.shape[1])]


def small_box(ink: Ink, columns: slice) -> Box:
    """Return the box of a digit in some columns of the ink, in pixels of the small picture."""
    left, top, width, height = _box_around(ink[:, columns])
    sides = [(left + columns.start, width, ink.shape[1]), (top, height, ink.shape[0])]
    (x, across), (y, down) = (_pixels(*side) for side in sides)
    return x, y, across, down


def _pixels(first: int, count: int, side: int) -> tuple[int, int]:
    """Return the first pixel of a small picture that has some of the enlarged ones, and how many.

    `side` is that of the enlarged picture, with its margins.
    """
    last = side // _ENLARGED - 2 * _MARGIN
    start = max(0, round(first / _ENLARGED) - _MARGIN)
    end = min(last, round((first + count) / _ENLARGED) - _MARGIN)
    start = min(start, last - 1)
    return start, max(1, end - start)


def _box_around(ink: Ink) -> Box:
    """Return left, top, width and height of the ink; all 0 without any."""
    left, top, width, height = cv2.boundingRect((ink > _EDGE).astype(np.uint8))
    return left, top, width, height


def _has_dark_ink(picture: Grey) -> bool:
    """Tell whether strokes are darker: the corners and most of the picture are background."""
    levels = picture.astype(np.float32)
    corners = levels[[0, 0, -1, -1], [0, -1, 0, -1]]
    return bool(corners.mean() + levels.mean() > levels.min() + levels.max())


def _above_background(levels: npt.NDArray[np.float32]) -> tuple[npt.NDArray[np.float32], float]:
    """Return how much lighter pixels are than the background, and the deviation of its noise.

    The background is a plane below which a fixed share of the border's pixels lie (R. Koenker and
    G. Bassett, "Regression Quantiles", 1978), by least squares weighted anew.
    """
    height, width = levels.shape
    down, across = np.indices(levels.shape).reshape(2, -1)
    plane = np.stack([np.ones(levels.size), down / height - 0.5, across / width - 0.5], axis=1)
    border = (down == 0) | (down == height - 1) | (across == 0) | (across == width - 1)
    points, values = plane[border], levels.reshape(-1)[border]
    apart = values - np.quantile(values, _BACKGROUND_QUANTILE)
    for _ in range(_ROUNDS):
        share = np.where(apart > 0, _BACKGROUND_QUANTILE, 1 - _BACKGROUND_QUANTILE)
        weights = np.sqrt(share / (np.abs(apart) + 1))
        fit = np.linalg.lstsq(points * weights[:, None], values * weights, rcond=None)[0]
        apart = values - points @ fit
    below = -apart[apart < 0]  # strokes are above
    noise = float(np.median(below)) / _DEVIATIONS_OF_MEDIAN if below.size else 0.0
    return (levels - (plane @ fit).reshape(levels.shape)).astype(np.float32), noise
