"""Find the picture within a picture: a dark tile on a white page, a figure with axes, a screen.

Its sides are straight and it lies within the page, so its outline has four corners, however it is
rotated. It is another picture, with a background of its own.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from mnist_batch.preprocessing.ink import quantile, shrunk
from mnist_batch.schema import Box, Grey

_Corners = npt.NDArray[np.float32]
"""Corners of a tile, (4, 2): x and y, clockwise from the one at its top left."""

_PAGE_SIDE = 512
"""Longer side in pixels to which a larger page is shrunk, and a tile."""
_PAGE_STEP = 24
"""Grey levels from which a pixel is not the page's."""
_LEAST_AREA, _MOST_AREA = 0.02, 0.99
"""Area of a tile at least and at most, as shares of the picture's."""
_CUT_SIDES = 1
"""Sides of the page that a tile may touch; a shadow touches two or more."""
_LEAST_SIDE = 16
"""Shorter side of a tile at least, in pixels of that page."""
_MOST_ELONGATED = 2.5
"""Longer side of a tile at most, in shorter ones."""
_STRAIGHT = 0.02
"""Distance of an outline from its four sides at most, as a share of its length."""
_STRAIGHT_EDGE, _STRAIGHT_TILE = 0.97, 0.85
"""Share of an outline that lies along the four sides at least: around an edge that lies within ink
or a frame, and around a tile, whose digit may touch the edge."""
_OFF, _OFF_PIXELS = 0.004, 1.5
"""Distance from a side up to which it lies along it: a share of the outline's length, plus
pixels."""
_LEAST_FILLED = 0.75
"""Area within an outline at least, in that between its corners: a stroke encloses hardly any. Of
1,000 digits of hairlines, 9 had a tile between their strokes without this, of 300 tiles none has
less than 0.9."""
_ROUGH_FILLED, _ROUGH_STRAIGHT, _ROUGH_OFF = 0.6, 0.7, 2
"""The same of the rough corners, before lines are fitted: area within the outline, share of it
along the sides, and the distance in those above. Of 629 outlines of tiles none has less than 0.98
and 0.9; of 142 others one in thirteen has more."""
_FEWEST_POINTS, _PARALLEL = 8, 0.3
"""Points along a side at least; and the sine of the angle between two sides at least."""
_ALIKE, _MOST_TILES = 0.5, 100
"""Area of a tile beside the largest at least, in its areas; and tiles that are looked at."""
_BORDER_STEP, _UNEVEN_BORDER = 48, 0.3
"""Grey levels from which a pixel of a tile's border is ink or a frame, and their share at most."""
_LEAST_RANGE = 40
"""Grey levels between a tile's ink and background at least: the empty cells of squared paper have
grain alone."""
_INSET, _INSET_PIXELS = 0.03, 1.5
"""Share of each side that is left out: a frame, and the blur of the edge; and pixels at least."""


@dataclass(frozen=True)
class Tile:
    """A picture within a page."""

    picture: Grey  # upright, without its edge
    to_page: npt.NDArray[np.float64]  # (3, 3), from its pixels to the page's, in perspective

    def box_in_page(self, box: Box) -> Box:
        """Return the box in the page around a box in the tile: left, top, width, height."""
        left, top, width, height = box
        corners = [(left, top), (left + width, top), (left, top + height),
                   (left + width, top + height)]  # fmt: skip
        places = cv2.perspectiveTransform(np.array([corners], np.float64), self.to_page)[0]
        x, y = np.floor(places.min(axis=0)).astype(int)
        right, bottom = np.ceil(places.max(axis=0)).astype(int)
        return int(x), int(y), int(right - x), int(bottom - y)


def find_tiles(page: Grey) -> list[Tile]:
    """Return the pictures within a page, the largest first; none lies within another one.

    Those that are much smaller than the largest are left out.
    """
    scale = min(1.0, _PAGE_SIDE / max(page.shape))
    if min(page.shape) * scale < _LEAST_SIDE:
        return []
    height, width = (max(1, round(side * scale)) for side in page.shape)
    outlines = list(_outlines(shrunk(page, height, width) if scale < 1 else page))
    outlines.sort(key=lambda corners: -cv2.contourArea(corners))
    chosen: list[_Corners] = []
    for corners in outlines:
        x, y = (float(place) for place in corners.mean(axis=0))
        if not any(cv2.pointPolygonTest(outer, (x, y), False) >= 0 for outer in chosen):
            chosen.append(corners)
    areas = [cv2.contourArea(corners) for corners in chosen]
    likely = [one for one, area in zip(chosen, areas, strict=True) if area >= _ALIKE * areas[0]]
    tiles = [_tile(page, corners / np.float32(scale)) for corners in likely[:_MOST_TILES]]
    return [tile for tile in tiles if _has_even_border(tile.picture)]


