"""Which of a picture's ink is the digit: not the ruled lines, specks, edges and other digits."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mnist_batch.preprocessing.ink import Mask, quantile, stroke_width
from mnist_batch.preprocessing.ruled_lines import without_lines
from mnist_batch.schema import Grey


@dataclass(frozen=True)
class Digit:
    """The digit that is read.

    Attributes:
        mask: its pixels; edges that fade out may lie beside them.
        count: how many separate digits the picture holds; this is the largest.
    """

    mask: Mask
    count: int

    @property
    def at_border(self) -> bool:
        """Whether it reaches a side of the picture: it may be cut off, or be no digit."""
        mask = self.mask
        return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def find_digit(strength: Grey, noise: float) -> Digit | None:
    """Return the largest digit of a picture, its parts together.

    Where what is found reaches the border it may be the table, the edge of the paper or a grid,
    with the digit in it. So it is looked for again among the stronger ink alone, and then without
    all that reaches the border; what is found there counts if another pen wrote it.

    Args:
        strength: how much ink each pixel holds, see `ink.ink_strength`.
        noise: its standard deviation where there is no ink.

    Returns:
        None where the picture is empty: no ink stands out from the noise, or what does is specks.
    """
    first = _Ink.above(_between(strength), strength, noise)
    if first is None:
        return None
    found = first.digit()
    if found is not None and not found.at_border:
        return found
    edges = first.at_border()
    if found is None and edges.sum() < _EDGES * (first.mask | first.lines | edges).sum():
        return None
    inked = strength[first.mask > 0]
    others = (
        _Ink.above(_between(inked), strength, noise),
        _Ink.above(None, np.where(edges, np.uint8(0), strength), noise),
    )
    for other in others:
        inside = other.digit() if other is not None else None
        if inside is None or inside.at_border:
            continue
        if found is None or _is_other_pen(inside.mask, found.mask, strength):
            return inside
    return found


_EDGES = 0.5
"""Share of the ink that reaches the border in a picture of a table with some paper on it."""


def _between(strength: Grey) -> float:
    """Return the strength that best parts ink from ground, by Otsu's method (1979)."""
    return cv2.threshold(strength, 0, 255, cv2.THRESH_OTSU)[0]


def _is_other_pen(inside: Mask, found: Mask, strength: Grey) -> bool:
    """Tell whether strokes are not like the rest of what was found with them, and no weak trace."""
    rest = found & (cv2.dilate(inside, np.ones((5, 5), np.uint8)) == 0)
    if not rest.any():
        return False
    strengths = np.percentile(strength[inside > 0], 75) / np.percentile(strength[rest > 0], 75)
    if (inside & found).any():  # in the midst of weaker ink, as on a grid
        return bool(strengths > 1.3)
    widths = stroke_width(inside) / stroke_width(rest)
    return bool(strengths > 0.3 and not (0.6 < widths < 1.6 and 0.7 < strengths < 1.4))


@dataclass(frozen=True)
class _Ink:
    """The ink of a picture.

    Attributes:
        strength: as it was found.
        noise: its standard deviation.
        sure: strength from which on a pixel is ink.
        mask: all ink, but not ruled lines.
        lines: those.
    """

    strength: Grey
    noise: float
    sure: float
    mask: Mask
    lines: Mask

    @classmethod
    def above(cls, sure: float | None, strength: Grey, noise: float) -> "_Ink | None":
        """Return the ink above a strength, None for the one that parts it best, if there is any."""
        strongest = float(strength.max())
        if strongest < max(_LEAST_STRENGTH, 4 * noise):
            return None
        between = _between(strength) if sure is None else sure
        sure = max(between, 0.2 * strongest, 3 * noise)
        # A stroke runs on where the pen was light, if it is sure somewhere.
        inked = (strength > max(0.55 * sure, 2.5 * noise)).astype(np.uint8)
        mask = without_lines(inked, strength)
        return cls(strength, noise, sure, mask, inked - mask)

    def at_border(self) -> npt.NDArray[np.bool_]:
        """Return the pixels of all that reaches a side of the picture, and those next to it."""
        _, labels = cv2.connectedComponents(self.mask | self.lines, connectivity=8)
        sides = labels[0], labels[-1], labels[:, 0], labels[:, -1]
        reaching = np.isin(labels, np.unique(np.concatenate(sides))) & (labels > 0)
        return np.asarray(cv2.dilate(reaching.astype(np.uint8), np.ones((9, 9), np.uint8)) > 0)

    def digit(self) -> Digit | None:
        """Return the largest digit, if there is one."""
        count, labels, stats, _ = cv2.connectedComponentsWithStats(self.mask, connectivity=8)
        mass = np.bincount(labels[self.strength > self.sure], minlength=count)
        mass[0] = 0  # what is not in the mask
        groups = _groups(np.asarray(stats, np.int32), mass, self.mask.shape)
        if not groups:
            return None
        largest = groups[0]
        digits = [
            group
            for group in groups
            if group.mass > 0.25 * largest.mass and group.side > 0.5 * largest.side
        ]
        digit = _mask_of([largest], labels, count)
        others = digit if len(digits) == 1 else _mask_of(digits, labels, count)
        if (
            largest.side < max(4, _SMALLEST * max(digit.shape))
            or largest.right - largest.left > _WIDEST * (largest.bottom - largest.top)
            or _is_specks(mass[largest.parts], mass.sum())
            or not _stands_out(self.strength, digit, others | self.lines, self.noise)
        ):
            return None
        return Digit(digit, len(digits))


