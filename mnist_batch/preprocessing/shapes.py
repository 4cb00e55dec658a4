"""Tell a digit's shape from shadows, grain, blocks and dashes.

The thresholds lie between 1,300 digits, of each kind of `make reading` and closely cropped, and 340
things found on 760 blank sheets: plain, ruled, squared, photographed in a shadow.
"""

import cv2
import numpy as np

from mnist_batch.preprocessing.ink import (
    Mask,
    components,
    distance_to_edge,
    run_edges,
    stroke_width,
)

_WIDEST = 3
"""Width of a digit at most, in its heights, of which digits have at most 2.6: what is wider is a
dash or a piece of a line."""
_FULLEST, _NARROW = 0.86, 0.5
"""Share of its box that a digit covers at most, if it is not narrow: a 1, whose width is at most
this share of its height, may cover all. Digits cover up to 0.66, a bold 1 up to 0.86."""
_MOST_HOLES, _LEAST_HOLE, _LEAST_HOLE_PIXELS = 4, 0.0015, 2
"""Holes of a digit at most, where an 8 has two, and pixels enlarged to squares add some. Only those
of this share of its ink and of so many pixels count, since there are specks in strokes."""
_ROUGHEST = 1.35
"""Length of the outline at most, in lengths of both sides of a stroke of the same width and area.
Digits have up to 1.27, in the strongest noise; grain more."""
_ALONG, _UNEVEN = 0.6, 0.45
"""Share of its box along which a shadow's corner touches a side of the picture, and the deviation
of its width from which it is one, in mean widths."""
_FOLD, _FOLD_INKED = 0.02, 0.95
"""Thickness of a fold at most, as a share of the picture's longer side; and share of the straight
line between its ends that is ink at least."""
_FOLD_END = 6
"""Distance from the end of a line, in thicknesses, within which no other stroke begins beside a
fold."""
_FOLD_EMPTY, _SHORTEST_FOLD, _MOST_ENDS = 0.4, 0.5, 12
"""Share of the lines beside it that is empty at least; its length at least, in the picture's longer
sides; and places at the sides that are looked at."""


def is_digit_shaped(mask: Mask) -> bool:
    """Tell whether the pixels of a mask, in a box of any size, may be a digit by their shape."""
    left, top, width, height = cv2.boundingRect(mask)
    digit = np.ascontiguousarray(mask[top : top + height, left : left + width])
    area = int(digit.sum())
    if width > _WIDEST * height or (width > _NARROW * height and area > _FULLEST * width * height):
        return False
    if _holes(digit, area) > _MOST_HOLES or _is_wedge(mask, digit) or _has_fold(mask):
        return False
    outlines, _ = cv2.findContours(digit, cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    length = sum(cv2.arcLength(outline, True) for outline in outlines)
    return bool(length * stroke_width(digit) <= _ROUGHEST * 2 * area)


def _is_wedge(mask: Mask, digit: Mask) -> bool:
    """Tell whether a digit is a corner or a band of the page: along its sides, of no even width."""
    rows, columns = digit.shape
    top, bottom = mask[0].sum() / columns, mask[-1].sum() / columns
    left, right = mask[:, 0].sum() / rows, mask[:, -1].sum() / rows
    if columns > _NARROW * rows and max(min(top, bottom), min(left, right)) >= _ALONG:
        return True
    if max(top, bottom, left, right) < _ALONG:
        return False
    distance = distance_to_edge(digit)
    middle = distance[(distance >= cv2.dilate(distance, np.ones((3, 3), np.uint8))) & (digit > 0)]
    return bool(middle.std() > _UNEVEN * middle.mean())


def _has_fold(mask: Mask) -> bool:
    """Tell whether a thin straight line runs through from one side of the picture to another."""
    height, width = mask.shape
    thickest = max(2.0, _FOLD * max(mask.shape))
    ends: list[tuple[int, float, float]] = []
    for side, pixels in enumerate((mask[0], mask[-1], mask[:, 0], mask[:, -1])):
        edges = run_edges(pixels)
        for first, last in zip(edges[::2], edges[1::2], strict=True):
            if last - first <= 2 * thickest:  # it may be slanted
                middle = (first + last - 1) / 2
                row = (0, height - 1, middle, middle)[side]
                ends.append((side, row, (middle, middle, 0, width - 1)[side]))
    return any(
        one[0] != other[0]
        and _is_thin_line(mask, one[1:], other[1:], thickest)
        and not any(_begins_stroke(mask, end[1:], _FOLD_END * thickest) for end in (one, other))
        for place, one in enumerate(ends[:_MOST_ENDS])
        for other in ends[place + 1 : _MOST_ENDS]
    )


def _begins_stroke(mask: Mask, end: tuple[float, float], radius: float) -> bool:
    """Tell whether another stroke begins near the end of a line, as above the foot of a 2."""
    angles = np.linspace(0, 2 * np.pi, 360, endpoint=False)
    rows = np.rint(end[0] + radius * np.sin(angles)).astype(int)
    columns = np.rint(end[1] + radius * np.cos(angles)).astype(int)
    inside = (rows >= 0) & (rows < mask.shape[0]) & (columns >= 0) & (columns < mask.shape[1])
    inked = np.zeros(len(angles), bool)
    inked[inside] = mask[rows[inside], columns[inside]] > 0
    return int((inked & ~np.roll(inked, 1)).sum()) > 1


def _is_thin_line(
    mask: Mask, start: tuple[float, float], end: tuple[float, float], thickest: float
) -> bool:
    """Tell whether there is ink along the straight line between two places, but not beside it."""
    down, across = end[0] - start[0], end[1] - start[1]
    length = float(np.hypot(down, across))
    if length < _SHORTEST_FOLD * max(mask.shape):
        return False
    shares = np.linspace(0, 1, int(length) + 1)
    rows, columns = start[0] + shares * down, start[1] + shares * across

    def inked(aside: float) -> float:
        """Return the share of ink along the line, moved aside."""
        y = np.rint(rows + aside * across / length).astype(int).clip(0, mask.shape[0] - 1)
        x = np.rint(columns - aside * down / length).astype(int).clip(0, mask.shape[1] - 1)
        return float(mask[y, x].mean())

    return (
        max(inked(-1), inked(0), inked(1)) >= _FOLD_INKED
        and max(inked(-thickest), inked(thickest)) < 1 - _FOLD_EMPTY
    )


def _holes(digit: Mask, area: int) -> int:
    """Return the number of holes in a digit of an area, without specks."""
    framed = cv2.copyMakeBorder(1 - digit, 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=1)
    _, _, stats = components(np.asarray(framed, np.uint8), connectivity=4)
    # The first is the digit, the largest of the others what is around it.
    least = max(_LEAST_HOLE_PIXELS, _LEAST_HOLE * area)
    return int((stats[1:, cv2.CC_STAT_AREA] >= least).sum()) - 1
