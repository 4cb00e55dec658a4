"""Draw digits in ways that MNIST hardly has, to measure how well they are read.

Nothing of it is shared with what `mnist_batch.training.styles` draws to train on: here digits are
made of lines, arcs of ellipses and Bezier curves, and drawn by Pillow as dark ink on paper. All
lengths are in heights of a digit; x goes to the right, y down.
"""

import io
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

Floats = npt.NDArray[np.float64]
Hand = Callable[[np.random.Generator], list[Floats]]
"""Returns the strokes of a digit, each (n, 2)."""


def draw_hand(style: str, seed: int) -> bytes:
    """Return a digit in one way of writing as a picture, PNG.

    Args:
        style: a key of `HANDS`; its first character is the digit.
        seed: of all random amounts.
    """
    rng = np.random.default_rng(seed)
    return _on_paper(_slanted(HANDS[style](rng), rng), rng)


def _slanted(strokes: list[Floats], rng: np.random.Generator) -> list[Floats]:
    """Return strokes slanted, rotated and stretched as one hand writes, and a little unsteady."""
    slant, angle, width = rng.normal(0.15, 0.25), rng.normal(0, 0.12), np.exp(rng.normal(0, 0.25))
    cos, sin = np.cos(angle), np.sin(angle)
    matrix = np.array([[width * cos, -slant * cos - sin], [width * sin, cos - slant * sin]])
    wave, phase = rng.normal(0, 0.02, 2), rng.uniform(0, 2 * np.pi, 2)
    return [(stroke + wave * np.sin(7 * stroke[:, ::-1] + phase)) @ matrix.T for stroke in strokes]