def _mask_of(groups: Sequence["_Group"], labels: npt.NDArray[Any], count: int) -> Mask:
    """Return the pixels of some groups; `labels` are those of `count` components."""
    chosen = np.zeros(count, np.uint8)
    for group in groups:
        chosen[group.parts] = 1
    return np.asarray(chosen[labels], np.uint8)


_SMALLEST = 0.0125
"""Size of a digit at least, as a share of the picture's longer side."""

_LEAST_STRENGTH = 12
"""Strength, of 255, below which nothing is taken for ink: paper is as uneven."""

_WIDEST = 6
"""Times that a digit may be as wide as it is high: a dash or a piece of a line is more."""


def _is_specks(mass: npt.NDArray[np.int64], total: int) -> bool:
    """Tell whether parts are grain that happens to lie together, or a small share of such.

    Args:
        mass: the sure ink of each part.
        total: that of the whole picture.
    """
    return bool(mass.sum() < 0.2 * total or (len(mass) > 12 and mass.max() < 0.3 * mass.sum()))


def _stands_out(strength: Grey, digit: Mask, other: Mask, noise: float) -> bool:
    """Tell whether a digit is stronger than what is around it: noise, and the paper's own grain.

    Ruled lines and other digits, `other`, are neither.
    """
    inside = strength[digit > 0].mean()
    if inside < max(_LEAST_MEAN, 3.5 * noise):
        return False
    edge = max(3, round(0.02 * max(digit.shape))) | 1  # where ink fades out
    outside = strength[cv2.dilate(digit | other, np.ones((edge, edge), np.uint8)) == 0]
    return not len(outside) or bool(quantile(outside, 0.95) < 0.65 * inside)


_LEAST_MEAN = 14
"""What a digit's strength is at least on the mean; a pencil's faint line has twice that."""


@dataclass(frozen=True)
class _Group:
    """Parts that make up one digit.

    Attributes:
        parts: labels of the components.
        mass: their pixels of sure ink.
        left: with the other three the box around them, the far sides just outside.
    """

    parts: list[int]
    mass: float
    left: int
    top: int
    right: int
    bottom: int

    @property
    def side(self) -> int:
        """The longer side of the box."""
        return max(self.right - self.left, self.bottom - self.top)


def _groups(
    boxes: npt.NDArray[np.int32], mass: npt.NDArray[np.int64], shape: tuple[int, ...]
) -> list[_Group]:
    """Return components gathered into digits, the likeliest digit first.

    Args:
        boxes: left, top, width, height and area of each component.
        mass: its pixels of sure ink.
        shape: height and width of the picture.
    """
    height, width = shape
    left, top = boxes[:, 0], boxes[:, 1]
    right, bottom = left + boxes[:, 2], top + boxes[:, 3]
    touches = (left == 0) | (top == 0) | (right == width) | (bottom == height)
    # What lies along an edge and is narrow is the table, a frame or the next sheet.
    edge = ((left == 0) | (right == width)) & (boxes[:, 2] < 0.08 * width)
    edge |= ((top == 0) | (bottom == height)) & (boxes[:, 3] < 0.08 * height)
    across, down = (left + right) / (2 * width) - 0.5, (top + bottom) / (2 * height) - 0.5
    likely = mass * np.maximum(0.4, 1 - across**2 - down**2) * np.where(edge, 0.1, 1.0)
    enough = mass >= max(1, 0.015 * mass.max())
    order = [int(part) for part in np.argsort(-likely) if enough[part]]
    del order[_MOST_PARTS:]
    groups: list[_Group] = []
    while order:
        first = order.pop(0)
        group = _Group([first], mass[first], *_box(boxes[first]))
        joined = True
        while joined:
            joined = False
            for part in list(order):
                if edge[part] or (touches[part] and not touches[first]):
                    continue
                other = _Group([part], mass[part], *_box(boxes[part]))
                if _belongs(group, other):
                    order.remove(part)
                    group, joined = _together(group, other), True
        if not (groups and edge[first]):
            groups.append(group)
    return groups


_MOST_PARTS = 100
"""Components that are looked at: grain has thousands, and each may belong to each other one."""


def _box(box: npt.NDArray[np.int32]) -> tuple[int, int, int, int]:
    """Return left, top, right and bottom of a component."""
    left, top, width, height = (int(number) for number in box[:4])
    return left, top, left + width, top + height


def _together(group: _Group, other: _Group) -> _Group:
    return _Group(
        group.parts + other.parts,
        group.mass + other.mass,
        min(group.left, other.left),
        min(group.top, other.top),
        max(group.right, other.right),
        max(group.bottom, other.bottom),
    )


def _belongs(group: _Group, other: _Group) -> bool:
    """Tell whether a component is part of a digit: a stroke of it, or a piece of a broken one."""
    height = group.bottom - group.top
    across = max(other.left - group.right, group.left - other.right, 0)
    down = max(other.top - group.bottom, group.top - other.bottom, 0)
    if max(across, down) > 0.16 * group.side:
        return False
    # As tall as the digit and beside it, not above or below: another digit.
    overlap = min(other.right, group.right) - max(other.left, group.left)
    narrower = min(other.right - other.left, group.right - group.left)
    return not (
        across > 0.08 * height
        and overlap < 0.2 * narrower
        and other.bottom - other.top > 0.6 * height
        and other.mass > 0.3 * group.mass
    )
