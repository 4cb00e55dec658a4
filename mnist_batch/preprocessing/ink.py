"""Estimate how much ink each pixel of a grey picture holds, and how wide its strokes are.

A picture is brought to one working size, its noise reduced and its polarity decided (`view`); ink
is what is darker than the background around it (`ink_strength`).
"""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mnist_batch.mnist import SIDE
from mnist_batch.schema import Grey

Ink = npt.NDArray[np.float32]
"""Ink in each pixel: float32 (h, w), 0 none to 1 all."""

Mask = npt.NDArray[np.uint8]
"""Pixels that belong to something: uint8 (h, w), 0 or 1."""

LONGEST_SIDE = 256
"""Working size: larger pictures are shrunk to a longer side of so many pixels. With 320 no more
pictures were read, in half as much time again (commit a5feb60)."""
_LONG, _MOST_TIMES = 4, 4
"""Longer side in shorter ones from which a picture is a line of digits, and is shrunk less, so that
its shorter side keeps its pixels; and the times of `LONGEST_SIDE` that the longer one may have.
Lines of 20 digits in 1,220 by 90 pixels are found so, and none without. What is lower than an image
of MNIST holds no line of digits."""
_LARGE = 2**20
"""Pixels of a picture from which it is halved before it is shrunk to another scale."""
_SHORTEST_SIDE = 112
"""Smaller pictures are enlarged, by a whole number, to a longer side of at least so many pixels,
four times MNIST's 28: a stroke two pixels wide has no inside."""
_SMOOTHED_NOISE = 2.0
"""Noise in grey levels, its standard deviation, above which a picture is smoothed."""
_LEAST_SIGMA, _NOISE_PER_SIGMA, _MOST_SIGMA = 0.3, 40, 1.2
"""Sigma of the smoothing: the least in pixels, the grey levels of noise that add a pixel, and the
most in pixels; more would close the loop of a 6 where strokes are two pixels wide."""
_MOST_16_BIT = 2**16 - 1
"""Highest label of 16 bits."""
_DEVIATIONS_OF_MEDIAN = 0.6745
"""Median of |x| of a normal distribution, in standard deviations."""
_STRIP, _STRIP_BLUR = 0.07, 2
"""Depth of a strip along a side at most, as a share of the picture; and rows over which its edge
may be blurred."""
_STRIP_STEP, _STRIP_STRAIGHT = 4, 0.97
"""Step in grey levels at its edge at least, and the share of the side along which there is one."""
_POLARITY_SIDE, _POLARITY_SHORTEST = 64, 8
"""Longer side in pixels of the copy on which polarity is decided (at 32, 3 pictures are misread),
and the least shorter side, of however narrow a picture."""
_POLARITY_SQUARES = (3, 5, 9, 15, 23, 31)
"""Sides in pixels of that copy of the squares that strokes are narrower than, up to half of it."""
_BORDER = 0.04
"""Width of the border that votes on polarity, as a share of the shorter side."""
_EXTREMES = 0.5
"""Percentage of the pixels left out at either end when black and white of a picture are found."""
_CLEAR_VOTE = 0.5
"""Border vote, of 1, from which on polarity is certain, with no table or shadow across it. If it
never were, 15 pictures would be misread."""
_DARKEST_BACKGROUND = 48
"""Grey level; on a darker background differences count as on this one, or noise would be ink."""
_INKED_MEDIAN, _INKED_MEDIAN_NOISE = 0.6, 6
"""A median difference above this share of the largest and so many standard deviations of the noise
is ink, of a pen that covers half of the picture; a lower one is the background's noise."""
_DARK_BACKGROUND = 0.4
"""Quantile of the background's light at which the noise is given: where it is rather dark."""


@dataclass(frozen=True)
class View:
    """A picture at its working size."""

    grey: Grey  # noise smoothed; strokes are darker than the background
    scale: float  # pixels of the working size to one of the picture
    noise: float  # standard deviation of the noise that is left, in grey levels
    dark_ink: bool  # whether strokes are darker than the background in the picture itself
    doubtful: bool  # whether `dark_ink` may be wrong, since the border is no clear background
    split: bool  # whether the two votes on it contradict each other

    def negative(self) -> "View":
        """Return the view with the other polarity."""
        return replace(self, grey=255 - self.grey, dark_ink=not self.dark_ink)


