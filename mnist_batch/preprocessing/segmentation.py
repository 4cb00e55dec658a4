"""Segment a picture's ink: the digit apart from lines, specks, edges and other digits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mnist_batch.preprocessing.grouping import Group, digits_among, lines_of
from mnist_batch.preprocessing.ink import Mask, components, quantile, stroke_width
from mnist_batch.preprocessing.ruled_lines import without_lines
from mnist_batch.preprocessing.shapes import is_digit_shaped
from mnist_batch.schema import Grey

_LEAST_STRENGTH, _LEAST_NOISE = 12, 4
"""Strongest ink of a picture at least, or it is empty: strength of 255, since paper is as uneven,
and standard deviations of the noise."""
_HIGH_SHARE, _HIGH_NOISE = 0.2, 3
"""The high threshold at least, where Otsu's is lower: a share of the strongest ink, and standard
deviations of the noise."""
_LOW_SHARE, _LOW_NOISE = 0.55, 2.5
"""The low threshold: a share of the high one, but at least so many standard deviations. At
1.1, 5 pictures are misread."""
_MEAN_STRENGTH, _MEAN_NOISE = 14, 3.5
"""Mean strength of a digit at least: of 255, half of a pencil's faint line; and standard deviations
of the noise, of which 7 would hide 15 digits."""
_FADING = 0.02
"""Width around ink in which edges fade out, as a share of the longer side; 3 pixels at least."""
_GRAIN_QUANTILE, _GRAIN_STRENGTH = 0.95, 0.65
"""A digit does not stand out where this quantile of the strength around it, which is the paper's
grain, reaches this share of the digit's mean."""
_SMALLEST, _SMALLEST_PIXELS = 0.0125, 4
"""Longer side of a digit at least: a share (an eightieth) of the picture's, and pixels."""
_SPECKS_MASS = 0.2
"""A digit's share of all ink at least: what has less is one of many specks."""
_SPECKS_PARTS, _SPECKS_LARGEST = 12, 0.3
"""More parts than this are grain that lies together, unless one has this share of their ink."""
_MOST_BLOTS, _BESIDE_BLOT = 3, 0.2
"""Blots that are passed over at most, and ink of a digit at least, as a share of the largest's."""
_AS_HIGH = 1.5
"""Height of a bold digit at most, in heights of another one on the page."""
_STRIP, _STRIP_WEIGHT = 0.08, 0.1
"""Width of a strip along a side, as a share of the picture, up to which it is the table, a frame or
the next sheet; and the factor on its likelihood of being the digit."""
_LEAST_PART = 0.015
"""Ink of a part at least, as a share of the largest part's; less is a speck."""
_MOST_PARTS = 100
"""Components that are looked at: grain has thousands, and each is compared with each other one."""
_EDGE_INK = 0.5
"""Least share of the ink that touches the border in a picture of a table with paper on it."""
_EDGE_REACH, _REST_REACH = 9, 5
"""Sides of the squares, in pixels, within which ink fades out beside what touches the border, and
beside a digit found within other ink."""
_PEN_QUARTER = 75
"""Percentile of ink that is a pen's strength: full strokes, without their edges."""
_STRONGER_PEN = 1.3
"""Ratio of strengths above which a digit among other ink, as on a grid, is of another pen."""
_WEAK_TRACE = 0.3
"""Ratio of strengths up to which what lies apart is a trace, and no digit."""
_LEFT_OF_LINES = 0.7
"""Strength as a share of the ruled lines', below which ink is what is left of them."""
_PIECE, _PIECE_WIDTH = 0.25, 1.6
"""Shorter side of a piece of a line at most, in longer ones; and its width, in the lines'."""
_LEAST_WIDTH, _MOST_WIDTH, _LEAST_RATIO, _MOST_RATIO = 0.6, 1.6, 0.7, 1.4
"""Ratios of stroke widths, and of strengths, between which two strokes are of one pen."""


@dataclass(frozen=True)
class Digit:
    """The digit of a picture."""

    mask: Mask  # its pixels; edges that fade out may lie beside them
    # All digits of the picture, line by line, each from the left; this is the largest.
    lines: Sequence[Sequence[Mask]]

    @property
    def count(self) -> int:
        """The number of digits in the picture."""
        return sum(map(len, self.lines))

    @property
    def at_border(self) -> bool:
        """Whether it touches a side of the picture: it may be cut off, or be no digit."""
        sides = self.mask[0], self.mask[-1], self.mask[:, 0], self.mask[:, -1]
        return any(side.any() for side in sides)


