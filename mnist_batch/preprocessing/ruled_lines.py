"""Remove the lines that are printed on paper: ruled and squared sheets, margins."""

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mnist_batch.preprocessing.ink import Mask, components, extent, quantile, stroke_width
from mnist_batch.schema import Grey

_THICKEST = 0.05
"""Thickness of a line at most, as a share of the longer side; what is thicker is a stroke. At 0.1,
6 pictures are misread."""
_BRIDGED_ROWS = 5
"""Rows over which a sloping piece is joined: two pixels up and two down from its own row."""
_SHORTEST_PIECE, _SHORTEST_SHARE = 9, 8
"""Length of a piece at least: so many pixels, and this fraction (an eighth) of the width."""
_STEEPEST, _STEEPEST_SLACK = 0.15, 4
"""Slope of a line at most, in rows a column (9 degrees); and rows by which the box of a piece may
exceed what slope and thickness explain."""
_THICKNESS_QUANTILE = 0.3
"""Quantile of the pixels in a column that is a piece's thickness: strokes beside it add to most."""
_FEWEST_COLUMNS = 3
"""Columns in which a piece has pixels, at least, for a straight line to be fitted."""
_BEND, _BEND_PER_THICKNESS, _LEAST_BEND = 0.006, 0.35, 1
"""Deviation of a piece's pixels from a straight line at most: as a share of its length, since paper
is not flat, plus so many of its thicknesses (an even line has 0.29), plus pixels."""
_GAP_ROWS, _GAP_SLOPE = 2, 0.03
"""Rows by which the next piece of a line may be off: pixels, plus so many a column of the gap."""
_TURN = 0.3
"""Difference of the slopes of a line's pieces at most: the stems of digits in two lines, one above
the other, turn more."""
_MISSING_END = 0.2
"""Share of the width that a line may lack at either end, under a stroke; at 0.4, 3 are misread."""
_SHORT, _SHORT_PIXELS = 0.02, 2
"""Distance from a side within which a line reaches it: a share of the width, plus pixels."""
_CROSSING_HEIGHT, _CROSSING_PIXELS = 1.5, 3
"""Height of a stroke that crosses a line and stays: in thicknesses of the line, plus pixels."""
_LINE_MARGIN = 2
"""Pixels above and below a line that are removed with it, where its edges fade out."""
_MOST_LEVEL = 3
"""Strokes of a digit that may run from side to side; more lines are printed. From top to bottom it
is one."""
_EMPTY_REST = 0.5
"""Pixels beside the lines, as a share of those of the largest: with fewer there is no digit."""
_UPRIGHT_REST = 0.25
"""The same, as a share of a single upright line's, up to which that line is a 1."""
_THINNEST = 0.02
"""Thickness, as a share of the longer side, up to which a line from side to side is printed if it
has a sibling, or lies alone: a margin."""
_JOINED, _NEAR_END = 0.15, 0.15
"""What is joined to a lone line from side to side makes it a stem, if it is so long and so near
to an end of the line, as shares of the line's length. Of 8 sevens with margins up to 0.06 five lose
their stem without this; of 320 blank sheets as many are read with it as without."""
_FAINTER = 0.7
"""Strength of a line as a share of the strokes' mean, below which it is printed and no stroke."""
_THINNER = 0.6
"""Thickness of a line as a share of the stroke width, below which it is printed and no stroke."""
_CRUMB_THICKNESSES, _CRUMB_PIXELS, _CRUMB_REACH = 3, 4, 5
"""Size of a crumb at a crossing at most: in thicknesses of the lines, plus pixels; and the side of
the square, in pixels, within which it lies beside a removed line."""


