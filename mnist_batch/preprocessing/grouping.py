"""Group connected components of ink to digits: strokes that belong together, digits that do not.

First, components that are near each other are one group, so that a digit in pieces stays one. Then
a group falls apart again where it holds digits side by side: two tall pieces, each with its own
columns. What is large enough beside the largest is a digit too, and all are put in reading order.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.preprocessing.ink import run_edges

Labels = npt.NDArray[Any]
"""Of each pixel of a picture, the label of its component; 0 for none."""

_NEAR = 0.16
"""Distance of a part from its digit at most, as a share of the digit's longer side."""
_BESIDE, _BESIDE_OVERLAP, _BESIDE_HEIGHT, _BESIDE_MASS = 0.08, 0.2, 0.6, 0.3
"""A part is another digit if all hold: it is farther away than this share of the height, their
columns overlap by less than this share of the narrower, it is taller than this share of the height,
and it has more than this share of the ink."""
_COUNTED_HEIGHT, _COUNTED_MASS = 0.5, 0.25
"""Height and ink, as shares of the largest digit's, above which another digit is counted."""
_THIN_HEIGHT, _THIN_MASS, _THIN_BESIDE = 0.65, 0.08, 0.4
"""A tall 1 beside an 8, above it or below, has little ink: where another digit is so tall, so much
is enough, if one that is counted is wider than this share of its height and so no 1."""
_AMONG_HEIGHT, _AMONG_MASS = 0.45, 0.1
"""Height and ink that are enough where two digits or more are counted already."""
_FLATTEST, _FLAT, _FLAT_HEIGHT = 1.8, 1.5, 0.58
"""Width of a digit in another line at most, in its heights, and from where on it has to be taller
than this share of the largest: the loose stroke of a 5 is flatter or lower."""
_SPLIT_OVERLAP, _SPLIT_HEIGHT, _SPLIT_MASS, _SPLIT_LEVEL, _SPLIT_WHOLE = 0.1, 0.6, 0.2, 0.4, 0.6
"""Pieces of a group are digits side by side if all hold: their columns overlap by less than this
share of the narrower; each is taller than this share of both together; the lesser has more than
this share of the other's ink; they share this share of the height of both together; and a component
has this share of the ink of each, which none has of a digit that is dotted."""
_THIN_GAP = 0.08
"""A gap, as a share of the height, beside which `_THIN_MASS` is enough for a tall piece."""
_CUT_GAP, _CUT_WIDTH, _CUT_NARROW = 0.06, 1.1, 0.6
"""Pieces may be one digit that a strip cuts through if the gap and the width of both together are
at most these shares of the height. No two digits together are narrower than the third share."""
_CUT_REACH, _CUT_OPPOSITE, _CUT_STROKE = 0.03, 0.6, 0.22
"""Such pieces are one if within this share of the height beside the gap so much of the ink is
opposite ink of the other piece; and if it is of two strokes or more, or of one that is lower than
this share of the height. Round sides that face each other meet in one place, over more rows."""
_SIGNIFICANT = 0.05
"""Ink of a part at least, as a share of its group's, for the group to be split beside it."""
_SAME_LINE = 0.5
"""Two digits stand in one line where they share this much of the height of the lower one."""


@dataclass(frozen=True)
class Group:
    """Connected components that make up one digit."""

    parts: tuple["Group", ...]  # the components, each a group without parts; empty for one alone
    label: int  # of the component; that of the first of several
    mass: float  # pixels of certain ink
    left: int  # of the box around them
    top: int
    right: int  # just outside of it
    bottom: int

    @classmethod
    def of(cls, label: int, mass: float, left: int, top: int, right: int, bottom: int) -> "Group":
        """Return a component as a group."""
        return cls((), label, mass, left, top, right, bottom)

    @property
    def components(self) -> tuple["Group", ...]:
        """Each of its components."""
        return self.parts or (self,)

    @property
    def labels(self) -> list[int]:
        """The labels of its components."""
        return [one.label for one in self.components]

    @property
    def width(self) -> int:
        """The width of the box."""
        return self.right - self.left

    @property
    def height(self) -> int:
        """The height of the box."""
        return self.bottom - self.top

    @property
    def side(self) -> int:
        """The longer side of the box."""
        return max(self.width, self.height)

    def joined(self, other: "Group") -> "Group":
        """Return both as one."""
        left, top = min(self.left, other.left), min(self.top, other.top)
        right, bottom = max(self.right, other.right), max(self.bottom, other.bottom)
        parts = self.components + other.components
        return Group(parts, self.label, self.mass + other.mass, left, top, right, bottom)

    def owns(self, other: "Group") -> bool:
        """Tell whether a component is part of it: a stroke, or a piece of a broken one."""
        across = max(other.left - self.right, self.left - other.right, 0)
        down = max(other.top - self.bottom, self.top - other.bottom, 0)
        if max(across, down) > _NEAR * self.side:
            return False
        return not (
            across > _BESIDE * self.height
            and _overlap(self, other) < _BESIDE_OVERLAP
            and other.height > _BESIDE_HEIGHT * self.height
            and other.mass > _BESIDE_MASS * self.mass
        )


def _overlap(one: Group, other: Group) -> float:
    """Return how many columns two groups share, of those of the narrower; below 0 for a gap."""
    shared = min(one.right, other.right) - max(one.left, other.left)
    return shared / min(one.width, other.width)


