"""A simulated pen: several glyphs of each digit, drawn by an unsteady hand.

A glyph is a few pen strokes, a stroke is a smooth curve through a handful of points. Randomly the
points move, the figure bends and slants, and the pen is pressed more or less.
"""

import functools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

STROKES: dict[int, dict[str, str]] = {
    0: {
        "round": "50,0 20,15 8,50 20,85 50,100 80,85 92,50 80,15 50,0",
        "narrow": "50,0 29,15 20,50 29,85 50,100 71,85 80,50 71,15 50,0",
        "overlapping": "68,10 46,1 20,17 10,52 24,88 52,100 80,85 90,50 78,17 56,3 38,9",
    },
    1: {
        "plain": "50,0 50,100",
        "bowed": "47,0 53,45 50,100",
        "flag": "37,22 50,0 50,0 50,100",
        "flag and foot": "35,22 50,0 50,0 50,100 / 28,100 74,100",
    },
    2: {
        "straight base": "8,25 20,5 50,0 80,15 78,42 45,72 8,100 8,100 92,98",
        "loop": "12,22 30,3 60,2 80,22 70,55 40,85 15,95 8,85 22,75 45,85 70,97 95,92",
        "wavy base": "10,28 25,5 55,0 80,18 72,48 40,78 10,100 10,100 35,92 65,98 95,90",
    },
    3: {
        "round": "12,12 40,0 75,8 78,32 42,46 42,46 82,60 85,85 50,100 8,88",
        "flat top": "12,2 78,2 78,2 42,42 42,42 80,55 85,80 50,100 8,90",
        "small loop": "12,12 42,0 75,12 70,38 45,50 36,45 48,42 78,58 85,82 50,100 10,88",
    },
    4: {
        "open": "16,0 8,55 8,55 88,52 / 72,5 70,50 66,100",
        "open, round": "18,0 10,35 20,56 50,56 80,46 / 82,0 76,50 70,100",
        "closed": "60,0 8,65 8,65 90,62 / 60,0 60,50 58,100",
    },
    5: {
        "one stroke": "88,2 30,5 30,5 22,45 22,45 55,36 85,58 78,88 42,100 8,88",
        "separate bar": "28,6 22,46 22,46 55,38 82,60 76,88 42,100 8,90 / 26,4 88,0",
        "smooth": "85,0 45,4 26,22 36,42 66,54 78,76 52,98 10,92",
    },
    6: {
        "straight stem": "60,0 32,35 12,70 28,97 58,98 74,78 56,60 30,66 15,82",
        "curved stem": "66,3 40,14 18,46 14,80 40,100 70,92 76,70 54,54 28,63 16,78",
        "small loop": "56,0 30,38 18,76 32,98 54,98 66,84 54,68 34,72 20,86",
    },
    7: {
        "plain": "8,5 86,2 86,2 56,50 42,100",
        "crossbar": "8,5 86,2 86,2 56,50 42,100 / 28,52 78,48",
        "serif": "10,22 12,4 12,4 86,2 86,2 62,50 52,100",
    },
    8: {
        "one stroke": "82,15 52,0 24,18 46,46 76,70 52,100 22,76 50,46 82,15",
        "open top": "88,8 55,2 25,20 48,46 75,74 48,100 22,80 46,50 80,20",
        "two circles": "50,47 28,38 26,12 50,0 74,12 72,38 50,47 /"
        " 50,47 24,56 20,86 50,100 80,86 76,56 50,47",
    },
    9: {
        "straight stem": "76,16 50,1 24,18 26,44 50,50 72,32 80,8 80,8 76,50 70,100",
        "curved stem": "76,14 48,1 22,17 26,43 52,48 78,16 78,16 80,55 66,92 34,99",
        "two strokes": "50,0 26,10 24,38 48,48 72,38 74,12 50,0 / 76,2 76,50 73,100",
        "slanting stem": "72,8 46,3 27,22 36,43 58,34 73,8 73,8 62,50 46,100",
    },
}
"""The glyphs of each digit, by name.

`/` separates strokes; a stroke is the points `x,y` that the pen passes, in hundredths of a square,
x to the right and y down. A point repeated at once is a corner. Equal points of a glyph are one
point, and stay joined wherever it moves.
"""


