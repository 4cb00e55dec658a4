"""Make pictures like those that people have from images in MNIST form.

Each kind changes a digit in one way, by random amounts. Handwriting is that of the given digits;
paper, light, noise and files are made here, by OpenCV and Pillow.
"""

import io
from collections.abc import Callable, Mapping

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

Pixels = npt.NDArray[np.uint8]
Grey = npt.NDArray[np.float32]
Kind = Callable[[Pixels, np.random.Generator], bytes]
Blank = Callable[[np.random.Generator], bytes]

NOISIEST = "noise 50"
"""The kind of which fewer may be read: noise of 50 grey levels, strokes of 178 levels."""


def picture(kind: str, image: Pixels, seed: int) -> bytes:
    """Return an image of a digit as an encoded picture.

    Args:
        kind: a key of `KINDS`.
        image: uint8 (28, 28), in MNIST form.
        seed: of all random amounts.
    """
    return KINDS[kind](image, np.random.default_rng(seed))


def _png(pixels: Pixels) -> bytes:
    return _encoded(Image.fromarray(pixels), "PNG", compress_level=1)


def _jpeg(pixels: Pixels, quality: int) -> bytes:
    return _encoded(Image.fromarray(pixels), "JPEG", quality=quality)


def _encoded(image: Image.Image, kind: str, **options: int) -> bytes:
    encoded = io.BytesIO()
    image.save(encoded, kind, **options)
    return encoded.getvalue()


def _large(image: Pixels, side: int, how: int = cv2.INTER_CUBIC) -> Pixels:
    return np.asarray(cv2.resize(image, (side, side), interpolation=how), np.uint8)


def _pixels(grey: npt.NDArray[np.floating]) -> Pixels:
    return np.asarray(np.clip(np.rint(grey), 0, 255), np.uint8)