def find_digit(strength: Grey, noise: float) -> Digit | None:
    """Return the largest digit of a picture, its parts together.

    A digit that touches the border may be the table, the edge of the paper or a grid, with the
    digit in it. So it is searched again among the stronger ink alone, and then without all that
    touches the border; what is found there counts if another pen wrote it.

    The ink's strength, 0 to 255, and its noise are as of `ink.ink_strength`. None where the picture
    is empty: no ink stands out from the noise, or what does is specks.
    """
    first = _Ink.above(strength, noise)
    if first is None:
        return None
    found = first.digit()
    if found is not None and not found.at_border:
        return found
    edges = first.at_border()
    if found is None and edges.sum() < _EDGE_INK * (first.mask | first.lines | edges).sum():
        return None
    others = (
        _Ink.above(strength, noise, _otsu(strength[first.mask > 0])),
        _Ink.above(np.where(edges, np.uint8(0), strength), noise),
    )
    for other in others:
        inside = other.digit() if other is not None else None
        if inside is None or inside.at_border:
            continue
        if found is None or _is_other_pen(inside.mask, found.mask, strength):
            return inside
    return found


def _otsu(strength: Grey) -> float:
    """Return the threshold between ink and background by N. Otsu's method (1979)."""
    return cv2.threshold(strength, 0, 255, cv2.THRESH_OTSU)[0]


def _is_other_pen(inside: Mask, found: Mask, strength: Grey) -> bool:
    """Tell whether a digit is of another pen than the ink around; a weak trace is of none."""
    square = np.ones((_REST_REACH, _REST_REACH), np.uint8)
    rest = found & (cv2.dilate(inside, square) == 0)
    if not rest.any():
        return False
    full, other = (np.percentile(strength[mask > 0], _PEN_QUARTER) for mask in (inside, rest))
    strengths = float(full / other)
    if (inside & found).any():  # in the midst of weaker ink, as on a grid
        return strengths > _STRONGER_PEN
    widths = stroke_width(inside) / stroke_width(rest)
    like = _LEAST_WIDTH < widths < _MOST_WIDTH and _LEAST_RATIO < strengths < _MOST_RATIO
    return strengths > _WEAK_TRACE and not like


@dataclass(frozen=True)
class _Ink:
    """The ink of a picture, by two thresholds (hysteresis)."""

    strength: Grey
    noise: float  # standard deviation of the strength
    high: float  # strength above which a pixel is certainly ink
    mask: Mask  # all ink but ruled lines
    lines: Mask  # the ruled lines

    @classmethod
    def above(cls, strength: Grey, noise: float, threshold: float | None = None) -> "_Ink | None":
        """Return the ink above a threshold, by default Otsu's; None if the picture is empty."""
        strongest = float(strength.max())
        if strongest < max(_LEAST_STRENGTH, _LEAST_NOISE * noise):
            return None
        threshold = _otsu(strength) if threshold is None else threshold
        high = max(threshold, _HIGH_SHARE * strongest, _HIGH_NOISE * noise)
        # A stroke runs on where the pen was light.
        low = max(_LOW_SHARE * high, _LOW_NOISE * noise)
        inked = (strength > low).astype(np.uint8)
        mask = without_lines(inked, strength)
        return cls(strength, noise, high, mask, inked - mask)

    def at_border(self) -> npt.NDArray[np.bool_]:
        """Return the pixels of all that touches a side of the picture, and those next to it."""
        count, labels, _ = components(self.mask | self.lines)
        touching = np.zeros(count, np.uint8)
        for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
            touching[side] = 1
        touching[0] = 0
        square = np.ones((_EDGE_REACH, _EDGE_REACH), np.uint8)
        return np.asarray(cv2.dilate(touching.take(labels), square) > 0)

    def digit(self) -> Digit | None:
        """Return the largest digit, if there is one."""
        count, labels, stats = components(self.mask)
        certain = np.flatnonzero(self.strength > self.high)
        mass = np.bincount(labels.reshape(-1)[certain], minlength=count)
        mass[0] = 0  # what is not in the mask
        groups = _groups(np.asarray(stats, np.int32), mass, self.mask.shape)
        if not groups:
            return None
        digits, blots = self._shaped(groups, labels, count)
        if not digits:
            return None
        largest = digits[0]
        digit = _mask_of([largest], labels, count)
        parts = mass[largest.labels]
        grainy = len(parts) > _SPECKS_PARTS and parts.max() < _SPECKS_LARGEST * largest.mass
        one_alone = len(digits) == 1 and not blots
        others = digit if one_alone else _mask_of([*digits, *blots], labels, count)
        inked = sum(one.mass for one in (*digits, *blots))
        plausible = (
            largest.side >= max(_SMALLEST_PIXELS, _SMALLEST * max(digit.shape))
            and inked >= _SPECKS_MASS * mass.sum()
            and not grainy
            and not self._is_of_lines(digit)
            and _stands_out(self.strength, digit, others | self.lines, self.noise)
        )
        if not plausible:
            return None
        if len(digits) == 1:
            return Digit(digit, [[digit]])
        lines = lines_of(digits)
        return Digit(digit, [[_mask_of([one], labels, count) for one in line] for line in lines])

    def _shaped(
        self, groups: Sequence[Group], labels: npt.NDArray[Any], count: int
    ) -> tuple[list[Group], list[Group]]:
        """Return the digits among some groups, the first of a digit's shape, and what is none.

        A blot beside a digit is passed over. On a page of digits a bold one may be as full as it.
        """
        left = list(groups)
        blots: list[Group] = []
        while left and len(blots) <= _MOST_BLOTS:
            digits = digits_among(left, labels)
            first = digits[0]
            if blots and first.mass < _BESIDE_BLOT * blots[0].mass:
                break
            shapes = [is_digit_shaped(_mask_of([one], labels, count)) for one in digits]
            if shapes[0]:
                if sum(shapes) == 1:
                    return [first], [*blots, *digits[1:]]
                bold = [blot for blot in blots if _is_as_high(blot, digits)]
                return [*digits, *bold], [blot for blot in blots if blot not in bold]
            rows, columns = self.mask.shape
            if min(first.left, first.top) == 0 or first.right == columns or first.bottom == rows:
                break
            blots.append(first)
            left = [one for one in left if not set(first.labels) & set(one.labels)]
        return [], blots

    def _is_of_lines(self, digit: Mask) -> bool:
        """Tell whether a digit is what is left of ruled lines: a piece of one, a blur beside it."""
        if self.lines.sum() < max(self.lines.shape):  # crumbs of the digit's own
            return False
        strengths = float(self.strength[digit > 0].mean() / self.strength[self.lines > 0].mean())
        if strengths < _LEFT_OF_LINES:
            return True
        *_, width, height = cv2.boundingRect(digit)
        return (
            min(width, height) < _PIECE * max(width, height)
            and strengths < _STRONGER_PEN
            and stroke_width(digit) < _PIECE_WIDTH * stroke_width(self.lines)
        )