@dataclass(frozen=True, eq=False)
class Glyph:
    """One way of writing a digit, as places that the pen passes.

    A Catmull-Rom spline is linear in its points, so the n places are `weights @ points`, also where
    the points have moved. `np.split(path, lifts)` are the strokes of a path.
    """

    points: Floats  # (k, 2) in the unit square, x to the right and y down
    weights: Floats  # (n, k)
    lifts: tuple[int, ...]  # places before which the pen is lifted, ascending

    def written(self, rng: np.random.Generator, *, spread: float = 0.018) -> Floats:
        """Return the path (n, 2) of one writing, in the unit square or a little beside it.

        `spread` is the standard deviation by which each point moves, across and down.
        """
        return _bent(self.weights @ rng.normal(self.points, spread), rng)


def choose_glyph(digit: int, rng: np.random.Generator, *, density: int) -> Glyph:
    """Return a random glyph of a digit, with `density` places to a side of the square.

    Raises:
        ValueError: `digit` is not 0 to 9.
    """
    if digit not in STROKES:
        raise ValueError(f"digit must be 0 to 9, got {digit}")
    glyphs = tuple(STROKES[digit].values())
    return parse_glyph(glyphs[rng.integers(len(glyphs))], density)


def pressure(count: int, rng: np.random.Generator) -> Floats:
    """Return the stroke width at each of `count` places, 0.85 to 1.15 of the pen's width."""
    t = np.linspace(0, 1, count)
    wave = np.sin(t * rng.uniform(2, 10) + rng.uniform(0, 2 * np.pi))
    return np.asarray(1 + rng.uniform(0, 0.15) * wave)


@functools.cache
def parse_glyph(text: str, density: int) -> Glyph:
    """Return the glyph of a text as in `STROKES`; `density` as for `choose_glyph`."""
    strokes = [stroke.split() for stroke in text.split(" / ")]
    names = list(dict.fromkeys(name for stroke in strokes for name in stroke))
    points = np.array([[int(number) for number in name.split(",")] for name in names]) / 100
    unit = dict(zip(names, np.eye(len(names)), strict=True))
    weights = []
    for stroke in strokes:
        # Neighbours give the curve its direction. A closed stroke goes on at its other end; the
        # end of an open one is its own neighbour.
        closed = stroke[0] == stroke[-1]
        before, after = (stroke[-2], stroke[1]) if closed else (stroke[0], stroke[-1])
        spans = zip([before, *stroke], stroke, stroke[1:], [*stroke[2:], after], strict=False)
        # The span between the two points of a corner has no length.
        curved = [[unit[name] for name in span] for span in spans if span[1] != span[2]]
        weights.append(np.concatenate([_span(span, points, density) for span in curved]))
    lifts = np.cumsum([len(stroke) for stroke in weights[:-1]], dtype=int)
    return Glyph(points, np.concatenate(weights), tuple(lifts.tolist()))


def _span(span: list[Floats], points: Floats, density: int) -> Floats:
    """Return the weights (n, k) of places from the second of four successive points to the third.

    The uniform spline of E. Catmull and R. Rom, "A class of local interpolating splines" (1974),
    in the matrix form of https://en.wikipedia.org/wiki/Catmull-Rom_spline.
    """
    a, b, c, d = span
    length = np.hypot(*((c - b) @ points))
    t = np.linspace(0, 1, 2 + int(length * density))[:, None]
    return 0.5 * (
        2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * (b - c) + d - a) * t**3
    )


def _bent(path: Floats, rng: np.random.Generator) -> Floats:
    """Return a path (n, 2) as of an unsteady hand: waved, stretched, slanted and rotated."""
    wave = rng.normal(0, 0.04, (2, 2))
    phase = rng.uniform(0, 2 * np.pi, 2)
    # At most three quarters of a wave across the figure: a hand bends so, and does not tremble.
    frequency = rng.uniform(-1.5 * np.pi, 1.5 * np.pi, (2, 2))
    # Warping the plane, not the pen, keeps together what crosses or touches.
    path = path + np.sin(path @ frequency + phase) @ wave
    aspect = np.exp(rng.normal(0, 0.17))
    slant = rng.normal(0.1, 0.21)
    rotation = rng.normal(0, 0.1)
    x, y = path[:, 0] * aspect - slant * path[:, 1], path[:, 1]
    cos, sin = np.cos(rotation), np.sin(rotation)
    return np.stack([cos * x - sin * y, sin * x + cos * y], axis=1)
