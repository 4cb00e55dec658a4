"""Ways of writing digits that MNIST hardly has, drawn for training with the simulated pen.

MNIST was written by Americans of 1990. Elsewhere a 1 has a long flag and a 7 is crossed (Germany,
France, Switzerland, Latin America), a 7 has a hook at its left (East Asia, Latin America), a 4 is a
triangle or open at its top, and a 0 is slashed (where it must not be an O).
"""

import numpy as np
import numpy.typing as npt

from mnist_batch.mnist import BOX, SIDE
from mnist_batch.preprocessing.mnist_form import fitted
from mnist_batch.schema import Images
from mnist_batch.synthetic.pen import Floats, Glyph, parse_glyph, pressure

STYLES: dict[int, dict[str, tuple[str, str]]] = {
    0: {
        "slashed": (
            "50,0 20,15 8,50 20,85 50,100 80,85 92,50 80,15 50,0 / 88,4 12,96",
            "50,0 30,15 22,50 30,85 50,100 70,85 78,50 70,15 50,0 / 66,24 34,76",
        ),
        "square": (
            "30,2 12,8 8,50 14,94 50,98 86,92 92,50 86,8 30,2",
            "40,0 24,14 20,50 24,88 50,100 76,86 80,50 76,12 40,0",
        ),
        "flat": (
            "45,20 15,32 0,52 15,74 50,84 85,72 100,50 85,28 45,20",
            "60,8 20,16 5,50 25,88 50,92 80,84 95,50 90,20 60,8",
        ),
        "pointed": (
            "50,0 50,0 25,40 14,70 50,100 86,70 75,40 50,0",
            "40,0 40,0 12,25 16,75 52,100 88,62 80,22 40,0",
        ),
        "open": (
            "62,12 40,2 14,28 10,60 34,96 66,94 90,60 88,30 76,6",
            "75,10 55,0 22,15 8,55 30,95 70,95 92,55 80,22 66,20",
        ),
    },
    1: {
        "long flag": ("4,66 58,0 58,0 58,100", "32,24 54,0 54,0 54,100"),
        "bowed flag": ("2,60 36,40 62,0 62,0 58,100", "22,34 42,20 56,0 56,0 54,100"),
        "long flag and foot": (
            "8,56 54,0 54,0 54,100 / 18,100 90,100",
            "30,24 52,0 52,0 52,100 / 32,100 74,100",
        ),
        "foot": ("50,0 50,100 / 12,100 88,100", "50,0 50,100 / 34,100 66,100"),
    },
    2: {
        "large loop": (
            "8,24 30,0 68,2 80,26 58,62 26,92 6,90 8,72 32,72 62,92 96,94",
            "16,20 38,2 66,4 76,24 60,56 36,82 18,94 10,84 24,76 54,90 92,98",
        ),
        "upright loop": (
            "14,28 22,4 58,0 70,24 56,60 38,92 16,96 12,80 32,76 58,96 84,84",
            "24,20 40,0 64,8 66,30 52,64 34,90 20,98 14,88 30,80 52,94 76,98",
        ),
        "angular": (
            "10,16 44,0 82,12 82,12 70,42 6,98 6,98 94,98",
            "20,4 60,0 76,20 76,20 64,48 20,98 20,98 84,90",
        ),
        "swan": (
            "18,34 16,12 44,0 70,18 62,50 12,98 12,98 50,88 88,100",
            "24,20 34,4 58,0 74,22 58,58 20,96 20,96 54,94 84,88",
        ),
    },
    3: {
        "flat top": (
            "8,2 84,2 84,2 38,40 38,40 82,56 84,84 48,100 6,88",
            "22,4 74,0 74,0 48,44 48,44 76,60 74,88 48,100 16,94",
        ),
        "flat top, straight": (
            "10,2 82,2 82,2 46,44 46,44 78,50 90,76 64,98 14,98",
            "18,0 76,4 76,4 30,38 30,38 66,42 80,70 60,98 20,92",
        ),
        "angular": (
            "14,6 80,10 80,10 34,48 34,48 84,84 84,84 12,98",
            "24,0 72,16 72,16 44,46 44,46 80,74 80,74 20,100",
        ),
        "two bows": (
            "16,16 44,0 74,12 72,34 40,48 40,48 76,56 84,80 52,100 12,86",
            "22,6 54,0 78,18 64,42 46,48 46,48 70,58 72,86 44,100 20,94",
        ),
    },
    4: {
        "triangle": (
            "66,0 4,70 4,70 96,70 / 66,0 66,100",
            "58,0 16,58 16,58 86,62 / 58,0 60,100",
        ),
        "triangle, short foot": (
            "68,0 4,76 4,76 90,76 / 68,0 68,94",
            "58,0 10,64 10,64 76,66 / 58,0 58,88",
        ),
        "triangle, one stroke": (
            "68,100 66,0 66,0 4,68 4,68 94,68",
            "56,100 60,0 60,0 14,56 14,56 88,62",
        ),
        "open": (
            "24,2 10,58 10,58 92,58 / 76,2 70,100",
            "30,12 16,50 16,50 82,54 / 70,20 66,100",
        ),
        "low stem": (
            "52,0 8,66 8,66 94,64 / 66,38 58,100",
            "40,0 14,58 14,58 84,60 / 70,24 62,96",
        ),
        "round and open": (
            "20,4 12,34 24,56 54,58 84,44 / 84,0 78,50 70,100",
            "28,12 18,40 34,56 58,52 78,42 / 78,6 76,54 74,96",
        ),
    },
    5: {
        "detached top": (
            "30,12 22,46 22,46 56,38 84,62 74,92 40,100 8,88 / 42,2 94,0",
            "28,16 30,46 30,46 60,42 76,66 64,94 36,100 16,92 / 34,4 78,8",
        ),
        "top to the right": (
            "36,14 26,44 26,44 62,42 80,70 54,98 10,90 / 56,8 100,0",
            "30,10 26,48 26,48 60,48 76,74 48,100 14,94 / 46,0 86,4",
        ),
        "square": (
            "88,2 18,2 18,2 16,46 16,46 60,40 86,68 56,98 10,92",
            "78,0 28,6 28,6 22,46 22,46 58,46 74,72 50,100 16,98",
        ),
        "like an S": (
            "84,6 50,0 24,20 40,44 72,60 78,86 46,100 10,88",
            "76,0 44,6 28,26 46,46 66,62 64,90 38,100 16,94",
        ),
    },
    6: {
        "straight stem": (
            "72,0 34,42 12,76 38,100 70,86 66,62 36,60 16,80",
            "58,0 32,44 22,78 44,100 64,88 60,68 38,66 24,82",
        ),
        "upright stem": (
            "24,0 14,50 16,86 46,100 78,86 74,60 44,54 16,72",
            "34,0 24,52 26,88 48,100 68,88 66,68 44,62 26,78",
        ),
        "open bowl": (
            "76,4 38,18 12,56 22,92 58,100 82,76 60,54 34,62",
            "64,0 36,28 20,66 34,98 60,94 70,74 52,62 38,72",
        ),
        "curl": (
            "84,12 54,0 22,28 12,68 40,100 76,88 78,62 48,52 16,70",
            "70,8 52,2 30,28 22,70 44,100 68,90 68,68 46,60 24,76",
        ),
    },
    7: {
        "narrow": ("24,2 52,0 52,0 52,100", "4,3 50,0 50,0 46,100"),
        "narrow and slanted": ("16,3 58,0 58,0 40,100", "28,1 60,0 60,0 48,100"),
        "hook": (
            "4,40 8,4 8,4 88,4 88,4 62,50 48,100",
            "16,18 18,2 18,2 80,6 80,6 60,50 52,100",
        ),
        "hook, upright": (
            "10,36 10,4 10,4 84,4 84,4 76,50 70,100",
            "20,22 20,6 20,6 74,2 74,2 70,50 62,100",
        ),
        "crossed": (
            "6,6 88,2 88,2 60,48 40,100 / 22,52 92,46",
            "18,2 80,6 80,6 62,50 48,100 / 40,54 80,50",
        ),
        "crossed, upright": (
            "10,4 78,2 78,2 66,50 58,100 / 36,52 96,48",
            "16,8 72,4 72,4 64,50 56,100 / 44,42 84,56",
        ),
        "crossed, with a hook": (
            "4,30 8,4 8,4 88,4 88,4 60,48 44,100 / 26,52 92,46",
            "14,18 16,6 16,6 80,2 80,2 62,50 50,100 / 42,56 80,48",
        ),
        "wavy top": (
            "4,22 20,2 50,14 90,2 90,2 62,46 46,100",
            "14,16 26,4 50,10 82,6 82,6 64,50 54,100",
        ),
    },
    8: {
        "two circles": (
            "50,46 24,38 22,10 50,0 78,10 76,38 50,46 / 50,47 18,58 14,88 50,100 86,88 82,58 50,47",
            "50,40 34,34 32,8 50,0 68,8 66,34 50,40 / 50,44 26,56 24,90 50,100 76,90 74,56 50,44",
        ),
        "two circles beside": (
            "42,44 18,34 22,8 46,0 70,12 66,38 42,44 / 58,48 30,56 20,86 50,100 82,88 84,60 58,48",
            "60,42 38,34 40,8 62,0 80,12 78,34 60,42 / 44,42 24,56 22,84 46,100 70,88 66,56 44,42",
        ),
        "open top": (
            "90,6 56,0 24,18 46,46 80,74 48,100 16,78 46,48 92,22",
            "76,10 56,2 34,20 50,46 70,74 50,100 30,78 50,50 70,26",
        ),
        "angular": (
            "84,4 16,8 16,8 82,92 82,92 18,96 18,96 84,4",
            "72,0 26,14 26,14 74,86 74,86 28,100 28,100 72,0",
        ),
    },
    9: {
        "straight foot": (
            "78,12 48,0 16,16 18,42 50,52 78,34 78,12 / 78,6 78,100",
            "70,10 50,0 30,14 30,36 50,44 70,30 70,10 / 70,4 66,100",
        ),
        "straight foot, one stroke": (
            "80,8 46,0 14,22 34,48 64,42 82,4 82,4 76,100",
            "68,8 46,2 28,22 40,42 58,36 70,4 70,4 62,100",
        ),
        "turned foot": (
            "80,12 46,0 14,20 32,48 66,44 82,8 82,8 80,72 52,100 10,92",
            "70,10 48,2 28,22 40,44 60,38 72,6 72,6 70,80 54,98 26,98",
        ),
        "curled foot": (
            "78,14 46,0 14,20 32,46 64,42 80,10 80,10 80,74 58,98 24,98 6,80",
            "68,10 48,2 28,18 38,38 58,36 70,8 70,8 72,76 58,96 34,98 20,86",
        ),
        "level foot": (
            "78,12 48,0 18,20 34,48 64,44 80,10 80,10 80,62 66,96 14,98",
            "70,10 50,0 30,20 42,40 60,36 72,8 72,8 74,78 66,98 30,94",
        ),
        "open bowl": (
            "60,4 26,6 16,34 46,50 80,28 84,2 84,2 74,54 58,100",
            "50,8 32,14 30,36 50,44 70,24 74,0 74,0 70,54 66,100",
        ),
    },
}
"""The ways of writing each digit, by name: two glyphs as in `pen.STROKES`; hands lie between them.

Both have the same points, of which the same are equal.
"""