def without_lines(mask: Mask, strength: Grey) -> Mask:
    """Remove ruled lines from a mask of all ink: what runs from side to side or top to bottom.

    A stroke may do so too in a closely cropped picture: the foot of a 2, the stem of a 4 or a 7.
    Such strokes are few, and of the same pen as the rest, as their strength (0 to 255) tells; or
    they end short of a side, which no printed line does. A single upright line without a rest is
    a 1. Strokes that cross a line stay whole.
    """
    level = _level_lines(mask)
    rest = _subtracted(mask, level)
    transposed = _level_lines(np.asarray(cv2.transpose(rest), np.uint8))
    upright = [_Line(line.pixels.T, line.thickness, line.is_whole) for line in transposed]
    rest = _subtracted(rest, upright)
    lines = level + upright
    if not lines:
        return rest
    rest = _without_crumbs(rest, mask, max(line.thickness for line in lines))
    doubtful = level * (len(level) <= _MOST_LEVEL)
    doubtful += [line for line in upright if len(upright) == 1 or not line.is_whole]
    thin = _THINNEST * max(mask.shape)
    printed = [line for line in lines if line.is_whole and line.thickness <= thin]
    if len(printed) > 1:
        doubtful = [line for line in doubtful if line not in printed]
    if rest.sum() < _EMPTY_REST * max(line.pixels.sum() for line in lines):
        strokes = [line for line in doubtful if not line.is_whole]
        alone = (
            len(upright) == 1 and len(level) <= 1 and upright[0].thickness > _THINNEST * len(mask)
        )
        if not strokes and len(lines) == 1 and _is_stem(lines[0], rest, strength):
            strokes = lines
        if not strokes and alone and rest.sum() <= _UPRIGHT_REST * upright[0].pixels.sum():
            strokes = upright
        if not strokes:
            return rest
        for line in strokes:
            rest[line.pixels] = 1
    pen, width = strength[rest > 0].mean(), stroke_width(rest)
    for line in doubtful:
        fainter = strength[line.pixels].mean() < _FAINTER * pen
        if not fainter and line.thickness >= _THINNER * width:
            rest[line.pixels] = 1
    return rest


def _is_stem(line: "_Line", rest: Mask, strength: Grey) -> bool:
    """Tell whether a lone line is a digit's stem: a stroke of the same pen starts near its end."""
    count, labels = cv2.connectedComponents(rest, connectivity=8)
    square = np.ones((_CRUMB_REACH, _CRUMB_REACH), np.uint8)
    beside = cv2.dilate(line.pixels.astype(np.uint8), square) > 0
    joined = np.bincount(np.asarray(labels)[beside & (rest > 0)], minlength=count).argmax()
    if not joined:
        return False
    stroke = (labels == joined).astype(np.uint8)
    left, top, width, height = cv2.boundingRect(stroke)
    whole = cv2.boundingRect(line.pixels.astype(np.uint8))
    length = max(whole[2:])
    before, after = (
        (top - whole[1], whole[1] + whole[3] - top - height)
        if whole[3] == length
        else (left - whole[0], whole[0] + whole[2] - left - width)
    )
    return (
        max(width, height) >= _JOINED * length
        and min(before, after) <= _NEAR_END * length
        and bool(strength[line.pixels].mean() >= _FAINTER * strength[stroke > 0].mean())
        and line.thickness >= _THINNER * stroke_width(stroke)
    )


def _without_crumbs(rest: Mask, mask: Mask, thickness: int) -> Mask:
    """Remove what is left of lines where they cross each other: specks beside removed pixels."""
    removed = cv2.dilate(mask - rest, np.ones((_CRUMB_REACH, _CRUMB_REACH), np.uint8))
    count, labels, boxes = components(rest)
    beside = np.bincount(labels[removed > 0], minlength=count) > 0
    crumbs = beside & (boxes[:, 2:4].max(axis=1) <= _CRUMB_THICKNESSES * thickness + _CRUMB_PIXELS)
    return np.where(crumbs.take(labels), np.uint8(0), rest)


@dataclass(frozen=True, eq=False)
class _Line:
    """A line across a picture."""

    pixels: npt.NDArray[np.bool_]  # (h, w), the line alone, without the strokes that cross it
    thickness: int  # in pixels
    is_whole: bool  # whether it reaches both sides


def _subtracted(mask: Mask, lines: list[_Line]) -> Mask:
    """Return a copy of a mask without some lines."""
    rest = mask.copy()
    for line in lines:
        rest[line.pixels] = 0
    return rest


@dataclass(frozen=True)
class _Piece:
    """A level and straight part of a line, between strokes."""

    left: int  # first column
    right: int  # last column
    row: float  # of its middle
    slope: float  # rows that it falls by in a column
    thickness: int  # in pixels

    def at(self, column: float) -> float:
        """Return its row in a column, extrapolated beyond its ends."""
        return self.row + self.slope * (column - (self.left + self.right) / 2)

    def goes_on_in(self, other: "_Piece") -> bool:
        """Tell whether another piece, on the right, is part of the same line."""
        between = (self.right + other.left) / 2
        gap = max(other.left - self.right, 0)
        apart = abs(self.at(between) - other.at(between))
        return (
            other.right > self.right
            and apart <= _GAP_ROWS + _GAP_SLOPE * gap
            and abs(self.slope - other.slope) < _TURN
        )


