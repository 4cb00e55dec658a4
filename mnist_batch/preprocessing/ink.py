"""From a grey picture to how much ink its pixels hold: strokes apart from what they lie on."""

import math
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mnist_batch.schema import Grey

LONGEST_SIDE = 256
"""A larger picture is looked at in this size."""

_SHORTEST_SIDE = 112
"""A picture whose longer side is below this is enlarged at least to it: strokes of two pixels have
no inside."""


@dataclass(frozen=True)
class View:
    """A picture in the size in which it is looked at.

    Attributes:
        grey: uint8 (h, w), noise smoothed; strokes are darker than what they lie on.
        scale: its pixels to one of the picture.
        noise: standard deviation of what noise is left, in grey levels.
        dark_ink: whether strokes were darker before.
        doubtful: whether that may be wrong, for the border is no clear ground.
        split: whether its two signs contradict each other.
    """

    grey: Grey
    scale: float
    noise: float
    dark_ink: bool
    doubtful: bool
    split: bool

    def negative(self) -> "View":
        """Return the picture with light for dark."""
        return replace(self, grey=255 - self.grey, dark_ink=not self.dark_ink)


def view(picture: Grey) -> View:
    """Return a picture ready to be looked at."""
    grey, scale = picture, 1.0
    longest = max(picture.shape)
    if longest > LONGEST_SIDE:
        scale = LONGEST_SIDE / longest
        grey = _scaled(picture, scale, cv2.INTER_AREA)
    noise = _noise(grey)
    if noise > _SMOOTHED_NOISE:
        # Where strokes are two pixels wide, more would close the loop of a 6.
        sigma = min(1.2, 0.3 + noise / 40)
        grey = _u8(cv2.GaussianBlur(grey, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))
        # Variances of what differs from pixel to pixel add up, weighted, down and across.
        kernel = cv2.getGaussianKernel(2 * math.ceil(3 * sigma) + 1, sigma)
        noise *= float((kernel**2).sum())
    if longest < _SHORTEST_SIDE:
        scale = float(math.ceil(_SHORTEST_SIDE / longest))
        grey = _scaled(grey, scale, cv2.INTER_CUBIC)
    thin, border = _dark_votes(grey)
    doubtful, split = abs(border) < _CLEAR, thin * border < 0
    seen = View(grey, scale, noise, dark_ink=True, doubtful=doubtful, split=split)
    return seen if thin + border > 0 else seen.negative()


def _scaled(picture: Grey, scale: float, how: int, least: int = 1) -> Grey:
    """Return a picture at another scale, no side shorter than `least`."""
    height, width = (max(least, round(side * scale)) for side in picture.shape)
    return _u8(cv2.resize(picture, (width, height), interpolation=how))


def _u8(array: npt.NDArray[Any]) -> Grey:
    """Return what OpenCV made of a uint8 picture: one too, which its type hints do not say."""
    return np.asarray(array, np.uint8)


_SMOOTHED_NOISE = 2.0
"""Grey levels of noise from which on a picture is smoothed."""


def _noise(grey: Grey) -> float:
    """Return the standard deviation of a picture's noise, in grey levels.

    J. Immerkaer, "Fast noise variance estimation" (1996): a mask that answers neither to slopes nor
    to edges along its axes. The median instead of the mean leaves out the strokes.
    """
    if min(grey.shape) < 3:
        return 0.0
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]], np.float32)
    answers = cv2.filter2D(grey, cv2.CV_16S, mask)[1:-1, 1:-1]
    return quantile(np.abs(answers), 0.5) / 0.6745 / 6


def quantile(values: npt.NDArray[np.integer], share: float) -> int:
    """Return a quantile of whole numbers from 0 on, many times as fast as by sorting."""
    if values.dtype == np.uint8:  # a third of the time of what follows
        counts = cv2.calcHist([values.reshape(1, -1)], [0], None, [256], [0, 256])
    else:
        counts = np.bincount(values.reshape(-1))
    up_to = np.cumsum(counts, dtype=np.float64)
    return int(np.searchsorted(up_to, share * up_to[-1]))


