"""Draw a scene: a digit on paper, as a camera sees it, to an image file.

Coordinates are computed before anything is drawn, tilt and perspective included: to warp pixels
afterwards would take time and soften edges. This imports OpenCV, so `generator` imports it late.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray
from PIL import ExifTags, Image

from mnist_batch.synthetic import pen
from mnist_batch.synthetic.pen import Floats
from mnist_batch.synthetic.scenes import RGB, Picture, Scene

Canvas = NDArray[np.uint8]
"""Rows, columns and the channels red, green and blue, 0 to 255."""
Rectangle = tuple[float, float, float, float]
"""Left, top, right and bottom on the paper, in pixels."""

_DENSITY = 120
"""Places of the pen in the height of a digit: at 600 pixels still 5 apart."""
_SUBPIXELS = 4
"""Fractional bits of the coordinates that OpenCV draws at."""
_ROTATIONS = {1: 0, 6: 1, 3: 2, 8: 3}
"""By EXIF orientation: rotations by 90 degrees, counterclockwise, of the pixels as stored."""
_FULL_LIGHT = 200
"""Factor on paper in full light, as a grey level; warm light is a little brighter in red."""


@dataclass(frozen=True, eq=False)
class _Writing:
    """The strokes of a digit at their place in the picture."""

    path: Floats  # (n, 2), x and y in pixels from the top left corner of the picture
    lifts: tuple[int, ...]  # as of `pen.Glyph`
    widths: Floats  # (n,), stroke widths in pixels
    height: float  # of the digit in pixels, before perspective


def draw_scene(digit: int, scene: Scene, rng: np.random.Generator) -> Picture:
    """Draw a digit, 0 to 9, in a scene; the same state of `rng` draws the same picture.

    Random are the handwriting and what the scene leaves open: directions of light and shadow,
    perspective, noise.

    Raises:
        ValueError: `digit` is not 0 to 9.
    """
    view = _homography(scene, rng)
    writing = _writing(digit, scene, view, rng)
    coverage, rows, columns = _coverage(writing, scene, rng)
    if scene.transparent:
        alpha = np.zeros((scene.height, scene.width), np.uint8)
        alpha[rows, columns] = np.rint(255 * coverage)
        colours = np.full((*alpha.shape, 3), scene.ink, np.uint8)
        return encoded(np.dstack([colours, alpha]), scene)
    canvas = _sheet(scene, view, writing, rng)
    beneath = canvas[rows, columns]
    ink = np.array(scene.ink, np.float32)
    canvas[rows, columns] = np.rint(beneath + coverage[:, :, None] * (ink - beneath))
    return encoded(photographed(canvas, scene, rng), scene)


def _homography(scene: Scene, rng: np.random.Generator) -> MatLike:
    """Return the homography (3, 3) from pixels of the paper to pixels of the picture.

    It is the identity if the camera is straight. The picture's rectangle is mapped into itself, so
    what is drawn stays within the picture.
    """
    size = np.array([scene.width, scene.height])
    corners = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]]) * size
    angle = np.radians(scene.camera.tilt)
    cos, sin = np.cos(angle), np.sin(angle)
    seen = corners @ np.array([[cos, sin], [-sin, cos]])
    seen *= 1 - rng.uniform(0, scene.camera.keystone, (4, 1))
    seen /= np.abs(seen / size).max() * 2
    return cv2.getPerspectiveTransform(
        (corners + size / 2).astype(np.float32), (seen + size / 2).astype(np.float32)
    )


def _projected(places: Floats, view: MatLike) -> Floats:
    """Return the places in the picture of places (n, 2) on the paper."""
    return np.asarray(cv2.perspectiveTransform(places[:, None], view)[:, 0], np.float64)


def _writing(digit: int, scene: Scene, view: MatLike, rng: np.random.Generator) -> _Writing:
    """Return the strokes of a digit in the scene's size and place."""
    glyph = pen.choose_glyph(digit, rng, density=_DENSITY)
    path = glyph.written(rng)
    widths = scene.pen * (np.ones(len(path)) if scene.hard else pen.pressure(len(path), rng))
    low, high = path.min(axis=0), path.max(axis=0)
    extent = (high - low) / (high - low)[1]
    size = np.array([scene.width, scene.height])
    page = np.array(scene.page).reshape(2, 2)
    corner = (page[0] + scene.margin) * size
    room = (page[1] - page[0] - 2 * scene.margin) * size
    # The ink's width and height, by its height: the path's, and half a stroke on either side.
    stroke = widths.max()
    inked = extent * (1 - stroke) + stroke
    height = min(scene.figure * scene.height, *(room / inked))
    corner = corner + np.array(scene.place) * (room - height * inked) + height * stroke / 2
    path = (path - low) / (high - low)[1] * (1 - stroke) * height + corner
    return _Writing(_projected(path, view), glyph.lifts, widths * height, height)