def _has_even_border(picture: Grey) -> bool:
    """Tell whether most of a border is background, with ink inside: no loop of a 6, no cell."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    apart = cv2.absdiff(border, np.full_like(border, int(np.median(border))))
    if (np.asarray(apart) > _BORDER_STEP).mean() > _UNEVEN_BORDER:
        return False
    return quantile(picture, 0.99) - quantile(picture, 0.01) >= _LEAST_RANGE


def _outlines(page: Grey) -> Iterator[_Corners]:
    """Yield the corners of what has four in a page."""
    border = np.concatenate([page[0], page[-1], page[:, 0], page[:, -1]])
    apart = cv2.absdiff(page, np.full_like(page, int(np.median(border))))
    _, dark = cv2.threshold(page, 0, 1, cv2.THRESH_BINARY_INV | cv2.THRESH_OTSU)
    for mask in ((apart > _PAGE_STEP).astype(np.uint8), np.asarray(dark, np.uint8)):
        found, tree = cv2.findContours(mask, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
        shortest = 4 * (_LEAST_AREA * page.size) ** 0.5 * 0.8
        for place, outline in enumerate(found):
            if len(outline) >= shortest:
                is_inner = tree[0, place, 3] >= 0
                least_straight = _STRAIGHT_EDGE if is_inner else _STRAIGHT_TILE
                corners = _corners(outline, page.shape, least_straight)
                if corners is not None:
                    yield corners


def _corners(
    outline: npt.NDArray[Any], shape: tuple[int, ...], least_straight: float
) -> _Corners | None:
    """Return the corners of an outline, if it has four and is a tile's."""
    x, y, width, height = cv2.boundingRect(outline)
    if (x < 1) + (y < 1) + (x + width >= shape[1]) + (y + height >= shape[0]) > _CUT_SIDES:
        return None
    hull = cv2.convexHull(outline)
    corners = cv2.approxPolyDP(hull, _STRAIGHT * cv2.arcLength(hull, True), True)
    if len(corners) != 4:
        return None
    area = cv2.contourArea(corners)
    whole = shape[0] * shape[1]
    if not _LEAST_AREA * whole <= area <= _MOST_AREA * whole:
        return None
    points = np.asarray(outline, np.float32).reshape(-1, 2)
    rough = _ordered(np.asarray(corners, np.float32).reshape(4, 2))
    filled, off = cv2.contourArea(outline), _OFF * len(outline) + _OFF_PIXELS
    # To fit the lines takes many times as long as to see that most outlines are no tile's.
    apart = _distances(points, rough)
    straight = (apart.min(axis=1) <= _ROUGH_OFF * off).mean()
    if filled < _ROUGH_FILLED * area or straight < _ROUGH_STRAIGHT:
        return None
    fitted = _fitted(points, apart.argmin(axis=1))
    if fitted is None:
        return None
    places = _ordered(fitted)
    if filled < _LEAST_FILLED * cv2.contourArea(places):
        return None
    if (_distances(points, places).min(axis=1) <= off).mean() < least_straight:
        return None
    across, down = _sides(places)
    if min(across, down) < _LEAST_SIDE or max(across, down) > _MOST_ELONGATED * min(across, down):
        return None
    return places


def _fitted(points: npt.NDArray[np.float32], nearest: npt.NDArray[np.int64]) -> _Corners | None:
    """Return where the lines along the four sides of an outline meet; `nearest` is the side.

    Lines of least sum of distances: a digit that touches a side hardly bends it.
    """
    lines = []
    for side in range(4):
        along = points[nearest == side]
        if len(along) < _FEWEST_POINTS:
            return None
        lines.append(cv2.fitLine(along, cv2.DIST_L1, 0, 0.01, 0.01).reshape(4))
    meeting = []
    for one, other in zip([lines[-1], *lines[:-1]], lines, strict=True):
        directions = np.stack([one[:2], -other[:2]], axis=1).astype(np.float64)
        if abs(np.linalg.det(directions)) < _PARALLEL:
            return None
        length, _ = np.linalg.solve(directions, other[2:] - one[2:])
        meeting.append(one[2:] + length * one[:2])
    return np.asarray(meeting, np.float32)


def _distances(points: npt.NDArray[Any], corners: _Corners) -> npt.NDArray[np.float64]:
    """Return the distances of points, (n, 2), from the lines between corners, (n, 4)."""
    along = np.roll(corners, -1, axis=0) - corners
    normals = np.stack([-along[:, 1], along[:, 0]]) / np.linalg.norm(along, axis=1)
    return np.asarray(np.abs(points @ normals - (corners * normals.T).sum(axis=1)))


def _ordered(corners: _Corners) -> _Corners:
    """Return corners clockwise from the one at the top left."""
    middle = corners.mean(axis=0)
    angles = np.arctan2(corners[:, 1] - middle[1], corners[:, 0] - middle[0])
    clockwise = corners[np.argsort(angles)]  # rows count downwards
    return np.roll(clockwise, -int(clockwise.sum(axis=1).argmin()), axis=0)


def _sides(corners: _Corners) -> tuple[float, float]:
    """Return the width and the height of a tile, the means of opposite sides."""
    lengths = np.linalg.norm(corners - np.roll(corners, -1, axis=0), axis=1)
    return float(lengths[0] + lengths[2]) / 2, float(lengths[1] + lengths[3]) / 2


def _tile(page: Grey, corners: _Corners) -> Tile:
    """Return what lies between some corners of a page, upright, without its edge."""
    width, height = (max(1, round(side)) for side in _sides(corners))
    scale = min(1.0, _PAGE_SIDE / max(width, height))
    width, height = max(1, round(width * scale)), max(1, round(height * scale))
    x, y = (max(_INSET_PIXELS, _INSET * side) for side in (width, height))
    inside = np.array([(-x, -y), (width + x, -y), (width + x, height + y), (-x, height + y)])
    to_page = cv2.getPerspectiveTransform(inside.astype(np.float32), corners)
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    picture = cv2.warpPerspective(
        page, to_page, (width, height), flags=how | cv2.WARP_INVERSE_MAP,
        borderMode=cv2.BORDER_REPLICATE,
    )  # fmt: skip
    return Tile(np.asarray(picture, np.uint8), np.asarray(to_page, np.float64))
