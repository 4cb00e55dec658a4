"""Extract the digit of a picture of few pixels: icons, scikit-learn's digits of 8x8.

A stroke there is a pixel wide or less and has no edges, so nothing tells it from specks, lines and
grain, which `segmentation` looks for. All that differs from an even background is the digit.
"""

import cv2
import numpy as np
import numpy.typing as npt

from mnist_batch.preprocessing.ink import Ink
from mnist_batch.schema import Grey

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
