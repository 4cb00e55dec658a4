"""Matplotlib's renderer, with letters that are drawn once for all texts that have them.

Matplotlib lays each text out twice and renders each of its letters anew, at a place between two
pixels: 2 ms for the line below an image, and a report has 200 texts. Here a letter of a size is
rendered once, and stands on whole pixels, as hinting means it to.
"""

from functools import cache, lru_cache
from typing import Any, NamedTuple

import numpy as np
from matplotlib.backend_bases import GraphicsContextBase
from matplotlib.backends.backend_agg import FigureCanvasAgg, RendererAgg
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import FT2Font, LoadFlags
from matplotlib.text import Text
from numpy.typing import NDArray

DPI = 100
"""Pixels an inch of all figures."""

_HINTING = LoadFlags.DEFAULT
"""As the font wants it, which is matplotlib's default."""

_LARGE = 50.0
"""The font size at which kerning is measured for all."""

_NO_WIDTH = "\N{LEFT-TO-RIGHT MARK}"
"""Says nothing where no letter is written from right to left."""

_PLAIN = frozenset("\N{EN DASH}\N{HORIZONTAL ELLIPSIS}\N{WHITE SQUARE}" + _NO_WIDTH)
"""Characters beyond those of Latin that stand side by side as these do."""

_FIRST_OTHER = "\N{LATIN SMALL LETTER TURNED A}"
"""The first character that follows those of the Latin alphabets."""


class Canvas(FigureCanvasAgg):
    """A canvas of `Renderer`, of one size."""

    _own: "Renderer | None" = None

    def get_renderer(self) -> "Renderer":
        """Return the renderer, the same one for all texts of a figure."""
        if self._own is None:
            width, height = self.get_width_height(physical=True)
            self._own = Renderer(width, height, self.figure.dpi)  # type: ignore[no-untyped-call]
        return self._own


class Renderer(RendererAgg):
    """Draws all as matplotlib does, but for plain texts.

    Texts are set in DejaVu Sans, whatever their properties say but for the size,
    and opaque.
    """

    def draw_text(
        self,
        gc: GraphicsContextBase,
        x: float,
        y: float,
        s: str,
        prop: FontProperties,
        angle: float,
        ismath: Any = False,  # noqa: ANN401 - bool or "TeX"
        mtext: Text | None = None,
    ) -> None:
        """Draw a line of text with its baseline at a place; `y` is downwards."""
        if ismath or angle not in (0, 90) or not is_plain(s):
            super().draw_text(gc, x, y, s, prop, angle, ismath, mtext)  # type: ignore[no-untyped-call]
            return
        line = _line(s, prop.get_size_in_points())
        strokes = line.strokes
        left, bottom = round(x) + line.left, round(y) - line.top + len(strokes)
        if angle:
            strokes, left, bottom = np.rot90(strokes), round(x) - line.top, round(y) - line.left
        image = np.empty((*strokes.shape, 4), np.uint8)
        image[..., :3] = [round(255 * part) for part in gc.get_rgb()[:3]]
        image[..., 3] = strokes
        if image.size:
            # Lines of the image are expected from below, as the place of its lower edge.
            self.draw_image(gc, left, self.height - bottom, image[::-1])

    def _get_font_height_metrics(self, prop: FontProperties) -> tuple[float, float, float]:
        return _height(prop.get_size_in_points())

    def get_text_width_height_descent(
        self,
        s: str,
        prop: FontProperties,
        ismath: Any,  # noqa: ANN401
    ) -> tuple[float, float, float]:
        """Return pixels of a line of text: its width, its height, and how far it is below."""
        if ismath or not is_plain(s):
            return super().get_text_width_height_descent(s, prop, ismath)  # type: ignore[no-untyped-call, no-any-return]
        line = _line(s, prop.get_size_in_points())
        rows = len(line.strokes)
        return line.advance, float(rows), float(max(rows - line.top, 0))


class _Shape(NamedTuple):
    """A letter or a line of them as pixels.

    Attributes:
        strokes: uint8 (rows, columns), how much of each pixel is covered.
        left: columns from where it begins to the first one of these.
        top: rows from the baseline up to the upper edge of these.
        advance: pixels to where the next one begins.
    """

    strokes: NDArray[np.uint8]
    left: int
    top: int
    advance: float


def is_plain(text: str) -> bool:
    """Tell whether the letters of a text stand side by side, each in a form of its own."""
    return all(letter < _FIRST_OTHER or letter in _PLAIN for letter in text)


@cache
def _height(size: float) -> tuple[float, float, float]:
    """Return pixels of a line of text: above its baseline, below it, and to the next line.

    Matplotlib 3.11 asks its renderers first, and else reads two tables of the font for each text.
    """
    font = _font()
    units, table = font.get_sfnt_table("head"), font.get_sfnt_table("OS/2")
    assert units and table
    scale = size * DPI / 72 / units["unitsPerEm"]
    return (
        scale * table["sTypoAscender"],
        -scale * table["sTypoDescender"],
        scale * table["sTypoLineGap"],
    )


@lru_cache(1000)
def _line(text: str, size: float) -> _Shape:
    """Return a line of text."""
    placed, end, before = list[tuple[int, _Shape]](), 0.0, ""
    for letter in text.replace(_NO_WIDTH, ""):
        shape = _letter(letter, size)
        if before.isalpha() and letter.isalpha():
            end += _kerning(before, letter) * size * DPI / 72
        if shape.strokes.size:
            placed.append((round(end) + shape.left, shape))
        end, before = end + shape.advance, letter
    left = min((place for place, _ in placed), default=0)
    right = max((place + shape.strokes.shape[1] for place, shape in placed), default=0)
    top = max((shape.top for _, shape in placed), default=0)
    bottom = min((shape.top - len(shape.strokes) for _, shape in placed), default=0)
    strokes = np.zeros((top - bottom, right - left), np.uint8)
    for place, shape in placed:
        rows, columns = shape.strokes.shape
        part = strokes[top - shape.top :, place - left :][:rows, :columns]
        np.maximum(part, shape.strokes, out=part)
    return _Shape(strokes, left, top, end)


@cache
def _letter(letter: str, size: float) -> _Shape:
    font = _font()
    font.set_size(size, DPI)
    glyph = font.load_char(ord(letter), flags=_HINTING)
    font.set_text(letter, 0.0, flags=_HINTING)
    font.draw_glyphs_to_bitmap(antialiased=True)
    strokes = font.get_image()[1:-1].copy()  # above and below is an empty row
    # Lengths are 26.6 fixed point.
    left, top = glyph.horiBearingX // 64, -(-glyph.horiBearingY // 64)
    return _Shape(strokes, left, top, glyph.horiAdvance / 64)


@lru_cache(10_000)
def _kerning(before: str, letter: str) -> float:
    """Return how far a letter is moved from the one before, by size: mostly below 0."""
    font = _font()
    font.set_size(_LARGE, DPI)
    widths = list[int]()
    for text in (before + letter, letter):
        font.set_text(text, 0.0, flags=_HINTING)
        widths.append(font.get_width_height()[0])
    alone = font.load_char(ord(before), flags=_HINTING).horiAdvance
    return (widths[0] - widths[1] - alone) / 64 * 72 / DPI / _LARGE


def advance(letter: str, size: float) -> float:
    """Return how many points a letter takes."""
    return _letter(letter, size).advance * 72 / DPI


@cache
def has_letter(letter: str) -> bool:
    """Tell whether the font has a letter."""
    return _font().get_char_index(ord(letter)) != 0


@cache
def _font() -> FT2Font:
    return get_font(findfont("DejaVu Sans"))
