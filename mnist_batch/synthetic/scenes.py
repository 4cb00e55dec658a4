"""Scenes of handwriting: the paper, the pen, the light and the camera of a drawn digit.

Some have names (`FEATURES`), others are random in a style (`SCENES`); `pictures` draws them.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from mnist_batch.options import Style

RGB = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

# fmt: off
PAPERS: dict[str, RGB] = {
    "white": (247, 247, 245), "cream": (245, 236, 212), "grey": (206, 206, 203),
    "recycled": (203, 195, 178), "yellow": (248, 233, 132), "pink": (246, 200, 206),
    "blue": (205, 224, 240),
}
INKS: dict[str, RGB] = {
    "black": (28, 28, 32), "blue": (36, 52, 142), "pencil": (84, 84, 88),
    "red": (182, 36, 42), "green": (30, 98, 58),
}
TABLES: tuple[RGB, ...] = (
    (138, 96, 62), (70, 52, 40), (168, 164, 158), (48, 50, 54), (92, 118, 98),
)
BLACK: RGB = (0, 0, 0)
WHITE: RGB = (255, 255, 255)
SCREEN_COLOURS: tuple[RGB, ...] = (
    BLACK, WHITE, (128, 128, 128), (255, 0, 0), (0, 128, 0), (0, 0, 255),
    (255, 255, 0), (255, 128, 0), (128, 0, 128), (0, 255, 255), (255, 192, 203), (32, 64, 96),
)
"""Colours that a paint program offers."""
# fmt: on

_CONTRAST = 100
"""Grey levels by which two colours of a screen differ at least, so that a person can read them."""


@dataclass(frozen=True)
class Picture:
    """An encoded image file, not yet on disk."""

    content: bytes
    suffix: str  # of its name, `.png` or `.jpg`


@dataclass(frozen=True)
class RuledLines:
    """Lines printed on the paper, horizontal ones in any case."""

    colour: RGB = (178, 198, 224)  # as seen on the paper: near the paper's for faint lines
    spacing: float = 0.8  # from line to line, in heights of the digit
    squared: bool = False  # vertical lines too
    margin: RGB | None = None  # colour of a line down the left side, if there is one


@dataclass(frozen=True)
class Light:
    """Light on the paper: by default even and white."""

    exposure: float = 1.0  # brightness, from 0, black, to 1
    warmth: float = 0.0  # from -1, the light of the sky, to 1, that of a lamp
    falloff: float = 0.0  # share lost from one side of the picture to the other
    vignette: float = 0.0  # share lost from the middle to the corners
    shadow: float = 0.0  # share that a shadow takes where it lies: a side, a corner or across


@dataclass(frozen=True)
class Camera:
    """How the picture is taken: by default straight and sharp."""

    tilt: float = 0.0  # rotation of the paper in degrees, clockwise
    keystone: float = 0.0  # share of its way to the middle that a corner may move by perspective
    blur: float = 0.0  # standard deviation of the lens's blur, in pixels
    noise: float = 0.0  # standard deviation of the sensor's noise, in grey levels


@dataclass(frozen=True)
class Scene:
    """All of a picture but the handwriting."""

    width: int  # columns of the picture, upright
    height: int  # its rows
    figure: float = 0.65  # height of the digit in the picture's; less where that does not fit
    place: tuple[float, float] = (0.5, 0.5)  # in the free room, (0, 0) left and top to (1, 1)
    margin: float = 0.03  # free around the digit, in widths and heights of the picture
    pen: float = 0.08  # stroke width, in heights of the digit
    ink: RGB = INKS["black"]
    grain: float = 0.0  # share of the ink that may be missing here and there, as of a pencil
    hard: bool = False  # every pixel is either ink or paper, as a paint program's pencil draws
    paper: RGB = PAPERS["white"]
    texture: float = 0.0  # standard deviation of the paper's grain, in grey levels
    lines: RuledLines | None = None
    # Left, top, right, bottom of the paper in widths and heights of the picture; beyond is table.
    page: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    table: RGB = TABLES[0]
    light: Light = Light()
    camera: Camera = Camera()
    mode: str = "RGB"  # Pillow's name for the pixels: RGB or L, and in PNG also RGBA or P
    transparent: bool = False  # ink on nothing, without light and camera; mode RGBA
    quality: int | None = None  # of JPEG, 1 to 95; None for PNG, which is lossless
    orientation: int = 1  # EXIF tag 1, 3, 6 or 8: the rotation that makes the pixels upright


FEATURES: dict[str, Scene] = {
    "paper colour": Scene(340, 340, paper=PAPERS["yellow"], ink=INKS["blue"]),
    "ruled lines": Scene(340, 340, lines=RuledLines(spacing=0.3, squared=True), ink=INKS["blue"]),
    "shadow": Scene(480, 480, light=Light(falloff=0.2, shadow=0.5), camera=Camera(blur=1, noise=3)),
    "big photo": Scene(
        2016,
        1512,
        figure=0.3,
        place=(0.4, 0.6),
        page=(0.0, 0.0, 0.86, 1.0),
        light=Light(exposure=0.85, warmth=0.5, falloff=0.3, vignette=0.3),
        camera=Camera(tilt=5, keystone=0.1, blur=1.5, noise=4),
        quality=80,
    ),
    "off-centre": Scene(480, 360, figure=0.35, place=(1, 1), ink=INKS["blue"]),
    "thin pen": Scene(400, 400, pen=0.015),
    "thick marker": Scene(300, 300, pen=0.2, ink=INKS["green"]),
}
"""Scenes that show one thing each in which a picture may differ from MNIST's form."""