def _is_as_high(one: Group, digits: Sequence[Group]) -> bool:
    """Tell whether a blot may be a bold digit: about as high as one of the digits beside it."""
    return any(
        1 / _AS_HIGH < one.height / digit.height < _AS_HIGH
        and one.top < digit.bottom
        and digit.top < one.bottom
        for digit in digits
    )


def _mask_of(groups: Sequence[Group], labels: npt.NDArray[Any], count: int) -> Mask:
    """Return the pixels of some groups; `labels` are those of `count` components."""
    parts = [label for group in groups for label in group.labels]
    if len(parts) == 1:  # as most digits are; a tenth of the time
        return np.asarray(labels == parts[0]).view(np.uint8)
    chosen = np.zeros(count, np.uint8)
    chosen[parts] = 1
    return chosen.take(labels)


def _stands_out(strength: Grey, digit: Mask, other: Mask, noise: float) -> bool:
    """Tell whether a digit is stronger than what is around it: noise, and the paper's own grain.

    Ruled lines and other digits, `other`, are neither.
    """
    inside = strength[digit > 0].mean()
    if inside < max(_MEAN_STRENGTH, _MEAN_NOISE * noise):
        return False
    side = max(3, round(_FADING * max(digit.shape))) | 1
    outside = strength[cv2.dilate(digit | other, np.ones((side, side), np.uint8)) == 0]
    grain = quantile(outside, _GRAIN_QUANTILE) if len(outside) else 0
    return bool(grain < _GRAIN_STRENGTH * inside)


def _groups(
    boxes: npt.NDArray[np.int32], mass: npt.NDArray[np.int64], shape: tuple[int, ...]
) -> list[Group]:
    """Return connected components grouped to digits, the likeliest digit first.

    Args:
        boxes: left, top, width, height and area of each component.
        mass: its pixels of certain ink.
        shape: height and width of the picture.
    """
    height, width = shape
    left, top = boxes[:, 0], boxes[:, 1]
    right, bottom = left + boxes[:, 2], top + boxes[:, 3]
    touches = (left == 0) | (top == 0) | (right == width) | (bottom == height)
    strip = ((left == 0) | (right == width)) & (boxes[:, 2] < _STRIP * width)
    strip |= ((top == 0) | (bottom == height)) & (boxes[:, 3] < _STRIP * height)
    across, down = (left + right) / (2 * width) - 0.5, (top + bottom) / (2 * height) - 0.5
    # Central ink is likelier: 1 in the middle, 0.5 in a corner.
    likely = mass * (1 - across**2 - down**2) * np.where(strip, _STRIP_WEIGHT, 1.0)
    enough = mass >= max(1, _LEAST_PART * mass.max())
    order = [int(part) for part in np.argsort(-likely) if enough[part]][:_MOST_PARTS]
    sides = np.stack([left, top, right, bottom], axis=1).tolist()
    one = {part: Group.of(part, int(mass[part]), *sides[part]) for part in order}
    groups: list[Group] = []
    while order:
        first = order.pop(0)
        group, size = one[first], 0
        while size < len(group.labels):
            size = len(group.labels)
            for part in list(order):
                apart = strip[part] or (touches[part] and not touches[first])
                if not apart and group.owns(one[part]):
                    order.remove(part)
                    group = group.joined(one[part])
        if not (groups and strip[first]):
            groups.append(group)
    return groups
