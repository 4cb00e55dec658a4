"""Group connected components of ink to digits: strokes that belong together, digits that do not.

First, components that are near each other are one group, so that a digit in pieces stays one. Then
a group falls apart again where it holds digits side by side: two tall pieces, each with its own
columns. What is large enough beside the largest is a digit too, and all are put in reading order.
"""

from collections.abc import Sequence
from dataclasses import dataclass

_NEAR = 0.16
"""Distance of a part from its digit at most, as a share of the digit's longer side."""
_BESIDE, _BESIDE_OVERLAP, _BESIDE_HEIGHT, _BESIDE_MASS = 0.08, 0.2, 0.6, 0.3
"""A part is another digit if all hold: it is farther away than this share of the height, their
columns overlap by less than this share of the narrower, it is taller than this share of the height,
and it has more than this share of the ink."""
_COUNTED_HEIGHT, _COUNTED_MASS = 0.5, 0.25
"""Height and ink, as shares of the largest digit's, above which another digit is counted."""
_THIN_HEIGHT, _THIN_MASS, _THIN_BESIDE = 0.65, 0.08, 0.4
"""A tall 1 beside an 8 has little ink: where another digit in the line is so tall, so much is
enough, if the largest digit is wider than this share of its height and so no 1."""
_FLATTEST = 1.5
"""Width of a digit in another line at most, in its heights: the loose stroke of a 5 is flatter."""
_SPLIT_OVERLAP, _SPLIT_HEIGHT, _SPLIT_MASS, _SPLIT_LEVEL, _SPLIT_WHOLE = 0.1, 0.6, 0.2, 0.4, 0.6
"""Pieces of a group are digits side by side if all hold: their columns overlap by less than this
share of the narrower; each is taller than this share of both together; the lesser has more than
this share of the other's ink; they share this share of the height of both together; and a component
has this share of the ink of each, which none has of a digit that is dotted."""
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


def digits_among(groups: Sequence[Group]) -> list[Group]:
    """Return the groups that are digits, the largest first; there has to be a group.

    The first of the groups is the likeliest digit. Others count if they are not much smaller.
    """
    first, *others = (piece for group in groups for piece in _split(group))
    digits = [first]
    for other in sorted(others, key=lambda one: -one.mass):
        if _counts_beside(digits, other):
            digits.append(other)
    return digits


def _counts_beside(digits: Sequence[Group], other: Group) -> bool:
    """Tell whether a group is a digit too, in a line of the others or in another one."""
    largest = digits[0]
    height, mass = other.height / largest.height, other.mass / largest.mass
    if _stands_in(digits, other):
        thin = height > _THIN_HEIGHT and largest.width > _THIN_BESIDE * largest.height
        return height > _COUNTED_HEIGHT and mass > (_THIN_MASS if thin else _COUNTED_MASS)
    flattest = max(one.width / one.height for one in (other, largest))
    return height > _COUNTED_HEIGHT and mass > _COUNTED_MASS and flattest < _FLATTEST


def _split(group: Group) -> list[Group]:
    """Return the digits of a group that stand side by side, the largest first."""
    parts = sorted(group.parts, key=lambda part: part.left + part.right)
    least = _SIGNIFICANT * group.mass
    for cut in range(1, len(parts)):
        if parts[cut].mass < least:
            continue
        before, after = _all_of(parts[:cut]), _all_of(parts[cut:])
        if _are_side_by_side(before, after):
            pieces = _split(before) + _split(after)
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
    return (
        _overlap(before, after) < _SPLIT_OVERLAP
        and min(before.height, after.height) > _SPLIT_HEIGHT * height
        and min(before.mass, after.mass) > _SPLIT_MASS * max(before.mass, after.mass)
        and _level(before, after) > _SPLIT_LEVEL * height
    )


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