_DETAIL = 2
"""Pixels of the drawing to one of MNIST form: shrunk by area, its edges are as soft as MNIST's."""
_DENSITY = 2 * _DETAIL * BOX
"""Places of the pen in the box's side: half a pixel apart, so that its dots join into a line."""
_SPREAD = 0.028
"""How far points move, in shares of the square: half as far again as those of `generate`."""
_WIDTH, _WIDTH_SPREAD = 2.5, 0.3
"""Median stroke width in pixels of MNIST form, and the standard deviation of its logarithm."""
_NARROWEST, _WIDEST = 1.5, 4.2
"""Stroke widths, in pixels of MNIST form; pictures that are brought to it have 2 to 4.2."""


def draw_styles(count: int, seed: int) -> tuple[Images, npt.NDArray[np.int8]]:
    """Draw digits in the ways of `STYLES`, in MNIST form: 0, 1, ... 9, 0, 1, ...

    Image i depends on `seed` and i alone.

    Returns:
        Images uint8 (count, 28, 28), light on black, and labels int8 (count,).
    """
    images = np.empty((count, SIDE, SIDE), np.uint8)
    labels = (np.arange(count) % len(STYLES)).astype(np.int8)
    for index, digit in enumerate(labels.tolist()):
        styles = list(STYLES[digit].values())
        rng = np.random.default_rng((seed, index))
        images[index] = draw_style(styles[rng.integers(len(styles))], rng)
    return images, labels