def _coverage(
    writing: _Writing, scene: Scene, rng: np.random.Generator
) -> tuple[NDArray[np.float32], slice, slice]:
    """Return the ink coverage, 0 to 1, of the pixels around the digit; their rows and columns."""
    size = np.array([scene.width, scene.height])
    reach = writing.widths.max() / 2 + 1
    low = np.clip(np.floor(writing.path.min(axis=0) - reach), 0, size).astype(int)
    high = np.clip(np.ceil(writing.path.max(axis=0) + reach), 0, size).astype(int)
    columns, rows = (high - low).tolist()
    # Anti-aliased by drawing larger and shrinking.
    scale = 1 if scene.hard else int(np.clip(1000 / writing.height, 2, 8))
    mask = np.zeros((rows * scale, columns * scale), np.uint8)
    places = _fixed_point((writing.path - low) * scale)
    # OpenCV 5.0 draws odd widths only: 1 for a thickness of 1, and t + 1 for an even t.
    widths = np.maximum(2 * np.rint((writing.widths * scale - 1) / 2), 1).astype(int)
    points, thicknesses, after_lift = places.tolist(), widths.tolist(), set(writing.lifts)
    for i in range(1, len(points)):
        if i not in after_lift:
            start, end = points[i - 1 : i + 1]
            cv2.line(mask, start, end, (255,), thicknesses[i - 1], cv2.LINE_8, _SUBPIXELS)
    ink = cv2.resize(mask, (columns, rows), interpolation=cv2.INTER_AREA) / np.float32(255)
    if scene.grain:
        cell = 1 + int(writing.widths.max() / 8)
        missing = rng.random((rows // cell + 1, columns // cell + 1), np.float32)
        ink *= 1 - scene.grain * cv2.resize(missing, (columns, rows))
    return ink, slice(low[1], high[1]), slice(low[0], high[0])


def _sheet(scene: Scene, view: MatLike, writing: _Writing, rng: np.random.Generator) -> Canvas:
    """Return the paper on its table, with its lines but no ink."""
    size = (scene.width, scene.height)
    grain = 6 * np.sin(rng.normal(0, 0.3, scene.height).cumsum())  # of the table's wood
    streaks = np.clip(np.array(scene.table) + grain[:, None], 0, 255).astype(np.uint8)
    canvas = np.asarray(cv2.resize(streaks[:, None], size, interpolation=cv2.INTER_NEAREST))
    # Paper that fills the picture goes on beyond it, where tilt may bring it into view.
    page = [-1.0 if side == 0 else 2.0 if side == 1 else side for side in scene.page]
    left, top, right, bottom = np.array(page) * np.tile(size, 2)
    rim = scene.width / 150  # the shadow of the sheet
    dark = tuple(colour // 2 for colour in scene.table)
    _fill(canvas, (left - rim, top - rim, right + rim, bottom + rim), dark, view)
    _fill(canvas, (left, top, right, bottom), scene.paper, view)
    if scene.texture:
        coarse = rng.integers(0, 256, (scene.height // 2 + 1, scene.width // 2 + 1), np.uint8)
        add_noise(canvas, cv2.resize(coarse, size), scene.texture)
    for line, colour in _ruled_lines(scene, (left, top, right, bottom), writing, rng):
        _fill(canvas, line, colour, view)
    return canvas


def _ruled_lines(
    scene: Scene, page: Rectangle, writing: _Writing, rng: np.random.Generator
) -> Iterator[tuple[Rectangle, RGB]]:
    """Yield lines with colours, thinner than the pen's strokes where pixels are small enough."""
    if (lines := scene.lines) is None:
        return
    left, top, right, bottom = page
    spacing = lines.spacing * writing.height
    width = min(0.4 * writing.widths.min(), 0.05 * spacing)
    width = max(0, width - 1.5)  # OpenCV 5.0 softens edges by 0.75 pixels on the outer side
    for y in np.arange(top + rng.random() * spacing, bottom, spacing):
        yield (left, y, right, y + width), lines.colour
    if lines.squared:
        for x in np.arange(left + rng.random() * spacing, right, spacing):
            yield (x, top, x + width, bottom), lines.colour
    if lines.margin:
        x = max(left, 0) + rng.uniform(0.05, 0.2) * scene.width
        yield (x, top, x + width, bottom), lines.margin


def _fill(canvas: Canvas, rectangle: Rectangle, colour: tuple[int, ...], view: MatLike) -> None:
    """Fill a rectangle on the paper."""
    left, top, right, bottom = rectangle
    corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    places = _fixed_point(_projected(corners, view))
    cv2.fillConvexPoly(canvas, places, colour, cv2.LINE_AA, _SUBPIXELS)


def _fixed_point(places: Floats) -> NDArray[np.int32]:
    """Return places as OpenCV takes them: integers, counted from the first pixel's centre."""
    return np.asarray(np.rint((places - 0.5) * 2**_SUBPIXELS), np.int32)


def photographed(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> Canvas:
    """Return a sheet as light, lens and sensor show it; `canvas` may be changed."""
    canvas = np.asarray(cv2.multiply(canvas, _light(scene, rng), scale=1 / _FULL_LIGHT), np.uint8)
    if scene.camera.blur:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), scene.camera.blur), np.uint8)
    if scene.camera.noise:
        # Neighbours are correlated, as where colours are interpolated from a mosaic of pixels.
        fine = rng.integers(0, 256, canvas.shape[:2], np.uint8)
        add_noise(canvas, cv2.blur(fine, (2, 2)), scene.camera.noise)
    return canvas


def _light(scene: Scene, rng: np.random.Generator) -> Canvas:
    """Return the light on each pixel and channel; `_FULL_LIGHT` is full, white light."""
    light = scene.light
    # Light changes slowly: an eighth of the pixels is enough.
    y, x = np.mgrid[-1 : 1 : (scene.height // 8 + 2) * 1j, -1 : 1 : (scene.width // 8 + 2) * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    bright = light.exposure * (1 - light.falloff * (1 + _along(angle, x, y)) / 2)
    bright *= 1 - light.vignette * (x**2 + y**2) / 2
    if light.shadow:
        bright *= 1 - light.shadow * _shade(x, y, rng)
    tint = 1 + light.warmth * np.array([0.05, 0, -0.08])
    coarse = np.clip(_FULL_LIGHT * bright[:, :, None] * tint, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (scene.width, scene.height)), np.uint8)


def _shade(x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """Return the depth of a shadow with one or two straight edges, 0 outside to 1 inside."""
    shade = np.ones(x.shape)
    angle = rng.uniform(0, 2 * np.pi)
    for rotation in (0, rng.uniform(-1.5, 1.5))[: rng.integers(1, 3)]:
        depth = _along(angle + rotation, x, y) - rng.uniform(-0.5, 0.6)
        shade /= 1 + np.exp(-depth / rng.uniform(0.02, 0.15))
    return shade


def _along(angle: float, x: Floats, y: Floats) -> Floats:
    """Return how far places lie in a direction, in radians."""
    return np.asarray(x * np.cos(angle) + y * np.sin(angle))


def add_noise(canvas: Canvas, noise: MatLike, deviation: float) -> None:
    """Add noise (height, width) to all channels, scaled to a standard deviation and a mean of 0."""
    mean, spread = (value.item() for value in cv2.meanStdDev(noise))
    scale = deviation / spread
    cv2.addWeighted(canvas, 1, cv2.merge([noise] * 3), scale, -mean * scale, canvas)


def encoded(canvas: Canvas, scene: Scene) -> Picture:
    """Return the picture as a file, rotated so that its EXIF tag rotates it back."""
    rotated = np.rot90(canvas, _ROTATIONS[scene.orientation])
    image = Image.fromarray(np.ascontiguousarray(rotated))
    if image.mode != scene.mode:
        image = image.quantize() if scene.mode == "P" else image.convert(scene.mode)
    exif = Image.Exif()
    if scene.orientation != 1:
        exif[ExifTags.Base.Orientation] = scene.orientation
    content = io.BytesIO()
    if scene.quality is None:
        image.save(content, "PNG", exif=exif)
        return Picture(content.getvalue(), ".png")
    image.save(content, "JPEG", quality=scene.quality, exif=exif)
    return Picture(content.getvalue(), ".jpg")
