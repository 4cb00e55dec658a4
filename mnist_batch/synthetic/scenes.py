"""What a picture of a handwritten digit shows beside the digit: paper, pen, light and camera.

`styles` chooses scenes by chance, `pictures` draws them.
"""

from dataclasses import dataclass

RGB = tuple[int, int, int]
"""Red, green and blue, 0 to 255."""

PAPERS: dict[str, RGB] = {
    "white": (247, 247, 245),
    "cream": (245, 236, 212),
    "grey": (206, 206, 203),
    "recycled": (203, 195, 178),
    "yellow": (248, 233, 132),
    "pink": (246, 200, 206),
    "blue": (205, 224, 240),
}

INKS: dict[str, RGB] = {
    "black": (28, 28, 32),
    "blue": (36, 52, 142),
    "pencil": (84, 84, 88),
    "red": (182, 36, 42),
    "green": (30, 98, 58),
}

TABLES: tuple[RGB, ...] = (
    (138, 96, 62),
    (70, 52, 40),
    (168, 164, 158),
    (48, 50, 54),
    (92, 118, 98),
)


@dataclass(frozen=True)
class Picture:
    """An image file that is not on disk yet.

    Attributes:
        content: its bytes.
        suffix: of its name, `.png` or `.jpg`.
    """

    content: bytes
    suffix: str


@dataclass(frozen=True)
class Ruling:
    """Lines printed on the paper, level ones in any case.

    Attributes:
        colour: as it is seen on the paper: near the paper's for faint lines.
        spacing: from line to line, in heights of the digit.
        squared: upright lines too.
        margin: colour of a line down the left side, if there is one.
    """

    colour: RGB = (178, 198, 224)
    spacing: float = 0.8
    squared: bool = False
    margin: RGB | None = None


@dataclass(frozen=True)
class Light:
    """What falls on the paper: unless said otherwise, even white light.

    Attributes:
        exposure: how bright it is, from 0, black, to 1.
        warmth: from -1, the light of the sky, to 1, that of a lamp.
        falloff: the share that is lost from one side of the picture to the other.
        vignette: the share that is lost from the middle to the corners.
        shadow: the share that a shadow takes away where it lies: on a side, a corner or across.
    """

    exposure: float = 1.0
    warmth: float = 0.0
    falloff: float = 0.0
    vignette: float = 0.0
    shadow: float = 0.0


@dataclass(frozen=True)
class Camera:
    """How the picture is taken: unless said otherwise, straight and sharp.

    Attributes:
        tilt: degrees by which the paper is turned, clockwise.
        keystone: the share of its way to the middle by which a corner of the paper may be moved,
            as where it is seen from aside.
        blur: standard deviation of the lens's blur in pixels.
        noise: standard deviation of the sensor's noise in grey levels.
    """

    tilt: float = 0.0
    keystone: float = 0.0
    blur: float = 0.0
    noise: float = 0.0


@dataclass(frozen=True)
class Scene:
    """All of a picture but the handwriting.

    Attributes:
        width: columns of the picture, as it is looked at.
        height: its rows.
        figure: height of the digit in heights of the picture; less where that does not fit.
        place: where the digit is, of the room there is: from (0, 0), left and top, to (1, 1).
        margin: what stays free around it, in widths and heights of the picture.
        pen: width of its strokes in heights of the digit.
        ink: their colour.
        grain: the share of it that may be missing here and there, as with a pencil.
        hard: every pixel is either ink or paper, as a paint program's pencil draws.
        paper: colour of what the digit is on.
        texture: standard deviation of its grain in grey levels.
        ruling: lines on it, if any.
        page: left, top, right and bottom of the paper in widths and heights of the picture. Where
            it is less than the picture, the rest is table.
        table: colour of the table.
        light: what falls on the paper.
        camera: how the picture is taken.
        mode: Pillow's name for the pixels of the file: RGB or L, and in a PNG file also RGBA or P.
        transparent: the ink is on nothing, with no light and no camera; mode RGBA.
        quality: of a JPEG file, 1 to 95; None for PNG, which loses nothing.
        orientation: the EXIF tag, 1, 3, 6 or 8, that says how the pixels of the file have to be
            turned to be looked at.
    """

    width: int
    height: int
    figure: float = 0.65
    place: tuple[float, float] = (0.5, 0.5)
    margin: float = 0.03
    pen: float = 0.08
    ink: RGB = INKS["black"]
    grain: float = 0.0
    hard: bool = False
    paper: RGB = PAPERS["white"]
    texture: float = 0.0
    ruling: Ruling | None = None
    page: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)
    table: RGB = TABLES[0]
    light: Light = Light()
    camera: Camera = Camera()
    mode: str = "RGB"
    transparent: bool = False
    quality: int | None = None
    orientation: int = 1


FEATURES: dict[str, Scene] = {
    "paper colour": Scene(340, 340, paper=PAPERS["yellow"], ink=INKS["blue"]),
    "ruled lines": Scene(340, 340, ruling=Ruling(spacing=0.3, squared=True), ink=INKS["blue"]),
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