def draw_style(style: tuple[str, str], rng: np.random.Generator) -> Images:
    """Draw a digit in one way of writing, in MNIST form, as `predict` brings pictures to it.

    Slant, proportions and stroke width are random; the same state of `rng` draws the same image.
    """
    path = _between(style, rng.random()).written(rng, spread=_SPREAD)
    width = np.clip(np.exp(rng.normal(np.log(_WIDTH), _WIDTH_SPREAD)), _NARROWEST, _WIDEST)
    return fitted(_ink(path, width / 2 * pressure(len(path), rng)))


def _between(style: tuple[str, str], share: float) -> Glyph:
    """Return a glyph between two of the same points: 0 the one, 1 the other."""
    one, other = (parse_glyph(text, _DENSITY) for text in style)
    points = one.points + share * (other.points - one.points)
    return Glyph(points, one.weights, one.lifts)


def _ink(path: Floats, radii: Floats) -> npt.NDArray[np.float32]:
    """Return the ink of a path (n, 2), float32 (h, w), 0 to 1; radii in pixels of MNIST form.

    Its longer side is `_DETAIL` times that of MNIST's box.
    """
    edge = radii.max() + 1 / _DETAIL
    low, high = path.min(axis=0), path.max(axis=0)
    scale = (BOX - 2 * edge) / (high - low).max()
    places = (_DETAIL * ((path - low) * scale + edge)).astype(np.float32)
    columns, rows = np.ceil(places.max(axis=0) + _DETAIL * edge).astype(int).tolist()
    across = (np.arange(0.5, columns, dtype=np.float32) - places[:, :1]) ** 2
    down = (np.arange(0.5, rows, dtype=np.float32) - places[:, 1:]) ** 2
    distances = np.sqrt(down[:, :, None] + across[:, None, :])
    depth = (_DETAIL * radii.astype(np.float32))[:, None, None] - distances
    return np.asarray(np.clip(depth.max(axis=0) + 0.5, 0, 1), np.float32)