def extent(shape: tuple[int, ...]) -> int:
    """Return the longer side of a picture; of a long line of digits a few of its shorter sides."""
    return min(max(shape), _LONG * min(shape))


def view(picture: Grey) -> View:
    """Return a picture at its working size, smoothed, with dark ink and no strips at its sides."""
    grey, scale = picture, 1.0
    longest = max(picture.shape)
    shorter = min(picture.shape)
    times = min(max(1.0, longest / shorter / _LONG), _MOST_TIMES) if shorter >= SIDE else 1.0
    most = LONGEST_SIDE * times
    if longest > most:
        scale = most / longest
        grey = _scaled(picture, scale, cv2.INTER_AREA)
    grey = _without_strips(grey)
    noise = _noise(grey)
    if noise > _SMOOTHED_NOISE:
        sigma = min(_MOST_SIGMA, _LEAST_SIGMA + noise / _NOISE_PER_SIGMA)
        grey = _u8(cv2.GaussianBlur(grey, (0, 0), sigma, borderType=cv2.BORDER_REPLICATE))
        # Variances of independent pixels add up, weighted by the kernel, down and across.
        kernel = cv2.getGaussianKernel(2 * math.ceil(3 * sigma) + 1, sigma)
        noise *= float((kernel**2).sum())
    if longest < _SHORTEST_SIDE:
        scale = float(math.ceil(_SHORTEST_SIDE / longest))
        grey = _scaled(grey, scale, cv2.INTER_CUBIC)
    thin, border = _dark_votes(grey)
    doubtful, split = abs(border) < _CLEAR_VOTE, thin * border < 0
    seen = View(grey, scale, noise, dark_ink=True, doubtful=doubtful, split=split)
    return seen if thin + border > 0 else seen.negative()


def _without_strips(picture: Grey) -> Grey:
    """Return a picture whose straight strips along its sides look as what is beside them.

    The edge of the next sheet or of a page in a book may be stronger than the ink.
    """
    grey = picture
    for turns in range(4):
        turned = np.rot90(grey, turns)
        depth = _strip_depth(turned)
        if depth:
            turned = turned.copy()
            turned[:depth] = turned[depth]
            grey = np.rot90(turned, -turns)
    return np.ascontiguousarray(grey)


def _strip_depth(picture: Grey) -> int:
    """Return the rows of a strip at the top, with the blur of its edge; 0 without one."""
    deepest = int(_STRIP * len(picture))
    blur = _STRIP_BLUR
    if deepest < 1 or len(picture) < deepest + 2 * blur:
        return 0
    rows = picture[: deepest + 2 * blur].astype(np.int16)
    steps = rows[blur:] - rows[:-blur]
    darker, lighter = ((sign * steps >= _STRIP_STEP).mean(axis=1) for sign in (1, -1))
    edges = np.flatnonzero(np.maximum(darker, lighter)[:deepest] >= _STRIP_STRAIGHT)
    return int(edges[-1]) + blur if len(edges) else 0


def _scaled(picture: Grey, scale: float, how: int, least: int = 1) -> Grey:
    """Return a picture at another scale, no side shorter than `least`."""
    height, width = (max(least, round(side * scale)) for side in picture.shape)
    if how == cv2.INTER_AREA:
        return shrunk(picture, height, width)
    return _u8(cv2.resize(picture, (width, height), interpolation=how))


def shrunk(picture: Grey, height: int, width: int) -> Grey:
    """Return a picture in so many rows and columns, each pixel the mean of those it stands for.

    A large one is halved first, by up to a row and a column less: that takes a tenth of the time of
    other scales, and moves grey levels by a few at most.
    """
    while picture.size >= _LARGE and height <= len(picture) // 2 and width <= picture.shape[1] // 2:
        rows, columns = len(picture) // 2, picture.shape[1] // 2
        whole = picture[: 2 * rows, : 2 * columns]
        picture = _u8(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA))
    return _u8(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA))