def _paper(rng: np.random.Generator) -> Scene:
    """Return a scan of one digit on paper, or a crop of a photograph."""
    height = int(rng.integers(60, 401))
    width = int(np.clip(height * _log_uniform(0.6, 1.5, rng), 60, 400))
    figure = max(rng.uniform(0.3, 0.9), 24 / height)
    name = str(rng.choice(list(PAPERS), p=(0.4, 0.15, 0.1, 0.15, 0.1, 0.05, 0.05)))
    paper = _near(PAPERS[name], 5, rng)
    ink, grain = _ink(rng)
    scanned = rng.random() < 0.3
    return Scene(
        width,
        height,
        figure=figure,
        place=(rng.random(), rng.random()),
        pen=max(_log_uniform(0.03, 0.2, rng), 1.5 / (figure * height)),
        ink=ink,
        grain=grain,
        paper=paper,
        texture=rng.uniform(3, 7) if name == "recycled" else rng.uniform(0, 1.5),
        lines=_ruled_lines(paper, rng) if rng.random() < 0.45 else None,
        light=Light(exposure=rng.uniform(0.9, 1)) if scanned else _room_light(rng, shadows=0.2),
        camera=Camera(
            tilt=rng.normal(0, 2),
            blur=rng.uniform(0, 0.8),
            noise=rng.uniform(0, 2 if scanned else 5),
        ),
        mode="L" if scanned and rng.random() < 0.5 else "RGB",
        quality=None if rng.random() < 0.4 else int(rng.integers(50, 96)),
    )


def _photo(rng: np.random.Generator) -> Scene:
    """Return a phone's photograph of a sheet with one digit."""
    sizes = ((1280, 960), (960, 1280), (1280, 1280), (1600, 1200), (1512, 2016))
    width, height = sizes[rng.choice(len(sizes), p=(0.3, 0.25, 0.3, 0.1, 0.05))]
    figure = rng.uniform(0.15, 0.6)
    pen = max(_log_uniform(0.025, 0.18, rng), 5 / (figure * height))
    name = str(rng.choice(list(PAPERS), p=(0.55, 0.12, 0.08, 0.13, 0.06, 0.03, 0.03)))
    paper = _near(PAPERS[name], 5, rng)
    ink, grain = _ink(rng)
    left, top, right, bottom = rng.uniform(0.04, 0.18, 4) * (rng.random(4) < 0.16)
    return Scene(
        width,
        height,
        figure=figure,
        place=(rng.random(), rng.random()),
        pen=pen,
        ink=ink,
        grain=grain,
        paper=paper,
        texture=rng.uniform(3, 6) if name == "recycled" else 0,
        lines=_ruled_lines(paper, rng) if rng.random() < 0.4 else None,
        page=(left, top, 1 - right, 1 - bottom),
        table=_near(TABLES[rng.integers(len(TABLES))], 10, rng),
        light=_room_light(rng, shadows=0.5),
        camera=Camera(
            tilt=rng.normal(0, 4),
            keystone=rng.uniform(0, 0.12),
            blur=min(rng.uniform(0.6, 2.5), 0.4 * pen * figure * height),
            noise=rng.uniform(1, 6),
        ),
        quality=int(rng.integers(60, 91)),
        orientation=int(rng.choice((1, 3, 6, 8), p=(0.7, 0.05, 0.15, 0.1))),
    )


