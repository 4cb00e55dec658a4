"""Any picture of a digit to MNIST's form: paper and ink, screens, photographs.

The steps: the picture in one size, smoothed, polarity decided (`ink`); the ink's strength above its
ground (`ink`); ruled lines, specks, edges and other digits left out (`strokes`); the stroke's width
brought into the range of MNIST's; fitted and centred (`mnist_form`).
"""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mnist_batch.mnist import BOX
from mnist_batch.preprocessing.ink import (
    Ink,
    Mask,
    View,
    distance_to_edge,
    ink_strength,
    quantile,
    stroke_width,
    view,
)
from mnist_batch.preprocessing.segmentation import find_digit
from mnist_batch.schema import Grey


@dataclass(frozen=True)
class Extracted:
    """What a picture holds.

    Attributes:
        ink: the digit, float32 (h, w) in the picture's proportions; None where there is none.
        dark_ink: whether the strokes are darker than what they lie on.
        digits: how many separate digits there are; the largest is the one in `ink`.
    """

    ink: Ink | None
    dark_ink: bool
    digits: int


def extract_digit(picture: Grey) -> Extracted:
    """Find the digit in a picture and make its strokes as wide as MNIST's.

    Args:
        picture: uint8 (h, w), 0 black to 255 white, of any size from 1x1.
    """
    seen = view(picture)
    found = _look(seen)
    if seen.doubtful and (found is None or found.at_border or seen.split):
        other = _look(seen.negative())
        if other is not None and (found is None or other.unlikely < found.unlikely):
            seen, found = seen.negative(), other
    if found is None:
        return Extracted(None, seen.dark_ink, 0)
    nearer = None
    if seen.scale < 1 and max(found.strength.shape) < _SMALL:
        nearer = _look(view(_around(picture, found, seen.scale)))
    return Extracted(_formed(nearer or found), seen.dark_ink, found.digits)


_SMALL = 80
"""A digit with fewer pixels than this is looked at again, from near by, where there are more."""


@dataclass(frozen=True)
class _Found:
    """A digit as it was found.

    Attributes:
        strength: how much ink each pixel of the digit's box holds, uint8 (h, w), 0 to 255.
        mask: which of them are the digit's.
        top: the box's first row in the view.
        left: its first column.
        digits: how many separate digits there are.
        at_border: whether it reaches a side of the view.
        breadth: of the broadest stroke, as a share of the digit's size.
    """

    strength: Grey
    mask: Mask
    top: int
    left: int
    digits: int
    at_border: bool
    breadth: float

    @property
    def unlikely(self) -> float:
        """How little it is like a digit: what lies between strokes, or around, is broad."""
        return self.breadth + _AT_BORDER * self.at_border


def _look(seen: View) -> _Found | None:
    """Return the digit of a view, if there is one.

    Twice: what the ground is depends on how wide strokes are. The first look allows for a very
    thick pen; then corners of a shadow may count as ink, which the second look leaves out.
    """
    side = max(seen.grey.shape)
    reach = int(_WIDEST_STROKE * side) | 1
    strength, noise = ink_strength(seen, reach)
    digit = find_digit(strength, noise)
    if digit is None:
        return None
    widest = 2 * float(distance_to_edge(digit.mask).max())
    nearer = int(1.3 * widest + 0.04 * side) | 1
    if nearer < 0.75 * reach:
        again, noise = ink_strength(seen, nearer)
        if (second := find_digit(again, noise)) is not None:
            strength, digit = again, second
    left, top, width, height = cv2.boundingRect(digit.mask)
    box = slice(top, top + height), slice(left, left + width)
    return _Found(
        strength[box],
        digit.mask[box],
        top,
        left,
        digit.count,
        digit.at_border,
        breadth=2 * float(distance_to_edge(digit.mask).max()) / max(width, height),
    )


_AT_BORDER = 0.15
"""What reaching the border counts for, in shares of a digit's size by which strokes are broader."""

_WIDEST_STROKE = 0.35
"""Width of a stroke at most, as a share of the picture's longer side."""


def _around(picture: Grey, found: _Found, scale: float) -> Grey:
    """Return the part of a picture around a digit, half of its size beyond it on all sides."""
    height, width = found.strength.shape
    margin = max(height, width) / 2
    top, left = (max(0, int((place - margin) / scale)) for place in (found.top, found.left))
    bottom = int((found.top + height + margin) / scale) + 1
    right = int((found.left + width + margin) / scale) + 1
    return np.ascontiguousarray(picture[top:bottom, left:right])


def _formed(found: _Found) -> Ink:
    """Return the digit's ink: its contrast stretched, its stroke neither hair nor brush."""
    margin = max(2, max(found.strength.shape) // 10)  # for strokes that are made wider
    strength, mask = (
        cv2.copyMakeBorder(part, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
        for part in (found.strength, found.mask)
    )
    white = max(1.0, float(quantile(np.asarray(strength, np.uint8)[mask > 0], 0.75)))
    # Up to a pixel beyond the mask, where edges fade out; what is faint is the ground's.
    ink = np.clip((strength / np.float32(white) - 0.15) / 0.7, 0, 1)
    ink *= cv2.dilate(mask, np.ones((3, 3), np.uint8))
    solid = (ink > 0.5).astype(np.uint8)
    *_, width, height = cv2.boundingRect(solid)
    return _with_width(ink, solid, max(width, height) / BOX)


_NARROWEST, _WIDEST = 2.0, 4.2
"""Width of strokes in pixels of MNIST form; MNIST's are 1.5 to 3.8 wide, nine of ten of them."""


def _with_width(ink: Ink, solid: Mask, pixel: float) -> Ink:
    """Return a digit whose strokes are as wide as MNIST's may be.

    Args:
        ink: the digit.
        solid: where it is more than half ink.
        pixel: side of a pixel of MNIST form, in pixels of `ink`.
    """
    width = stroke_width(solid) / pixel
    if width < _NARROWEST:
        return _grown(ink, (_NARROWEST - width) / 2 * pixel)
    if width > _WIDEST:
        # Less than all of it: a broad stroke has joints that would break.
        return 1 - _grown(1 - ink, 0.4 * (width - _WIDEST) * pixel)
    return ink


def _grown(ink: Ink, radius: float) -> Ink:
    """Return ink spread by some pixels on all sides, whole ones and a part of one."""

    def spread(pixels: int) -> Ink:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
        return np.asarray(cv2.dilate(ink, disc), np.float32)

    whole = int(radius)
    less, more = spread(whole) if whole else ink, spread(whole + 1)
    return np.asarray(less + (more - less) * np.float32(radius - whole), np.float32)


def scaled(ink: Ink, side: int) -> npt.NDArray[np.uint8]:
    """Return a digit cropped and resized, its longer side `side` pixels and its proportions kept.

    Args:
        ink: the digit; nothing else, and not empty.
        side: in pixels.

    Returns:
        uint8 (h, w), 255 where there is most ink.
    """
    *_, width, height = box = cv2.boundingRect((ink > _EDGE).astype(np.uint8))
    left, top = box[:2]
    digit = ink[top : top + height, left : left + width]
    scale = side / max(digit.shape)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    # Shrunk by area: so MNIST's own grey came from black and white.
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(digit, size, interpolation=how)
    grey = np.rint(255 * np.clip(small / small.max(), 0, 1)).astype(np.uint8)
    grey[grey < _LEAST_GREY] = 0
    return np.asarray(grey, np.uint8)


_EDGE = 0.3
"""Ink from which on a pixel counts for the size of a digit: its edges fade out."""

_LEAST_GREY = 8
"""A fainter pixel is black, as nearly all of MNIST's ground is."""