def _on_paper(strokes: list[Floats], rng: np.random.Generator) -> bytes:
    """Draw strokes as dark ink somewhere on paper, 60 to 240 pixels high, with noise."""
    height = rng.uniform(60, 240)
    places = np.concatenate(strokes)
    low, high = places.min(axis=0), places.max(axis=0)
    scale = height / (high - low)[1] * 4  # drawn at four times the size, and shrunk
    margins = rng.uniform(0.2, 0.6, 4) * height * 4
    width, rows = ((high - low) * scale + margins[:2] + margins[2:]).astype(int)
    sheet = Image.new("L", (width, rows), 0)
    pen = max(1, round(height * 4 * np.exp(rng.normal(np.log(0.065), 0.4))))
    draw = ImageDraw.Draw(sheet)
    for stroke in strokes:
        path = [tuple(place) for place in ((stroke - low) * scale + margins[:2]).tolist()]
        draw.line(path, fill=255, width=pen, joint="curve")
        for x, y in (path[0], path[-1]):
            draw.ellipse((x - pen / 2, y - pen / 2, x + pen / 2, y + pen / 2), fill=255)
    ink = np.asarray(sheet.resize((width // 4, rows // 4), Image.Resampling.BOX)) / 255
    paper, dark = rng.uniform(200, 255), rng.uniform(0, 90)
    grey = paper + ink * (dark - paper) + rng.normal(0, rng.uniform(0, 6), ink.shape)
    file = io.BytesIO()
    Image.fromarray(np.clip(np.rint(grey), 0, 255).astype(np.uint8)).save(file, "PNG")
    return file.getvalue()


def _line(*places: tuple[float, float]) -> Floats:
    return np.array(places, float)


def _arc(
    centre: tuple[float, float], across: float, down: float, start: float, stop: float
) -> Floats:
    """Return an arc of an ellipse from one angle to another in degrees; 0 is right, 90 down."""
    angle = np.radians(np.linspace(start, stop, 40))
    return np.stack([centre[0] + across * np.cos(angle), centre[1] + down * np.sin(angle)], axis=1)


def _bezier(*controls: tuple[float, float]) -> Floats:
    """Return a cubic Bezier curve of four control points."""
    t = np.linspace(0, 1, 40)[:, None]
    a, b, c, d = np.array(controls, float)
    return np.asarray(
        (1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t**2 * (1 - t) * c + t**3 * d
    )


def _near(place: tuple[float, float], rng: np.random.Generator) -> tuple[float, float]:
    x, y = rng.normal(place, 0.025)
    return float(x), float(y)


def _one(rng: np.random.Generator, *, flag: float, foot: float) -> list[Floats]:
    """A stem with a flag of some length, and a foot."""
    strokes = [_line((0, 0), (0, 1))]
    if flag:
        angle = rng.uniform(0.5, 0.9)  # to the vertical, in radians
        end = (-flag * np.sin(angle), flag * np.cos(angle))
        strokes[0] = np.concatenate([_line(end), strokes[0]])
    if foot:
        strokes.append(_line(_near((-foot / 2, 1), rng), _near((foot / 2, 1), rng)))
    return strokes


def _seven(rng: np.random.Generator, *, hook: float, bar: float) -> list[Floats]:
    """A 7 with a hook down at its left and a bar across its stem."""
    width, foot = rng.uniform(0.5, 0.75), rng.uniform(0.1, 0.45)
    corner, end = (width, rng.normal(0, 0.02)), (width - foot, 1.0)
    stem = _bezier(corner, (width - 0.1 * foot, 0.3), (width - 0.8 * foot, 0.6), end)
    top = [_near((0, 0), rng)]
    if hook:
        top.insert(0, _near((0, hook), rng))
    strokes = [np.concatenate([_line(*top), stem])]
    if bar:
        middle, height = width - foot / 2, rng.uniform(0.42, 0.58)
        tilt = rng.normal(-0.03, 0.04)
        strokes.append(_line((middle - bar / 2, height - tilt), (middle + bar / 2, height + tilt)))
    return strokes


def _triangle(rng: np.random.Generator) -> list[Floats]:
    apex, level, left = 0.0, rng.uniform(0.55, 0.75), -rng.uniform(0.4, 0.65)
    bar = _line((apex, 0), (left, level), (rng.uniform(0.12, 0.35), level + rng.normal(0, 0.02)))
    return [bar, _line((apex, rng.uniform(-0.02, 0.03)), (rng.normal(0, 0.03), 1))]


def _open_four(rng: np.random.Generator) -> list[Floats]:
    level = rng.uniform(0.48, 0.66)
    left = _line(_near((-0.4, 0), rng), _near((-0.55, level), rng), (0.2, level))
    return [
        left,
        _line((rng.normal(0.02, 0.03), rng.uniform(0, 0.25)), (rng.normal(-0.04, 0.04), 1)),
    ]


def _low_stem(rng: np.random.Generator) -> list[Floats]:
    """As in German schools: a slanting line, a bar, and a short stem through the bar."""
    level = rng.uniform(0.55, 0.68)
    left = _line((rng.uniform(-0.15, 0.05), 0), (-0.5, level), (0.25, level))
    top = level - rng.uniform(0.2, 0.35)
    return [left, _line((0.05, top), (rng.normal(-0.02, 0.04), 1))]


def _nine(rng: np.random.Generator, *, foot: str) -> list[Floats]:
    across, down = rng.uniform(0.2, 0.3), rng.uniform(0.2, 0.27)
    bowl = _arc((0, down), across, down, rng.uniform(-30, 0), rng.uniform(-400, -355))
    if foot == "straight":
        return [bowl, _line((across, rng.uniform(0, down)), (across + rng.normal(0, 0.03), 1))]
    bend = rng.uniform(0.7, 0.85)
    left = (across - rng.uniform(0.35, 0.6), rng.uniform(0.85, 1))
    tail = _bezier((across, bend), (across, 1.02), (across - 0.15, 1.0), left)
    return [bowl, np.concatenate([_line((across, down * 0.6)), tail])]


def _six(rng: np.random.Generator) -> list[Floats]:
    """A stem that goes straight down into a bowl, in one stroke."""
    across, down = rng.uniform(0.2, 0.3), rng.uniform(0.19, 0.27)
    bowl = _arc((0, 1 - down), across, down, 180, rng.uniform(-170, -110))
    start = _near((rng.uniform(-0.15, 0.3), 0), rng)
    return [
        np.concatenate([_bezier(start, (-0.1, 0.25), (-across, 0.5), (-across, 1 - down)), bowl])
    ]


def _looped_two(rng: np.random.Generator) -> list[Floats]:
    width, loop = rng.uniform(0.5, 0.7), rng.uniform(0.06, 0.12)
    top = _bezier((0, 0.22), (0.1, -0.1), (width, -0.08), (width, 0.25))
    down = _bezier((width, 0.25), (width, 0.55), (0.3, 0.8), (0.12, 0.98))
    turn = _arc((0.12 - loop * 0.6, 0.98 - loop), loop, loop, 60, 300)
    tail = _bezier(tuple(turn[-1]), (0.3, 0.8), (0.4, 1.0), (width + rng.uniform(0, 0.1), 0.95))
    return [np.concatenate([top, down, turn, tail])]


def _oval(rng: np.random.Generator) -> list[Floats]:
    """A zero with corners: a superellipse of any power."""
    angle = np.radians(np.linspace(-90, 275, 60))
    power, across = rng.uniform(0.45, 1.3), rng.uniform(0.22, 0.5)
    x, y = (np.sign(v) * np.abs(v) ** power for v in (np.cos(angle), np.sin(angle)))
    return [np.stack([across * x, 0.5 + 0.5 * y], axis=1)]


def _slashed(rng: np.random.Generator) -> list[Floats]:
    across, reach = rng.uniform(0.25, 0.4), rng.uniform(0.6, 1.15)
    slash = np.array([[reach * across, 0.5 - 0.4 * reach], [-reach * across, 0.5 + 0.4 * reach]])
    return [_arc((0, 0.5), across, 0.5, -80, 285), slash]


def _eight(rng: np.random.Generator) -> list[Floats]:
    upper = rng.uniform(0.21, 0.25)
    lower = 0.5 - upper
    shift = rng.normal(0, 0.03)
    return [
        _arc((shift, upper), rng.uniform(0.15, 0.25), upper, -90, 280),
        _arc((0, 1 - lower), rng.uniform(0.2, 0.3), lower, -90, 280),
    ]


def _five(rng: np.random.Generator) -> list[Floats]:
    belly = _bezier((0, 0.45), (0.25, 0.28), (0.75, 0.6), (0.3, 0.95))
    end = _bezier((0.3, 0.95), (0.2, 1.02), (0.05, 1), (-0.08, 0.9))
    gap = rng.uniform(0, 0.1)
    body = np.concatenate([_line((0.03, 0.1)), belly, end])
    return [body, _line((0.05 + gap, rng.normal(0, 0.02)), (rng.uniform(0.45, 0.65), -0.02))]


def _flat_three(rng: np.random.Generator) -> list[Floats]:
    width, waist = rng.uniform(0.45, 0.65), rng.uniform(0.35, 0.45)
    belly = _bezier((0.25, waist), (width + 0.35, waist), (width + 0.1, 1.15), (0, 0.92))
    return [np.concatenate([_line(_near((0, 0), rng), (width, rng.normal(0, 0.02))), belly])]


HANDS: dict[str, Hand] = {
    "0 not round": _oval,
    "0 slashed": _slashed,
    "1 with a long flag": lambda rng: _one(rng, flag=rng.uniform(0.45, 0.85), foot=0),
    "1 with a short flag": lambda rng: _one(rng, flag=rng.uniform(0.2, 0.4), foot=0),
    "1 with a foot": lambda rng: _one(rng, flag=0, foot=rng.uniform(0.3, 0.7)),
    "1 with flag and foot": lambda rng: _one(
        rng, flag=rng.uniform(0.3, 0.7), foot=rng.uniform(0.3, 0.7)
    ),
    "2 with a loop": _looped_two,
    "3 with a flat top": _flat_three,
    "4 open": _open_four,
    "4 triangular": _triangle,
    "4 with a low stem": _low_stem,
    "5 with a detached top": _five,
    "6 of one stroke": _six,
    "7 crossed": lambda rng: _seven(rng, hook=0, bar=rng.uniform(0.3, 0.6)),
    "7 crossed, with a hook": lambda rng: _seven(
        rng, hook=rng.uniform(0.1, 0.3), bar=rng.uniform(0.3, 0.6)
    ),
    "7 plain": lambda rng: _seven(rng, hook=0, bar=0),
    "7 with a hook": lambda rng: _seven(rng, hook=rng.uniform(0.15, 0.4), bar=0),
    "8 of two circles": _eight,
    "9 with a straight foot": lambda rng: _nine(rng, foot="straight"),
    "9 with a turned foot": lambda rng: _nine(rng, foot="turned"),
}
"""Ways of writing, by name; the first character is the digit."""
