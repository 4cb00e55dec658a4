"""Lines that are printed on paper: ruled and squared sheets, margins."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mnist_batch.preprocessing.ink import Mask, quantile, stroke_width
from mnist_batch.schema import Grey


def without_lines(mask: Mask, strength: Grey) -> Mask:
    """Take away ruled lines: what runs from side to side, or from top to bottom.

    A stroke may do so too, where a picture is cut close: the foot of a 2, the stem of a 4. Such are
    few, and of the same pen as the rest. Or there is no rest, and one that is upright is a 1.

    Args:
        mask: all ink.
        strength: how much of it each pixel holds.

    Returns:
        The mask without them; strokes that cross a line are whole.
    """
    level = _level_lines(mask)
    rest = _less(mask, level)
    turned = _level_lines(np.ascontiguousarray(rest.T))
    upright = [_Line(line.pixels.T, line.thickness) for line in turned]
    rest = _less(rest, upright)
    lines = level + upright
    if not lines:
        return rest
    rest = _without_crumbs(rest, mask, max(line.thickness for line in lines))
    doubtful = level * (len(level) <= _MOST_LEVEL) + upright * (len(upright) == 1)
    if rest.sum() < 0.5 * max(line.pixels.sum() for line in lines):
        if len(upright) != 1 or len(level) > 1 or rest.sum() > 0.25 * upright[0].pixels.sum():
            return rest
        rest[upright[0].pixels] = 1
        doubtful = level
    pen, width = strength[rest > 0].mean(), stroke_width(rest)
    for line in doubtful:
        fainter = strength[line.pixels].mean() < 0.7 * pen
        if not fainter and line.thickness >= 0.6 * width:
            rest[line.pixels] = 1
    return rest


_MOST_LEVEL = 3
"""Strokes of a digit that may run from side to side; where there are more lines, they are printed.
From top to bottom it is one."""


def _without_crumbs(rest: Mask, mask: Mask, thickness: int) -> Mask:
    """Take away what is left of lines where they cross each other: specks beside what was taken."""
    taken = cv2.dilate(mask - rest, np.ones((5, 5), np.uint8))
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(rest, connectivity=8)
    sides = np.asarray(boxes)[:, 2:4].max(axis=1)
    beside = np.bincount(np.asarray(labels)[taken > 0], minlength=count) > 0
    crumbs = beside & (sides <= 3 * thickness + 4)
    return np.where(crumbs[labels], np.uint8(0), rest)


@dataclass(frozen=True)
class _Line:
    """What runs across a picture.

    Attributes:
        pixels: bool (h, w), those of the line alone, without the strokes that cross it.
        thickness: in pixels.
    """

    pixels: npt.NDArray[np.bool_]
    thickness: int


def _less(mask: Mask, lines: list[_Line]) -> Mask:
    """Return a copy of a mask without some lines."""
    rest = mask.copy()
    for line in lines:
        rest[line.pixels] = 0
    return rest


@dataclass(frozen=True)
class _Piece:
    """A level and straight part of a line, between strokes.

    Attributes:
        left: its first column.
        right: its last one.
        row: that of its middle.
        slope: rows that it falls by in a column.
        thickness: in pixels.
    """

    left: int
    right: int
    row: float
    slope: float
    thickness: int

    def at(self, column: float) -> float:
        """Return its row in a column, or where it would be there."""
        return self.row + self.slope * (column - (self.left + self.right) / 2)

    def goes_on_in(self, other: "_Piece") -> bool:
        """Tell whether another piece, on the right, is part of the same line."""
        between = (self.right + other.left) / 2
        gap = max(other.left - self.right, 0)
        apart = abs(self.at(between) - other.at(between))
        return other.right > self.right and apart <= 2 + 0.03 * gap


def _level_lines(mask: Mask) -> list[_Line]:
    """Return what runs from side to side, thin and straight."""
    width = mask.shape[1]
    chains: list[list[_Piece]] = []
    for piece in _pieces(mask):
        chain = next((chain for chain in chains if chain[-1].goes_on_in(piece)), None)
        if chain is None:
            chains.append([piece])
        else:
            chain.append(piece)
    beside = _BESIDE * width
    whole = [c for c in chains if c[0].left <= beside and c[-1].right >= width - beside]
    lines = [_line(mask, chain) for chain in whole]
    return [line for line in lines if line.pixels.any()]


_BESIDE = 0.2
"""Share of the width that may be missing from a line at either end, under a stroke."""

_THICKEST = 0.05
"""Thickness of a line at most, as a share of the picture's longer side."""


