"""Extract the ink of the digit from a picture: paper and ink, screens, photographs.

Pictures of few pixels are read by `small_pictures`, pictures within a page found by `tiles`. The
steps for all others: working size, noise, polarity and ink strength (`ink`); ruled lines
(`ruled_lines`), specks, edges and other digits left out (`segmentation`); contrast stretched,
stroke width brought into MNIST's range. This and the modules named import OpenCV, so `mnist_form`
imports this late.

Thresholds here and in these modules say their unit, and their source where one is known. All others
were chosen by trial on the pictures of `make reading` and on real digits. Each was tried at 0.5,
0.8, 1.25 and 2 times its value on 664 pictures (30 of each kind there, 30 of each style of
`generate`, 34 real digits), of which 662 are read: at most 2 are read otherwise, unless a threshold
says more. Most of `segmentation` changes none: it is for tables, grids, grain and other digits.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt

from mnist_batch.mnist import BOX
from mnist_batch.preprocessing.ink import (
    Ink,
    Mask,
    View,
    distance_to_edge,
    extent,
    ink_strength,
    quantile,
    stroke_width,
    view,
)
from mnist_batch.preprocessing.segmentation import find_digit
from mnist_batch.preprocessing.small_pictures import (
    SMALL_SIDE,
    columns_of_digits,
    extract_small,
    small_box,
)
from mnist_batch.preprocessing.tiles import Tile, find_tiles
from mnist_batch.schema import Box, Grey

_WIDEST_STROKE = 0.35
"""Width of a stroke at most, as a share of the longer side: the first closing's square. At half of
it, 4 pictures are misread."""
_CLOSING_WIDTHS, _CLOSING_MARGIN = 1.3, 0.04
"""The second closing's square: in widths of the widest stroke, plus a share of the longer side."""
_CLOSING_GAIN = 0.75
"""The second closing is worth it where its square is below this share of the first one's."""
_BORDER_PENALTY = 0.15
"""Added to a digit that touches the border, in shares of its size by which strokes are broader."""
_CLOSE_UP_SIDE = 80
"""A digit with a shorter box, in pixels of the working size, is extracted again from a crop of the
picture, where it has more."""
_CLOSE_UP_MARGIN = 0.5
"""Margin of the crop on each side, in longer sides of the digit."""
_AS_HIGH = 0.9
"""Height of several digits at least, as a share of that of what may be a tile among them."""
_OTHERS_REACH, _SAME_BOX = 3, 0.5
"""Side of the square, in pixels of the view, within which other digits are hidden in such a crop;
and the share of both boxes that what is found there has in common with the digit at least."""
_WHITE_QUANTILE = 0.75
"""Quantile of the digit's strength that becomes full ink: full strokes, without their edges."""
_FAINT, _CONTRAST = 0.15, 0.7
"""Share of full strength up to which ink is the background's, and the range from there to full."""
_SOLID = 0.5
"""Ink above which a pixel counts for the stroke width."""
_NARROWEST, _WIDEST = 2.0, 4.2
"""Stroke widths that stay, in pixels of MNIST form; nine of ten MNIST images have 1.5 to 3.8."""
_THINNING = 0.4
"""Share of the excess width removed on each side of a stroke; all of it, 0.5, breaks joints."""
_EDGE = 0.3
"""Ink above which a pixel counts for the digit's size: edges fade out."""
_LEAST_GREY = 8
"""Grey level below which a pixel becomes black, as nearly all of MNIST's background is."""


@dataclass(frozen=True)
class Extracted:
    """The digit of a picture."""

    ink: Ink | None  # in the picture's proportions; None without a digit
    dark_ink: bool  # whether strokes are darker than the background
    digits: int  # number of separate digits; `ink` is the largest
    lines: int = 1  # in which these stand


class DigitInk(NamedTuple):
    """One of the digits of a picture."""

    ink: Ink  # in the picture's proportions
    box: Box  # around it, in pixels of the picture


