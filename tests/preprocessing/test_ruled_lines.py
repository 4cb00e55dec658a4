"""Ruled lines are removed, and the strokes that cross them stay whole."""

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw
from scipy import ndimage

from mnist_batch.preprocessing.ruled_lines import without_lines
from mnist_batch.preprocessing.segmentation import find_digit
from tests.support.ink_sheets import INK, Pixels, found, overlap, sheet, written
from tests.support.reading import read


def ruled(shape: tuple[int, int], strength: int, *, apart: int = 28, thickness: int = 2,
          slope: float = 0.0, squared: bool = False) -> Pixels:  # fmt: skip
    """Return the lines of a sheet."""
    y, x = np.indices(shape)
    lines = (y + np.rint(slope * x).astype(int)) % apart < thickness
    if squared:
        lines |= x % apart < thickness
    return np.where(lines, np.uint8(strength), np.uint8(0))


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("strength", [20, 60, 120])
def test_a_sheet_of_lines_is_empty(strength: int, squared: bool) -> None:
    """Ruled or squared, however dark the lines."""
    assert find_digit(ruled((200, 240), strength, squared=squared), 0) is None


@pytest.mark.parametrize("slope", [0.0, 0.02, -0.03])
@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("digit", range(10))
def test_lines_are_removed_and_the_strokes_that_cross_them_kept(
    digit: int, squared: bool, slope: float
) -> None:
    """All but a little where lines and strokes run together; in as many pieces as before."""
    ink = sheet((written(digit, 150), 20, 40))
    lines = ruled(ink.shape, 90, slope=slope, squared=squared)
    mask = found(np.maximum(ink, lines)).mask
    far = ndimage.distance_transform_edt(ink == 0) > 4
    assert not mask[far].any()
    assert (mask > 0)[ink > INK / 2].mean() > 0.93


@pytest.mark.parametrize("digit", [0, 1, 3, 6, 8, 9])
def test_thin_lines_as_strong_as_the_pen_are_removed(digit: int) -> None:
    """By how thin they are."""
    ink = sheet((written(digit, 150), 20, 40))
    mask = found(np.maximum(ink, ruled(ink.shape, INK))).mask
    assert not mask[ndimage.distance_transform_edt(ink == 0) > 4].any()
    assert (mask > 0)[ink > INK / 2].mean() > 0.93


