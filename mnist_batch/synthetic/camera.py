"""From a drawn sheet to a file: light falls on it, a lens and a sensor take it, it is encoded."""

import io

import cv2
import numpy as np
from cv2.typing import MatLike
from numpy.typing import NDArray
from PIL import ExifTags, Image

from mnist_batch.synthetic.pen import Floats
from mnist_batch.synthetic.scenes import Picture, Scene

Canvas = NDArray[np.uint8]
"""Rows, columns and the channels red, green and blue, 0 to 255."""

_QUARTER_TURNS = {1: 0, 6: 1, 3: 2, 8: 3}
"""By EXIF orientation, how often the pixels are turned counterclockwise before they are stored."""

_FULL_LIGHT = 200
"""What paper is multiplied with in full light; warm light is a little more in red."""


def taken(canvas: Canvas, scene: Scene, rng: np.random.Generator) -> Canvas:
    """Return what light, lens and sensor make of a sheet; `canvas` may be changed."""
    canvas = np.asarray(cv2.multiply(canvas, _light(scene, rng), scale=1 / _FULL_LIGHT), np.uint8)
    if scene.camera.blur:
        canvas = np.asarray(cv2.GaussianBlur(canvas, (0, 0), scene.camera.blur), np.uint8)
    if scene.camera.noise:
        # Neighbours are alike in part, as where colours are computed from a mosaic of pixels.
        fine = rng.integers(0, 256, canvas.shape[:2], np.uint8)
        add_noise(canvas, cv2.blur(fine, (2, 2)), scene.camera.noise)
    return canvas


def _light(scene: Scene, rng: np.random.Generator) -> Canvas:
    """Return the light on each pixel, `_FULL_LIGHT` being 1."""
    light = scene.light
    # Light changes slowly: an eighth of the pixels is enough.
    y, x = np.mgrid[-1 : 1 : (scene.height // 8 + 2) * 1j, -1 : 1 : (scene.width // 8 + 2) * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    bright = light.exposure * (1 - light.falloff * (1 + _towards(angle, x, y)) / 2)
    bright *= 1 - light.vignette * (x**2 + y**2) / 2
    if light.shadow:
        bright *= 1 - light.shadow * _shade(x, y, rng)
    tint = 1 + light.warmth * np.array([0.05, 0, -0.08])
    coarse = np.clip(_FULL_LIGHT * bright[:, :, None] * tint, 0, 255).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (scene.width, scene.height)), np.uint8)


def _shade(x: Floats, y: Floats, rng: np.random.Generator) -> Floats:
    """Return how far places are in a shadow, 0 to 1: one with a straight edge, or with two."""
    shade = np.ones(x.shape)
    angle = rng.uniform(0, 2 * np.pi)
    for turn in (0, rng.uniform(-1.5, 1.5))[: rng.integers(1, 3)]:
        depth = _towards(angle + turn, x, y) - rng.uniform(-0.5, 0.6)
        shade /= 1 + np.exp(-depth / rng.uniform(0.02, 0.15))
    return shade


def _towards(angle: float, x: Floats, y: Floats) -> Floats:
    return np.asarray(x * np.cos(angle) + y * np.sin(angle))


def add_noise(canvas: Canvas, noise: MatLike, deviation: float) -> None:
    """Add noise (height, width) to all channels, scaled to a standard deviation and a mean of 0."""
    mean, spread = (value.item() for value in cv2.meanStdDev(noise))
    scale = deviation / spread
    cv2.addWeighted(canvas, 1, cv2.merge([noise] * 3), scale, -mean * scale, canvas)


def encoded(canvas: Canvas, scene: Scene) -> Picture:
    """Return the picture as a file, its pixels turned so that the EXIF tag turns them back."""
    turned = np.rot90(canvas, _QUARTER_TURNS[scene.orientation])
    image = Image.fromarray(np.ascontiguousarray(turned))
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