def extract_digit(picture: Grey) -> Extracted:
    """Extract the largest digit, its strokes about as wide as MNIST's for its size.

    Where polarity is doubtful, both are tried: the digit with the narrower strokes counts. Of a
    page with pictures on it, it is the digit of the largest of these. The picture is of any size
    from 1x1.
    """
    if max(picture.shape) < SMALL_SIDE:
        ink, dark_ink = extract_small(picture)
        count = 0 if ink is None else len(columns_of_digits(ink))
        return Extracted(ink, dark_ink, count)
    on_page, located = _tiles(picture)
    tiles = [extract_digit(tile.picture) for tile in on_page]
    if inside := [tile for tile in tiles if tile.digits]:
        digits = sum(tile.digits for tile in inside)
        return replace(inside[0], digits=digits, lines=max(tile.lines for tile in inside))
    return _extract_from_page(picture, *(located or _located(picture)))


def _tiles(picture: Grey) -> tuple[list[Tile], "_Located | None"]:
    """Return the pictures within a picture; none where several digits are as high as these.

    What is enclosed by strokes and the ruled lines that they cross has four corners too. Where
    there are four corners, the digit of the whole picture comes with the tiles.
    """
    tiles = find_tiles(picture)
    if not tiles:
        return [], None
    seen, found = _located(picture)
    digits = [] if found is None else [mask for line in found.lines for mask in line]
    heights = sorted(cv2.boundingRect(mask)[3] / seen.scale for mask in digits)
    highest = max(tile.picture.shape[0] for tile in tiles)
    as_high = len(heights) > 1 and heights[len(heights) // 2] > _AS_HIGH * highest
    return [] if as_high else tiles, (seen, found)


def _extract_from_page(picture: Grey, seen: View, found: "_Found | None") -> Extracted:
    """Extract the digit that was located in a picture without others in it."""
    if found is None:
        return Extracted(None, seen.dark_ink, 0)
    close_up = None
    if seen.scale < 1 and max(found.strength.shape) < _CLOSE_UP_SIDE:
        close_up = _find(view(_crop_around(picture, found, seen.scale)))
    digits = sum(map(len, found.lines))
    return Extracted(_normalized(close_up or found), seen.dark_ink, digits, len(found.lines))


def extract_digits(picture: Grey) -> list[DigitInk]:
    """Extract all digits of a picture in reading order, each as `extract_digit` does the largest.

    Line by line from the top, each line from the left. One digit is what `extract_digit` extracts.
    """
    if max(picture.shape) < SMALL_SIDE:
        ink, _ = extract_small(picture)
        if ink is None:
            return []
        columns = columns_of_digits(ink)
        return [DigitInk(np.ascontiguousarray(ink[:, one]), small_box(ink, one)) for one in columns]
    tiles, located = _tiles(picture)
    if inside := _digits_of_tiles(tiles):
        return inside
    seen, found = located or _located(picture)
    if found is None:
        return []
    masks = [mask for line in found.lines for mask in line]
    if len(masks) == 1:
        ink = _extract_from_page(picture, seen, found).ink
        assert ink is not None
        return [DigitInk(ink, found.box_in(picture, seen.scale))]
    all_digits = np.bitwise_or.reduce(masks)
    return [_extract_one(picture, seen, found.of(mask), all_digits - mask) for mask in masks]


def _digits_of_tiles(tiles: Sequence[Tile]) -> list[DigitInk]:
    """Extract the digits of the pictures on a page: line by line, each line from the left."""
    found = [
        DigitInk(ink, tile.box_in_page(box)) for tile in tiles
        for ink, box in extract_digits(tile.picture)
    ]  # fmt: skip
    lines: list[list[DigitInk]] = []
    for digit in sorted(found, key=lambda digit: digit.box[1]):
        _, top, _, height = digit.box
        if lines and top + height / 2 < lines[-1][0].box[1] + lines[-1][0].box[3]:
            lines[-1].append(digit)
        else:
            lines.append([digit])
    return [one for line in lines for one in sorted(line, key=lambda digit: digit.box[0])]


def _extract_one(picture: Grey, seen: View, found: "_Found", others: Mask) -> DigitInk:
    """Extract a digit without the others: from a crop of the picture where it has more pixels."""
    if seen.scale < 1 and max(found.strength.shape) < _CLOSE_UP_SIDE:
        top, left, bottom, right = _around(picture, found, seen.scale)
        close = view(np.ascontiguousarray(picture[top:bottom, left:right]))
        if close.dark_ink != seen.dark_ink:
            close = close.negative()
        # The same part of the view, which is the picture at another scale.
        rows, columns = (
            slice(int(first * seen.scale), math.ceil(last * seen.scale))
            for first, last in ((top, bottom), (left, right))
        )
        spread = cv2.dilate(others, np.ones((_OTHERS_REACH, _OTHERS_REACH), np.uint8))
        size = close.grey.shape[1], close.grey.shape[0]
        hidden = cv2.resize(spread[rows, columns], size, interpolation=cv2.INTER_NEAREST)
        nearer = _find(close, np.asarray(hidden, np.uint8))
        if nearer is not None:
            crop = picture[top:bottom, left:right]
            x, y, width, height = nearer.box_in(crop, close.scale)
            box = x + left, y + top, width, height
            if _shared(box, found.box_in(picture, seen.scale)) > _SAME_BOX:
                return DigitInk(_normalized(nearer), box)
    return DigitInk(_normalized(found), found.box_in(picture, seen.scale))


def _shared(one: Box, other: Box) -> float:
    """Return the area that two boxes share, as a share of that of both together."""
    width = min(one[0] + one[2], other[0] + other[2]) - max(one[0], other[0])
    height = min(one[1] + one[3], other[1] + other[3]) - max(one[1], other[1])
    both = max(width, 0) * max(height, 0)
    return both / (one[2] * one[3] + other[2] * other[3] - both)


def _located(picture: Grey) -> "_Located":
    """Return the view of a picture in which strokes are dark, and its digit, if there is one."""
    seen = view(picture)
    found = _find(seen)
    if seen.doubtful and (found is None or found.at_border or seen.split):
        other = _find(seen.negative())
        if other is not None and (found is None or other.implausibility < found.implausibility):
            seen, found = seen.negative(), other
    return seen, found


@dataclass(frozen=True)
class _Found:
    """A digit and its place in a view."""

    strength: Grey  # in the digit's box, 0 to 255
    mask: Mask  # which of these pixels are the digit's
    top: int  # first row of the box in the view
    left: int  # its first column
    whole: Grey  # the strength of the whole view
    lines: Sequence[Sequence[Mask]]  # all digits of the view, as of `segmentation.Digit`
    at_border: bool  # whether the digit touches a side of the view
    widest: float  # width of its widest stroke, as a share of its longer side

    @property
    def implausibility(self) -> float:
        """How unlike a digit it is: background taken for ink is wide and touches the border."""
        return self.widest + _BORDER_PENALTY * self.at_border

    def of(self, mask: Mask) -> "_Found":
        """Return another digit of the view, of which `mask` has the pixels."""
        left, top, width, height = cv2.boundingRect(mask)
        box = slice(top, top + height), slice(left, left + width)
        return replace(self, strength=self.whole[box], mask=mask[box], top=top, left=left)

    def box_in(self, picture: Grey, scale: float) -> Box:
        """Return the box around it in the picture that is seen at a scale."""
        height, width = self.strength.shape
        left, top = (int(place / scale) for place in (self.left, self.top))
        right = min(math.ceil((self.left + width) / scale), picture.shape[1])
        bottom = min(math.ceil((self.top + height) / scale), picture.shape[0])
        return left, top, right - left, bottom - top


_Located = tuple[View, _Found | None]
"""The view of a picture, and its digit, if there is one."""


def _find(seen: View, hidden: Mask | None = None) -> _Found | None:
    """Return the digit of a view, if there is one, outside of what is hidden.

    Twice, since the background depends on the stroke width: the first closing allows for a very
    thick pen. Then corners of a shadow may count as ink, which the second, smaller one leaves out.
    """
    side = extent(seen.grey.shape)
    closing_side = int(_WIDEST_STROKE * side) | 1
    strength, noise = _strength(seen, closing_side, hidden)
    digit = find_digit(strength, noise)
    if digit is None:
        return None
    widest = _widest_stroke(digit.mask)
    smaller = int(_CLOSING_WIDTHS * widest + _CLOSING_MARGIN * side) | 1
    if smaller < _CLOSING_GAIN * closing_side:
        again, noise = _strength(seen, smaller, hidden)
        if (second := find_digit(again, noise)) is not None:
            strength, digit = again, second
            widest = _widest_stroke(digit.mask)
    left, top, width, height = cv2.boundingRect(digit.mask)
    box = slice(top, top + height), slice(left, left + width)
    widest /= max(width, height)
    return _Found(
        strength=strength[box],
        mask=digit.mask[box],
        top=top,
        left=left,
        whole=strength,
        lines=digit.lines,
        at_border=digit.at_border,
        widest=widest,
    )


def _widest_stroke(mask: Mask) -> float:
    """Return the width of the widest stroke of a digit in pixels."""
    left, top, width, height = cv2.boundingRect(mask)
    return 2 * float(distance_to_edge(mask[top : top + height, left : left + width]).max())


def _strength(seen: View, closing_side: int, hidden: Mask | None) -> tuple[Grey, float]:
    """Return what `ink_strength` does, no ink where pixels are hidden."""
    strength, noise = ink_strength(seen, closing_side)
    return strength if hidden is None else np.where(hidden, np.uint8(0), strength), noise


def _crop_around(picture: Grey, found: _Found, scale: float) -> Grey:
    """Return the part of a picture around a digit that was found in a view of that scale."""
    top, left, bottom, right = _around(picture, found, scale)
    return np.ascontiguousarray(picture[top:bottom, left:right])


def _around(picture: Grey, found: _Found, scale: float) -> tuple[int, int, int, int]:
    """Return top, left, bottom and right of that part."""
    height, width = found.strength.shape
    margin = max(height, width) * _CLOSE_UP_MARGIN
    top, left = (max(0, int((place - margin) / scale)) for place in (found.top, found.left))
    bottom = min(int((found.top + height + margin) / scale) + 1, picture.shape[0])
    right = min(int((found.left + width + margin) / scale) + 1, picture.shape[1])
    return top, left, bottom, right


def _normalized(found: _Found) -> Ink:
    """Return a digit's ink with its contrast stretched and its stroke width in MNIST's range."""
    margin = max(2, max(found.strength.shape) // 10)  # for strokes that are widened
    strength, mask = (
        cv2.copyMakeBorder(part, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
        for part in (found.strength, found.mask)
    )
    full = quantile(np.asarray(strength, np.uint8)[mask > 0], _WHITE_QUANTILE)
    ink: Ink = np.clip((strength / np.float32(max(1.0, float(full))) - _FAINT) / _CONTRAST, 0, 1)
    # Up to a pixel beyond the mask, where edges fade out.
    ink *= cv2.dilate(mask, np.ones((3, 3), np.uint8))
    solid = (ink > _SOLID).astype(np.uint8)
    *_, columns, rows = cv2.boundingRect(solid)
    pixel = max(columns, rows) / BOX  # side of a pixel of MNIST form, in pixels of `ink`
    width = stroke_width(solid) / pixel
    if width < _NARROWEST:
        return _dilated(ink, (_NARROWEST - width) / 2 * pixel)
    if width > _WIDEST:
        return 1 - _dilated(1 - ink, _THINNING * (width - _WIDEST) * pixel)
    return ink


def _dilated(ink: Ink, radius: float) -> Ink:
    """Return ink dilated by a disc of a radius in pixels, interpolated between whole ones."""
    whole = int(radius)
    sides = 2 * whole + 1, 2 * whole + 3  # of one pixel, the first disc changes nothing
    discs = [cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side)) for side in sides]
    smaller, larger = (np.asarray(cv2.dilate(ink, disc), np.float32) for disc in discs)
    return np.asarray(smaller + (larger - smaller) * np.float32(radius - whole), np.float32)


def size_normalized(ink: Ink, side: int) -> npt.NDArray[np.uint8]:
    """Return a digit cropped and resized, its proportions kept: its longer side is `side` pixels.

    There has to be some ink. The result is uint8 (h, w), 255 where there is most ink.
    """
    left, top, columns, rows = cv2.boundingRect((ink > _EDGE).astype(np.uint8))
    digit = ink[top : top + rows, left : left + columns]
    scale = side / max(rows, columns)
    size = max(1, round(columns * scale)), max(1, round(rows * scale))
    # Shrunk by area: so MNIST's own grey came from black and white.
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(digit, size, interpolation=how)
    grey = np.rint(255 * np.clip(small / small.max(), 0, 1))
    return np.where(grey < _LEAST_GREY, 0, grey).astype(np.uint8)