def _level_lines(mask: Mask) -> list[_Line]:
    """Return what runs from side to side, thin and straight."""
    width = mask.shape[1]
    chains: list[list[_Piece]] = []
    for piece in _pieces(mask):
        chain = next((chain for chain in chains if chain[-1].goes_on_in(piece)), [])
        if not chain:
            chains.append(chain)
        chain.append(piece)
    missing = _MISSING_END * width
    whole = [c for c in chains if c[0].left <= missing and c[-1].right >= width - missing]
    lines = [_line(mask, chain) for chain in whole]
    return [line for line in lines if line.pixels.any()]


def _pieces(mask: Mask) -> list[_Piece]:
    """Return the pieces that may be of lines, from left to right."""
    width = mask.shape[1]
    thickest = max(2, int(_THICKEST * extent(mask.shape)))
    thick = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((thickest + 1, 1), np.uint8))
    thin = cv2.subtract(mask, np.asarray(thick, np.uint8))
    # Closing bridges the lines that cross it.
    runs = cv2.morphologyEx(thin, cv2.MORPH_CLOSE, np.ones((1, thickest | 1), np.uint8))
    runs = cv2.dilate(runs, np.ones((_BRIDGED_ROWS, 1), np.uint8))
    shortest = max(_SHORTEST_PIECE, width // _SHORTEST_SHARE)
    runs = cv2.morphologyEx(runs, cv2.MORPH_OPEN, np.ones((1, shortest), np.uint8))
    margin = int(_MISSING_END * width)
    if not (runs[:, :margin].any() and runs[:, -margin:].any()):
        return []
    count, labels, boxes = components(np.asarray(runs, np.uint8))
    pieces = []
    for label in range(1, count):
        left, top, columns, rows, _ = (int(number) for number in boxes[label])
        if rows > _STEEPEST * columns + thickest + _STEEPEST_SLACK:
            continue
        part = np.s_[top : top + rows, left : left + columns]
        down, across = np.nonzero((labels[part] == label) & (np.asarray(thin)[part] > 0))
        if (piece := _straight(down + top, across + left)) is not None:
            pieces.append(piece)
    return sorted(pieces, key=lambda piece: piece.left)


def _straight(rows: npt.NDArray[np.int64], columns: npt.NDArray[np.int64]) -> _Piece | None:
    """Return the straight line through some pixels by least squares, if they lie along one."""
    counts = np.bincount(columns)
    counts = counts[counts > 0]
    if len(counts) < _FEWEST_COLUMNS:
        return None
    thickness = quantile(counts, _THICKNESS_QUANTILE)
    left, right = int(columns.min()), int(columns.max())
    beside, above = columns - columns.mean(), rows - rows.mean()
    slope = float(beside @ above / (beside @ beside))
    bend = float((above - slope * beside).std())
    if bend > _LEAST_BEND + _BEND_PER_THICKNESS * thickness + _BEND * (right - left):
        return None
    row = float(rows.mean()) + slope * ((left + right) / 2 - float(columns.mean()))
    return _Piece(left, right, row, slope, thickness)


def _line(mask: Mask, chain: list[_Piece]) -> _Line:
    """Return the line along some pieces, without what stands or lies on it."""
    width = mask.shape[1]
    thin = int(np.median([piece.thickness for piece in chain]))
    tall = int(_CROSSING_HEIGHT * thin) + _CROSSING_PIXELS
    crossing = cv2.morphologyEx(mask, cv2.MORPH_OPEN, np.ones((tall, 1), np.uint8))
    crossing = cv2.dilate(crossing, np.ones((1, 3), np.uint8))
    places = [(end, piece.at(end)) for piece in chain for end in (piece.left, piece.right)]
    places += [(0, chain[0].at(0)), (width, chain[-1].at(width))]
    columns, rows = np.array(sorted(places)).T
    middle = np.interp(np.arange(width), columns, rows)
    apart = np.abs(np.arange(len(mask))[:, None] - middle)
    near = (apart <= thin / 2 + _LINE_MARGIN + _BEND * width) & (mask > 0)
    inked = np.flatnonzero(near.any(axis=0))
    short = _SHORT_PIXELS + _SHORT * width
    is_whole = not inked.size or (inked[0] <= short and inked[-1] >= width - 1 - short)
    return _Line(near & (crossing == 0), thin, bool(is_whole))