def _level(one: Group, other: Group) -> int:
    """Return how many rows two groups share; below 0 for a gap."""
    return min(one.bottom, other.bottom) - max(one.top, other.top)


def digits_among(groups: Sequence[Group], labels: Labels) -> list[Group]:
    """Return the groups that are digits, the largest first; there has to be a group.

    The first of the groups is the likeliest digit. Others count if they are not much smaller.
    """
    first, *others = (piece for group in groups for piece in _split(group, labels))
    digits = [first]
    for other in sorted(others, key=lambda one: -one.mass):
        if _counts_beside(digits, other):
            digits.append(other)
    return digits


def _counts_beside(digits: Sequence[Group], other: Group) -> bool:
    """Tell whether a group is a digit too, in a line of the others or in another one."""
    largest = digits[0]
    height, mass = other.height / largest.height, other.mass / largest.mass
    if len(digits) > 1:
        enough = height > _AMONG_HEIGHT and mass > _AMONG_MASS
    else:
        enough = height > _COUNTED_HEIGHT and mass > _COUNTED_MASS
    thin = height > _THIN_HEIGHT and any(one.width > _THIN_BESIDE * one.height for one in digits)
    if not (enough or (thin and mass > _THIN_MASS)):
        return False
    if len(digits) > 1 or _stands_in(digits, other):
        return True
    flattest = max(one.width / one.height for one in (other, largest))
    return flattest < (_FLATTEST if height > _FLAT_HEIGHT else _FLAT)


def _split(group: Group, labels: Labels) -> list[Group]:
    """Return the digits of a group that stand side by side, the largest first."""
    parts = sorted(group.parts, key=lambda part: part.left + part.right)
    least = _SIGNIFICANT * group.mass
    for cut in range(1, len(parts)):
        if parts[cut].mass < least:
            continue
        before, after = _all_of(parts[:cut]), _all_of(parts[cut:])
        if _are_side_by_side(before, after) and not _are_cut_apart(before, after, labels):
            pieces = _split(before, labels) + _split(after, labels)
            if all(_is_whole(piece) for piece in pieces):
                return sorted(pieces, key=lambda piece: -piece.mass)
    return [group]


def _is_whole(piece: Group) -> bool:
    return max(part.mass for part in piece.components) > _SPLIT_WHOLE * piece.mass


def _all_of(parts: Sequence[Group]) -> Group:
    first, *rest = parts
    for part in rest:
        first = first.joined(part)
    return first


def _are_side_by_side(before: Group, after: Group) -> bool:
    height = before.joined(after).height
    apart = after.left - before.right > _THIN_GAP * height
    tall = min(before.height, after.height) > _THIN_HEIGHT * height
    least = _THIN_MASS if apart and tall else _SPLIT_MASS
    return (
        _overlap(before, after) < _SPLIT_OVERLAP
        and min(before.height, after.height) > _SPLIT_HEIGHT * height
        and min(before.mass, after.mass) > least * max(before.mass, after.mass)
        and _level(before, after) > _SPLIT_LEVEL * height
    )


def _are_cut_apart(before: Group, after: Group, labels: Labels) -> bool:
    """Tell whether two pieces side by side are one digit: its strokes end at a strip and go on."""
    both, gap = before.joined(after), after.left - before.right
    if gap > _CUT_GAP * both.height or both.width > _CUT_WIDTH * both.height:
        return False
    if both.width < _CUT_NARROW * both.height:
        return True
    reach, slant = max(2, round(_CUT_REACH * both.height)), max(gap, 1)
    before_gap = slice(max(0, before.right - reach), before.right)
    one, other = (
        np.asarray(np.isin(labels[both.top : both.bottom, columns], piece.labels).any(axis=1))
        for piece, columns in (
            (before, before_gap),
            (after, slice(after.left, after.left + reach)),
        )
    )
    opposite = min(
        one[_widened(other, slant)].sum() / one.sum(),
        other[_widened(one, slant)].sum() / other.sum(),
    )
    lengths = [_strokes(rows) for rows in (one, other)]
    strokes = max(map(len, lengths)) > 1 or max(map(max, lengths)) < _CUT_STROKE * both.height
    return bool(opposite > _CUT_OPPOSITE and strokes)


def _widened(inked: npt.NDArray[np.bool_], by: int) -> npt.NDArray[np.bool_]:
    """Return which rows have ink, or lie within some rows of one that has."""
    return np.asarray(np.convolve(inked, np.ones(2 * by + 1))[by:-by] > 0)


def _strokes(inked: npt.NDArray[np.bool_]) -> list[int]:
    """Return over how many rows each stroke goes."""
    edges = run_edges(inked)
    return [int(rows) for rows in edges[1::2] - edges[::2]]


def lines_of(digits: Sequence[Group]) -> list[list[Group]]:
    """Return digits line by line from the top, each line from the left."""
    lines: list[list[Group]] = []
    for digit in sorted(digits, key=lambda one: one.top + one.bottom):
        line = next((line for line in lines if _stands_in(line, digit)), None)
        if line is None:
            lines.append([digit])
        else:
            line.append(digit)
    return [sorted(line, key=lambda one: one.left) for line in lines]


def _stands_in(line: Sequence[Group], digit: Group) -> bool:
    return any(_level(one, digit) > _SAME_LINE * min(one.height, digit.height) for one in line)