def _screen(rng: np.random.Generator) -> Scene:
    """Return a drawing by mouse or finger in a paint program or on a web page."""
    squares = (20, 28, 32, 48, 64, 100, 128, 200, 256, 280, 400)
    others = ((60, 90), (90, 60), (300, 150), (320, 480), (640, 480), (800, 600), (1152, 648))
    sizes = others if rng.random() < 0.25 else tuple((side, side) for side in squares)
    width, height = sizes[rng.integers(len(sizes))]
    figure = max(rng.uniform(0.25, 1.25), 15 / height)  # from 1 on it fills the frame
    pen = max(_log_uniform(0.01, 0.22, rng), 1 / (min(figure, 1) * height))
    hair_thin = pen * figure * height < 2
    transparent = rng.random() < 0.12
    if transparent:
        ink, paper = _contrasting(rng, papers=(WHITE,))  # which viewers lay it over
    elif rng.random() < 0.3:
        ink, paper = _contrasting(rng, papers=SCREEN_COLOURS)
    else:
        ink, paper = (BLACK, WHITE) if rng.random() < 0.6 else (WHITE, BLACK)
    return Scene(
        width,
        height,
        figure=figure,
        # Clipped to the edges, where so two of seven places are on either axis.
        place=tuple(np.clip(rng.uniform(-0.2, 1.2, 2), 0, 1).tolist()),
        margin=0.02 if hair_thin else 0,  # or an upright 1 would be the picture's edge
        pen=pen,
        ink=ink,
        hard=rng.random() < 0.4,
        paper=paper,
        mode="RGBA" if transparent else str(rng.choice(("RGB", "RGBA", "L", "P"))),
        transparent=transparent,
    )


SCENES: dict[Style, Callable[[np.random.Generator], Scene]] = {
    Style.PAPER: _paper,
    Style.PHOTO: _photo,
    Style.SCREEN: _screen,
}
"""Functions that return a random scene in a style; MNIST form has none."""


def _contrasting(rng: np.random.Generator, *, papers: tuple[RGB, ...]) -> tuple[RGB, RGB]:
    """Return an ink and a paper colour that differ in grey by `_CONTRAST` at least."""
    pairs = itertools.product(SCREEN_COLOURS, papers)
    legible = [(ink, paper) for ink, paper in pairs if abs(_luma(ink) - _luma(paper)) >= _CONTRAST]
    return legible[rng.integers(len(legible))]


def _luma(colour: RGB) -> float:
    """Return the grey of a colour, 0 to 255, by ITU-R BT.601."""
    red, green, blue = colour
    return 0.299 * red + 0.587 * green + 0.114 * blue


def _ink(rng: np.random.Generator) -> tuple[RGB, float]:
    """Return the colour and grain of a pen, a marker or a pencil."""
    name = str(rng.choice(list(INKS), p=(0.3, 0.35, 0.2, 0.1, 0.05)))
    grain = rng.uniform(0.2, 0.45) if name == "pencil" else rng.uniform(0, 0.15)
    return _near(INKS[name], 10, rng), grain


def _ruled_lines(paper: RGB, rng: np.random.Generator) -> RuledLines:
    """Return lines that are fainter than any ink."""
    printed = ((90, 130, 190), (130, 130, 130), (120, 160, 150))[rng.integers(3)]
    faint = rng.uniform(0.25, 0.6)
    squared = rng.random() < 0.45
    return RuledLines(
        colour=_blended(paper, printed, faint),
        spacing=rng.uniform(0.35, 0.8) if squared else rng.uniform(0.45, 1.4),
        squared=squared,
        margin=_blended(paper, (215, 80, 100), faint) if rng.random() < 0.25 else None,
    )


def _room_light(rng: np.random.Generator, *, shadows: float) -> Light:
    """Return uneven light, with a shadow in a share `shadows` of all cases."""
    return Light(
        exposure=rng.uniform(0.7, 1),
        warmth=float(np.clip(rng.normal(0.1, 0.4), -1, 1)),
        falloff=rng.uniform(0, 0.3),
        vignette=rng.uniform(0, 0.25),
        shadow=rng.uniform(0.25, 0.55) if rng.random() < shadows else 0,
    )


def _near(colour: RGB, spread: float, rng: np.random.Generator) -> RGB:
    """Return a colour near one, as no two pens or sheets are quite the same."""
    return _rgb(np.array(colour) + rng.normal(0, spread, 3))


def _blended(colour: RGB, other: RGB, share: float) -> RGB:
    """Return a colour with a share of another one."""
    return _rgb(np.array(colour) * (1 - share) + np.array(other) * share)


def _rgb(values: ArrayLike) -> RGB:
    red, green, blue = np.clip(np.rint(values), 0, 255).astype(int).tolist()
    return red, green, blue


def _log_uniform(low: float, high: float, rng: np.random.Generator) -> float:
    """Return a number from the log-uniform distribution: as likely in 1 to 2 as in 2 to 4."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