def _dark_votes(grey: Grey) -> tuple[float, float]:
    """Return two votes on whether strokes are darker than what they lie on, -1 no to 1 yes.

    Thin: closing fills what is dark and narrower than its square, opening what is light and narrow;
    strokes are narrower than what they enclose, so the smaller squares count for more. That holds
    where half of the picture is in shadow. Border: strokes seldom reach it, which holds for a thick
    pen too, in even light and without a table.
    """
    small = _scaled(grey, _POLARITY_SIDE / max(grey.shape), cv2.INTER_AREA, least=8)
    energy = {cv2.MORPH_BLACKHAT: 0.0, cv2.MORPH_TOPHAT: 0.0}
    for side in _POLARITY_SQUARES:
        square = np.ones((side, side), np.uint8)
        for kind in energy:
            narrow = cv2.morphologyEx(small, kind, square, borderType=cv2.BORDER_REPLICATE)
            energy[kind] += cv2.norm(narrow, cv2.NORM_L2SQR) / side**2
    dark, light = energy.values()
    thin = (dark - light) / (dark + light or 1.0)
    width = max(1, round(0.04 * min(small.shape)))
    sides = small[:width], small[-width:], small[:, :width], small[:, -width:]
    border = np.concatenate([side.reshape(-1) for side in sides]).astype(np.float32)
    low, high = np.percentile(small, [0.5, 99.5])
    votes = (border - (low + high) / 2) / max((high - low) / 2, 1)
    return thin, float(np.clip(votes, -1, 1).mean())


_CLEAR = 0.5
"""Vote of the border from which on it is clear: no table and no shadow lies across it."""

_POLARITY_SIDE = 64
_POLARITY_SQUARES = (3, 5, 9, 15, 23, 31)


def ink_strength(seen: View, reach: int) -> tuple[Grey, float]:
    """Return how much darker each pixel is than what lies around it.

    The ground is the picture's closing, which fills what is dark and narrower than `reach`, and
    follows the edge of a shadow. Ink swallows a share of the light, so the difference is taken as a
    share of the ground: the same stroke is as strong in the shadow as beside it.

    Args:
        seen: the picture.
        reach: side of the closing's square in pixels, wider than any stroke.

    Returns:
        uint8 (h, w), 0 for none to 255 for black ink; and the standard deviation of its noise, as
        it is where the ground is rather dark.
    """
    # The picture goes on beyond its sides, or else the dark end of a slope would be a hollow.
    margin = reach // 2
    wide = cv2.copyMakeBorder(seen.grey, margin, margin, margin, margin, cv2.BORDER_REPLICATE)
    square = np.ones((reach, reach), np.uint8)
    closed = cv2.morphologyEx(wide, cv2.MORPH_CLOSE, square, borderType=cv2.BORDER_REPLICATE)
    ground = _u8(closed)[margin:-margin, margin:-margin]
    light = np.maximum(ground, _DARKEST_GROUND)
    difference = ground - seen.grey
    # Closing takes the lightest of the noise for the ground, everywhere; unless the median is ink,
    # where a thick pen covers more than half of the picture.
    usual = np.uint8(quantile(difference, 0.5))
    if usual > max(0.6 * difference.max(), 6 * seen.noise):
        usual = np.uint8(0)
    strength = _u8(cv2.divide(np.maximum(difference, usual) - usual, light, scale=255))
    return strength, seen.noise * 255 / quantile(light, 0.4)


_DARKEST_GROUND = 48
"""On a ground darker than this, differences are not enlarged any more: they would be noise."""


Ink = npt.NDArray[np.float32]
"""How much ink a pixel holds: float32 (h, w), 0 none to 1 all."""

Mask = npt.NDArray[np.uint8]
"""Pixels that belong to something: uint8 (h, w), 0 or 1."""


def stroke_width(mask: Mask) -> float:
    """Return the mean width of strokes in pixels, at least 1.

    Along the middle of a stroke the distance to its edge, half a pixel beyond the last one in it,
    is half its width.
    """
    distance = distance_to_edge(mask)
    middle = (distance >= cv2.dilate(distance, np.ones((3, 3), np.uint8))) & (distance > 0)
    return max(1.0, 2 * float(distance[middle].mean()) - 1)


def distance_to_edge(mask: Mask) -> npt.NDArray[np.float32]:
    """Return how far each pixel lies within the mask: 0 outside, 1 on its edge, and so on."""
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1], np.float32)