def _either(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Return light on dark or dark on light."""
    return image if rng.random() < 0.5 else 255 - image


def _inverted(image: Pixels, _: np.random.Generator) -> bytes:
    return _png(255 - image)


def _twenty(image: Pixels, rng: np.random.Generator) -> bytes:
    """Shrink the whole image, so that the digit is 14 pixels high."""
    small = Image.fromarray(_either(image, rng))
    how = (Image.Resampling.BOX, Image.Resampling.BICUBIC, Image.Resampling.LANCZOS)
    return _encoded(small.resize((20, 20), how[rng.integers(3)]), "PNG")


def _two_thousand(image: Pixels, rng: np.random.Generator) -> bytes:
    how = (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC)[rng.integers(3)]
    return _png(_large(_either(image, rng), 2000, how))


def _corner(side: int) -> Kind:
    def in_corner(image: Pixels, rng: np.random.Generator) -> bytes:
        rows, columns = np.flatnonzero(image.any(axis=1)), np.flatnonzero(image.any(axis=0))
        digit = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        margin = int(rng.integers(3))
        bottom, right = (side - length - margin for length in digit.shape)
        top, left = rng.choice([margin, bottom]), rng.choice([margin, right])
        whole = np.zeros((side, side), np.uint8)
        whole[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
        return _png(_either(whole, rng))

    return in_corner


def _thinned(image: Pixels, rng: np.random.Generator) -> bytes:
    """Thin strokes by one to two pixels, but never to nothing."""
    large = _large(image, 112)
    for side in (int(rng.integers(4, 8)), 3):
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
        thin = cv2.erode(large, disc)
        if np.count_nonzero(thin > 127) >= 80:
            break
    small = cv2.resize(thin, (28, 28), interpolation=cv2.INTER_AREA)
    return _png(_either(np.asarray(small, np.uint8), rng))


def _hairline(image: Pixels, rng: np.random.Generator) -> bytes:
    """Draw the skeleton two pixels wide, in 400: by openings (C. Lantuejoul, 1978)."""
    left = np.where(_large(image, 400) > 127, np.uint8(255), np.uint8(0))
    skeleton = np.zeros_like(left)
    cross = cv2.getStructuringElement(cv2.MORPH_CROSS, (3, 3))
    while left.any():
        inner = cv2.erode(left, cross)
        skeleton |= cv2.subtract(left, cv2.dilate(inner, cross))
        left = np.asarray(inner, np.uint8)
    wide = np.asarray(cv2.dilate(skeleton, np.ones((2, 2), np.uint8)), np.uint8)
    return _png(_either(wide, rng))


def _noisy(sigma: float) -> Kind:
    def noisy(image: Pixels, rng: np.random.Generator) -> bytes:
        grey = image * 0.7 + 40 + rng.normal(0, sigma, image.shape)
        return _png(_either(_pixels(grey), rng))

    return noisy


def _jpeg_of(side: int) -> Kind:
    def poor(image: Pixels, rng: np.random.Generator) -> bytes:
        return _jpeg(_either(_large(image, side), rng), 30)

    return poor


def _alpha(image: Pixels, rng: np.random.Generator) -> bytes:
    """Draw dark ink, one time in five white, on a transparent background."""
    ink = _large(image, int(rng.choice([28, 56, 140])))
    pixels = np.zeros((*ink.shape, 4), np.uint8)
    pixels[..., :3] = 255 if rng.random() < 0.2 else rng.integers(0, 90, 3)
    pixels[..., 3] = ink
    return _png(pixels)


def _palette(image: Pixels, rng: np.random.Generator) -> bytes:
    """Use a palette of sixteen colours, from a background's to an ink's."""
    indices = Image.fromarray(_large(image, int(rng.choice([28, 56, 140]))) // 16, "P")
    dark, light = rng.integers(0, 90, 3), rng.integers(170, 256, 3)
    background, ink = (dark, light) if rng.random() < 0.5 else (light, dark)
    share = np.linspace(0, 1, 16)[:, None]
    indices.putpalette(_pixels(background * (1 - share) + ink * share).reshape(-1).tolist())
    return _encoded(indices, "PNG")


class _Sheet:
    """Paper with a digit somewhere on it."""

    def __init__(
        self, image: Pixels, rng: np.random.Generator, smallest: int, largest: int
    ) -> None:
        self._rng = rng
        self._side = side = int(rng.integers(smallest, largest))
        height, width = (side + int(rng.integers(0, side)) for _ in range(2))
        grain = cv2.GaussianBlur(rng.normal(size=(height, width)), (0, 0), rng.uniform(0.6, 2))
        self.paper = rng.uniform(170, 250) + grain / grain.std() * rng.uniform(0.5, 4)
        top, left = int(rng.integers(height - side + 1)), int(rng.integers(width - side + 1))
        self._ink = np.zeros((height, width))
        self._ink[top : top + side, left : left + side] = _large(image, side) / 255

    def rule(self) -> None:
        """Draw lines, fainter than the pen, at most two degrees off the horizontal."""
        height, width = self.paper.shape
        apart = max(8, int(self._side * self._rng.uniform(0.25, 0.6)))
        thickness = max(1, int(self._side / self._rng.integers(60, 140)))
        grey = self.paper.mean() - self._rng.uniform(25, 70)
        down = int(self._rng.uniform(-0.03, 0.03) * width)
        for row in range(int(self._rng.integers(apart)) - apart, height + apart, apart):
            cv2.line(self.paper, (0, row), (width, row + down), grey, thickness, cv2.LINE_AA)

    def turn(self) -> None:
        """Turn the paper by a right angle."""
        self.paper = np.ascontiguousarray(self.paper.T)
        self._ink = self._ink.T

    def written(self) -> npt.NDArray[np.float64]:
        """Return the paper with the ink on it."""
        dark = np.minimum(self._rng.uniform(20, 110), self.paper)
        return np.asarray(self.paper * (1 - self._ink) + dark * self._ink, np.float64)


def _shaded(grey: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return a picture with a shadow over part of it, its edge sharp or soft."""
    height, width = grey.shape
    down, across = np.mgrid[-0.5 : 0.5 : height * 1j, -0.5 : 0.5 : width * 1j]
    angle = rng.uniform(0, 2 * np.pi)
    beyond = np.cos(angle) * across + np.sin(angle) * down - rng.uniform(-0.3, 0.3)
    shadow = 1 / (1 + np.exp(-beyond / rng.choice([0.01, 0.05, 0.3])))
    return np.asarray(grey * (1 - rng.uniform(0.3, 0.6) * shadow), np.float64)


def _on_paper(image: Pixels, rng: np.random.Generator) -> bytes:
    return _png(_pixels(_Sheet(image, rng, 60, 300).written()))


def _in_shadow(image: Pixels, rng: np.random.Generator) -> bytes:
    return _png(_pixels(_shaded(_Sheet(image, rng, 60, 300).written(), rng)))


def _ruled(image: Pixels, rng: np.random.Generator) -> bytes:
    sheet = _Sheet(image, rng, 80, 300)
    sheet.rule()
    return _png(_pixels(sheet.written()))


def _photographed(image: Pixels, rng: np.random.Generator) -> bytes:
    """Combine all: paper, ruled half of the time, shadow, blur, noise and JPEG."""
    sheet = _Sheet(image, rng, 150, 500)
    if rng.random() < 0.5:
        sheet.rule()
    grey = cv2.GaussianBlur(_shaded(sheet.written(), rng), (0, 0), rng.uniform(0.5, 2))
    noisy = grey + rng.normal(0, rng.uniform(1, 6), grey.shape)
    return _jpeg(_pixels(noisy), int(rng.integers(40, 90)))


def _shrunk(side: int) -> Kind:
    def shrunk(image: Pixels, rng: np.random.Generator) -> bytes:
        small = Image.fromarray(_either(image, rng))
        return _encoded(small.resize((side, side), Image.Resampling.LANCZOS), "PNG")

    return shrunk


def _tile(image: Pixels, rng: np.random.Generator) -> Pixels:
    """Return a digit in MNIST's colours on a white page, or the negative."""
    side = int(rng.integers(60, 300))
    height, width = (side + int(rng.integers(4, side)) for _ in range(2))
    page = np.full((height, width), 255, np.uint8)
    top, left = (int(rng.integers(2, length - side - 1)) for length in (height, width))
    page[top : top + side, left : left + side] = _large(image, side)
    return _either(page, rng)


def _on_page(image: Pixels, rng: np.random.Generator) -> bytes:
    return _png(_tile(image, rng))


def _screen(image: Pixels, rng: np.random.Generator) -> bytes:
    """Photograph a tile on a screen: a little rotated, with a slope of light, blur and noise."""
    page = np.pad(_tile(image, rng), 20, mode="edge")
    height, width = page.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), rng.uniform(-6, 6), 1)
    seen = cv2.warpAffine(page, matrix, (width, height), borderMode=cv2.BORDER_REPLICATE)
    light = np.linspace(0.95, rng.uniform(0.7, 0.95), width)
    grey = cv2.GaussianBlur((20 + seen * 0.9) * light, (0, 0), rng.uniform(0.5, 1.5))
    return _jpeg(_pixels(grey + rng.normal(0, rng.uniform(1, 5), grey.shape)), 60)


