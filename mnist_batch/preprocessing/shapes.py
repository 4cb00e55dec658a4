"""Tell a digit's shape from shadows, grain, blocks and dashes.

The thresholds lie between 1,300 digits, of each kind of `make reading` and closely cropped, and 340
things found on 760 blank sheets: plain, ruled, squared, photographed in a shadow.
"""

import cv2
import numpy as np

from mnist_batch.preprocessing.ink import Mask, distance_to_edge, stroke_width

_WIDEST = 2.5
"""Width of a digit at most, in its heights, of which digits have at most 2.1: what is wider is a
dash or a piece of a line."""
_FULLEST, _NARROW = 0.86, 0.5
"""Share of its box that a digit covers at most, if it is not narrow: a 1, whose width is at most
this share of its height, may cover all. Digits cover up to 0.66, a bold 1 up to 0.86."""
_MOST_HOLES, _LEAST_HOLE, _LEAST_HOLE_PIXELS = 3, 0.0015, 2
"""Holes of a digit at most, where an 8 has two, and in noise one has a third; only holes of this
share of its ink and of so many pixels count, since there are specks in strokes."""
_ROUGHEST = 1.35
"""Length of the outline at most, in lengths of both sides of a stroke of the same width and area.
Digits have up to 1.27, in the strongest noise; grain more."""
_ALONG, _UNEVEN = 0.6, 0.45
"""Share of its box along which a shadow's corner touches a side of the picture, and the deviation
of its width from which it is one, in mean widths."""


def is_digit_shaped(mask: Mask) -> bool:
    """Tell whether the pixels of a mask, in a box of any size, may be a digit by their shape."""
    left, top, width, height = cv2.boundingRect(mask)
    digit = np.ascontiguousarray(mask[top : top + height, left : left + width])
    area = int(digit.sum())
    if width > _WIDEST * height or (width > _NARROW * height and area > _FULLEST * width * height):
        return False
    if _holes(digit, area) > _MOST_HOLES or _is_wedge(mask, digit):
        return False
    outlines, _ = cv2.findContours(digit, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    length = sum(cv2.arcLength(outline, True) for outline in outlines)
    return bool(length * stroke_width(digit) <= _ROUGHEST * 2 * area)


def _is_wedge(mask: Mask, digit: Mask) -> bool:
    """Tell whether a digit is the corner of a shadow: along a side, and of no even width."""
    rows, columns = digit.shape
    along = max(mask[0].sum() / columns, mask[-1].sum() / columns,
                mask[:, 0].sum() / rows, mask[:, -1].sum() / rows)  # fmt: skip
    if along < _ALONG:
        return False
    distance = distance_to_edge(digit)
    middle = distance[(distance >= cv2.dilate(distance, np.ones((3, 3), np.uint8))) & (digit > 0)]
    return bool(middle.std() > _UNEVEN * middle.mean())


def _holes(digit: Mask, area: int) -> int:
    """Return the number of holes in a digit of an area, without specks."""
    framed = cv2.copyMakeBorder(1 - digit, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, _, stats, _ = cv2.connectedComponentsWithStats(framed, connectivity=4)
    # The first is the digit, the largest of the others what is around it.
    least = max(_LEAST_HOLE_PIXELS, _LEAST_HOLE * area)
    return int((np.asarray(stats)[1:, cv2.CC_STAT_AREA] >= least).sum()) - 1