def _u8(array: npt.NDArray[Any]) -> Grey:
    """Return OpenCV's result on a uint8 picture: uint8 too, which its type hints do not say."""
    return np.asarray(array, np.uint8)


def _noise(grey: Grey) -> float:
    """Return the standard deviation of a picture's noise, in grey levels.

    J. Immerkaer, "Fast noise variance estimation" (1996): a mask that answers neither to slopes nor
    to edges along its axes. The median in place of the mean leaves out the strokes.
    """
    if min(grey.shape) < 3:
        return 0.0
    mask = np.array([1, -2, 1], np.float32)  # down and across; as one mask it takes four times
    answers = np.abs(cv2.sepFilter2D(grey, cv2.CV_16S, mask, mask)[1:-1, 1:-1])
    return quantile(answers.astype(np.uint16), 0.5) / _DEVIATIONS_OF_MEDIAN / 6  # the mask's norm


def run_edges(flags: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """Return where runs of what is not 0 begin and where they end, in turn; flags are (n,)."""
    framed = np.zeros(len(flags) + 2, np.bool_)  # `np.pad` takes fifty times as long
    framed[1:-1] = flags
    return np.flatnonzero(framed[1:] != framed[:-1])


def quantile(values: npt.NDArray[np.integer], share: float) -> int:
    """Return a quantile of whole numbers from 0 on, by counting: many times as fast as sorting."""
    if values.dtype in (np.uint8, np.uint16):  # in a third of bincount's time
        bins = 256 if values.dtype == np.uint8 else int(values.max()) + 1
        counts = cv2.calcHist([values.reshape(1, -1)], [0], None, [bins], [0, bins])
    else:
        counts = np.bincount(values.reshape(-1))
    up_to = np.cumsum(counts, dtype=np.float64)
    return int(np.searchsorted(up_to, share * up_to[-1]))


def _dark_votes(grey: Grey) -> tuple[float, float]:
    """Return two votes on whether strokes are darker than the background, -1 no to 1 yes.

    Thin: a black hat keeps what is dark and narrower than its square, a top hat what is light and
    narrower. Strokes are narrower than what they enclose, so smaller squares weigh more. That holds
    where half of the picture is in shadow. Border: strokes seldom reach it, which holds for a thick
    pen too, in even light and without a table.
    """
    scale = _POLARITY_SIDE / max(grey.shape)
    small = _scaled(grey, scale, cv2.INTER_AREA, least=_POLARITY_SHORTEST)
    energy = {cv2.MORPH_BLACKHAT: 0.0, cv2.MORPH_TOPHAT: 0.0}
    for side in _POLARITY_SQUARES:
        square = np.ones((side, side), np.uint8)
        for kind in energy:
            narrow = cv2.morphologyEx(small, kind, square, borderType=cv2.BORDER_REPLICATE)
            energy[kind] += cv2.norm(narrow, cv2.NORM_L2SQR) / side**2
    dark, light = energy.values()
    thin = (dark - light) / (dark + light or 1.0)
    width = max(1, round(_BORDER * min(small.shape)))
    sides = small[:width], small[-width:], small[:, :width], small[:, -width:]
    border = np.concatenate([side.reshape(-1) for side in sides]).astype(np.float32)
    low, high = np.percentile(small, [_EXTREMES, 100 - _EXTREMES])
    votes = (border - (low + high) / 2) / max((high - low) / 2, 1)
    return thin, float(np.clip(votes, -1, 1).mean())


def ink_strength(seen: View, closing_side: int) -> tuple[Grey, float]:
    """Return how much darker each pixel is than the background around it.

    The background is the view's closing, which fills what is dark and narrower than its square, and
    follows the edge of a shadow. Ink absorbs a share of the light, so the difference is taken as a
    share of the background: the same stroke is as strong in the shadow as beside it.

    Args:
        seen: the picture.
        closing_side: side of the closing's square in pixels, wider than any stroke; odd.

    Returns:
        uint8 (h, w), 0 no ink to 255 black ink; and the standard deviation of its noise, as it is
        where the background is rather dark.
    """
    # The picture goes on beyond its sides, or else the dark end of a slope would be a hollow.
    margin = 2 * (closing_side // 2)  # the closing looks so far; of one pixel it changes nothing
    wide = _u8(cv2.copyMakeBorder(seen.grey, margin, margin, margin, margin, cv2.BORDER_REPLICATE))
    inner = slice(margin, -margin or None)
    for turned in (np.rot90(wide, turns) for turns in range(4)):
        turned[:margin, inner] = _without_hollows(turned[margin, inner])
    lightest = _of_squares(cv2.max, wide, closing_side)
    background = _of_squares(cv2.min, lightest, closing_side)
    light = np.maximum(background, _DARKEST_BACKGROUND)
    difference = background - seen.grey
    # Closing takes the lightest of the noise for the background, everywhere.
    usual = np.uint8(quantile(difference, 0.5))
    if usual > max(_INKED_MEDIAN * difference.max(), _INKED_MEDIAN_NOISE * seen.noise):
        usual = np.uint8(0)
    strength = _u8(cv2.divide(np.maximum(difference, usual) - usual, light, scale=255))
    return strength, seen.noise * 255 / quantile(light, _DARK_BACKGROUND)


def _of_squares(extreme: Callable[..., Any], grey: Grey, side: int) -> Grey:
    """Return the lightest or darkest of each square that lies within a picture.

    In steps that double: OpenCV's own takes time as the side of the square, three times as much.

    Args:
        extreme: `cv2.max` or `cv2.min`.
        grey: uint8 (h, w).
        side: of the square, in pixels.

    Returns:
        uint8 (h - side + 1, w - side + 1).
    """
    seen = 1
    while seen < side:
        step = min(seen, side - seen)
        grey = extreme(grey[:-step], grey[step:])
        grey = extreme(grey[:, :-step], grey[:, step:])
        seen += step
    return _u8(grey)


def _without_hollows(side: Grey) -> Grey:
    """Return the pixels along a side, as light as what is lighter on both ends of a stroke there.

    A stroke along the side does not go on beyond it; a slope, darkest at one end, does.
    """
    before = np.maximum.accumulate(side)
    after = np.maximum.accumulate(side[::-1])[::-1]
    return np.minimum(before, after)


def components(
    mask: Mask, connectivity: int = 8
) -> tuple[int, npt.NDArray[Any], npt.NDArray[np.int32]]:
    """Return the connected components of a mask.

    Args:
        mask: whose pixels are joined.
        connectivity: 8 where pixels that touch at a corner are connected, else 4.

    Returns:
        Their number, the background as the first; the label of each pixel, (h, w); and int32
        (number, 5): left, top, width, height and area of each.
    """
    # Labels of 16 bits take half of the time.
    most = (mask.size + len(mask)) // 2 + 1  # every other pixel, as on a chessboard
    kind = cv2.CV_16U if most <= _MOST_16_BIT else cv2.CV_32S
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(
        mask, connectivity=connectivity, ltype=kind
    )
    return count, np.asarray(labels), np.asarray(boxes, np.int32)


def stroke_width(mask: Mask) -> float:
    """Return the mean width of strokes in pixels, at least 1.

    Along the middle of a stroke the distance to its edge, half a pixel beyond the last one in it,
    is half its width.
    """
    distance = distance_to_edge(mask)
    middle = (distance >= cv2.dilate(distance, np.ones((3, 3), np.uint8))) & (distance > 0)
    return max(1.0, 2 * float(distance[middle].mean()) - 1)


def distance_to_edge(mask: Mask) -> npt.NDArray[np.float32]:
    """Return the distance transform of a mask: 0 outside, 1 on its edge, and so on inwards."""
    framed = cv2.copyMakeBorder(mask, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
    return np.asarray(cv2.distanceTransform(framed, cv2.DIST_L2, 3)[1:-1, 1:-1], np.float32)