def _faint(image: Pixels, rng: np.random.Generator) -> bytes:
    """Draw in pale pencil on a page that is darker along two sides."""
    side = int(rng.integers(80, 240))
    page = np.full((side + 40, side + 40), rng.uniform(235, 252))
    page[:, -int(rng.integers(2, 6)) :] -= rng.uniform(5, 40)
    page[: int(rng.integers(2, 6))] -= rng.uniform(5, 40)
    page[20 : 20 + side, 20 : 20 + side] -= rng.uniform(24, 50) * (_large(image, side) / 255)
    return _png(_pixels(page))


def _blank(*, squared: bool, photographed: bool) -> Blank:
    def blank(rng: np.random.Generator) -> bytes:
        sheet = _Sheet(np.zeros((28, 28), np.uint8), rng, 80, 300)
        sheet.rule()
        if squared:
            sheet.turn()
            sheet.rule()
        grey = sheet.written()
        if photographed:
            blurred = cv2.GaussianBlur(grey, (0, 0), rng.uniform(0.5, 1.5))
            noisy = blurred + rng.normal(0, rng.uniform(1, 4), grey.shape)
            return _jpeg(_pixels(noisy), 80)
        return _png(_pixels(grey))

    return blank


BLANKS: Mapping[str, Blank] = {
    "ruled": _blank(squared=False, photographed=False),
    "squared": _blank(squared=True, photographed=False),
    "ruled, photographed": _blank(squared=False, photographed=True),
}
"""Blank sheets, in which no digit is to be found, by their names in the table."""

KINDS: Mapping[str, Kind] = {
    "inverted": _inverted,
    "20 pixels": _twenty,
    "2,000 pixels": _two_thousand,
    "corner of 28 pixels": _corner(28),
    "corner of 100 pixels": _corner(100),
    "thinned": _thinned,
    "hairline": _hairline,
    "noise 10": _noisy(10),
    "noise 25": _noisy(25),
    NOISIEST: _noisy(50),
    "JPEG quality 30": _jpeg_of(28),
    "JPEG quality 30, large": _jpeg_of(112),
    "alpha": _alpha,
    "palette": _palette,
    "on paper": _on_paper,
    "ruled lines": _ruled,
    "shadow": _in_shadow,
    "photograph": _photographed,
    "8 pixels": _shrunk(8),
    "10 pixels": _shrunk(10),
    "tile on a page": _on_page,
    "photograph of a screen": _screen,
    "faint": _faint,
}
"""The kinds of pictures, by their names in the table."""