def _pieces(mask: Mask) -> list[_Piece]:
    """Return the pieces that may be of lines, from left to right."""
    width = mask.shape[1]
    thickest = max(2, int(_THICKEST * max(mask.shape)))
    thick = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((thickest + 1, 1), np.uint8))
    thin = cv2.subtract(mask, np.asarray(thick, np.uint8))
    # Lines that cross it are no gaps. It may slope: within a piece by two pixels and its thickness.
    runs = cv2.morphologyEx(thin, cv2.MORPH_CLOSE, np.ones((1, thickest | 1), np.uint8))
    runs = cv2.dilate(runs, np.ones((5, 1), np.uint8))
    shortest = max(9, width // 8)
    runs = cv2.morphologyEx(runs, cv2.MORPH_OPEN, np.ones((1, shortest), np.uint8))
    margin = int(_BESIDE * width)
    if not (runs[:, :margin].any() and runs[:, -margin:].any()):
        return []
    count, labels, boxes, _ = cv2.connectedComponentsWithStats(runs, connectivity=8)
    pieces = []
    for label in range(1, count):
        left, top, columns, rows, _ = (int(number) for number in boxes[label])
        if rows > _STEEPEST * columns + thickest + 4:
            continue
        part = np.s_[top : top + rows, left : left + columns]
        down, across = np.nonzero((labels[part] == label) & (np.asarray(thin)[part] > 0))
        piece = _straight(down + top, across + left)
        if piece is not None:
            pieces.append(piece)
    return sorted(pieces, key=lambda piece: piece.left)


def _straight(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> _Piece | None:
    """Return the straight line through some pixels, if they lie along one."""
    counts = np.bincount(columns)
    counts = counts[counts > 0]
    if len(counts) < 3:
        return None
    thickness = quantile(counts, 0.3)
    left, right = int(columns.min()), int(columns.max())
    beside, above = columns - columns.mean(), rows - rows.mean()
    slope = float(beside @ above / (beside @ beside))
    bend = float((above - slope * beside).std())
    if bend > 1 + 0.35 * thickness + _BEND * (right - left):
        return None
    row = float(rows.mean()) + slope * ((left + right) / 2 - float(columns.mean()))
    return _Piece(left, right, row, slope, thickness)


_STEEPEST = 0.15
"""Rows that a line falls by in a column, at most."""

_BEND = 0.006
"""Standard deviation of a line from a straight one, as a share of its length: paper is not flat."""


def _line(mask: Mask, chain: list[_Piece]) -> _Line:
    """Return the line along some pieces, without what stands or lies on it."""
    width = mask.shape[1]
    thin = int(np.median([piece.thickness for piece in chain]))
    upright = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((int(1.5 * thin) + 3, 1), np.uint8))
    upright = cv2.dilate(upright, np.ones((1, 3), np.uint8))
    places = [(end, piece.at(end)) for piece in chain for end in (piece.left, piece.right)]
    places += [(0, chain[0].at(0)), (width, chain[-1].at(width))]
    columns, rows = np.array(sorted(places)).T
    middle = np.interp(np.arange(width), columns, rows)
    apart = np.abs(np.arange(len(mask))[:, None] - middle)
    near = apart <= thin / 2 + 2 + _BEND * width
    return _Line(near & (mask > 0) & (upright == 0), thin)