def test_a_foot_from_side_to_side_is_kept() -> None:
    """A 2 that fills its picture: its foot is of the same pen as the rest."""
    ink = np.zeros((160, 120), np.uint8)
    ink[140:152] = INK  # the foot
    ink[20:32, 20:100] = INK
    ink[20:80, 88:100] = INK
    for row in range(70, 145):
        ink[row, 100 - row // 2 - 10 : 112 - row // 2] = INK
    assert overlap(found(ink).mask, ink) == 1


def test_a_line_on_its_own_is_a_1_if_it_is_upright() -> None:
    """From top to bottom of its picture; from side to side it is a line."""
    ink = np.zeros((120, 120), np.uint8)
    ink[:, 55:65] = INK
    assert found(ink).mask.sum() == 1200
    assert find_digit(np.ascontiguousarray(ink.T), 0) is None


def test_a_crossed_7_keeps_its_bar() -> None:
    """It is level, but does not run from side to side."""
    ink = sheet((written(7, 150, seed=4), 20, 40))
    ink[95:103, 70:150] = INK
    assert overlap(found(ink).mask, ink) == 1


def test_lines_alone_are_taken_from_the_mask() -> None:
    """A bar and a dash stay whole; of the lines at most the pixel beside them does."""
    strokes = np.zeros((200, 240), np.uint8)
    strokes[50:150, 110:122] = 1
    strokes[110:114, 30:80] = 1
    lines = np.zeros_like(strokes)
    lines[20::40] = lines[21::40] = 1
    mask = strokes | lines
    strength = np.where(strokes > 0, np.uint8(INK), mask * np.uint8(60))
    kept = without_lines(mask, strength)
    assert (kept >= strokes).all()
    assert not kept[~ndimage.binary_dilation(strokes, np.ones((1, 3)))].any()


def drawn_seven(margin: float, pen: float, bar: float, lean: float) -> Pixels:
    """Return a 7 of two straight strokes on 400x400 pixels; all lengths in shares of that."""
    side, width = 400, 400 * pen
    image = Image.new("L", (side, side), 255)
    draw = ImageDraw.Draw(image)
    shares = [(0.6 - bar, margin + 0.08), (0.6, margin), (0.57 + lean / 2, 0.5),
              (0.57 + lean, 1 - margin)]  # fmt: skip
    points = [(side * x, side * y) for x, y in shares]
    draw.line(points, fill=0, width=round(width), joint="curve")
    for x, y in points:
        draw.ellipse([x - width / 2, y - width / 2, x + width / 2, y + width / 2], fill=0)
    return np.asarray(image)


@pytest.mark.parametrize("margin", [0.08, 0.1, 0.12, 0.14, 0.16, 0.18, 0.22, 0.26])
def test_a_seven_keeps_its_stem(margin: float) -> None:
    """A lone stroke over most of the height that ends short of the sides, of any pen."""
    sevens = [
        drawn_seven(margin, pen, bar, lean)
        for pen in (0.015, 0.025, 0.035, 0.045, 0.06)
        for bar in (0.3, 0.35, 0.4)
        for lean in (-0.06, 0, 0.04)
    ]
    assert read(sevens) == [7] * len(sevens)


@pytest.mark.parametrize("margin", [0, 0.02, 0.04, 0.06])
@pytest.mark.parametrize("side", [0.02, 0.045])
def test_a_seven_from_side_to_side_keeps_its_stem(margin: float, side: float) -> None:
    """Its bar starts at the end of the stem, which no digit beside a printed line does."""
    mask = np.array(drawn_seven(margin, side, 0.4, 0) < 128, np.uint8)
    kept = without_lines(mask, np.where(mask, INK, 0).astype(np.uint8))
    assert kept.sum() >= 0.97 * mask.sum()


@pytest.mark.parametrize("thickness", [2, 5])
def test_strokes_that_end_short_of_the_sides_are_kept(thickness: int) -> None:
    """The stem of a 7 and two level strokes, of a hair and of a pen, from margins of 8 pixels."""
    ink = np.zeros((200, 160), np.uint8)
    ink[8:192, 110 : 110 + thickness] = INK
    ink[8 : 8 + thickness, 60:110] = INK
    assert overlap(found(ink).mask, ink) == 1
    level = np.zeros((200, 160), np.uint8)
    level[20 : 20 + thickness, 8:150] = level[180 : 180 + thickness, 8:150] = INK
    level[20:180, 80 : 80 + 2 * thickness] = INK
    assert overlap(found(level).mask, level) == 1


@pytest.mark.parametrize("count", [0, 1, 2, 3, 6])
def test_a_margin_is_no_1(count: int) -> None:
    """A thin line from top to bottom, beside any number of ruled ones."""
    lines = np.zeros((300, 240), np.uint8)
    lines[:, 40:42] = 90
    for row in range(count):
        lines[30 + 40 * row : 32 + 40 * row] = 90
    assert find_digit(lines, 0) is None


def test_stems_of_two_lines_of_digits_are_no_ruled_line() -> None:
    """A 1 that leans right below a stem that leans left: both are thinner than the rest."""
    page = np.zeros((145, 256), np.uint8)
    cv2.line(page, (101, 25), (105, 54), 255, 3)
    cv2.line(page, (102, 83), (92, 121), 255, 3)
    cv2.circle(page, (40, 40), 16, 255, 9)
    cv2.circle(page, (200, 100), 16, 255, 9)
    mask = (page > 0).astype(np.uint8)
    assert np.array_equal(without_lines(mask, page), mask)
