"""Shapes of digits, and of what is none."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

from mnist_batch.preprocessing.shapes import is_digit_shaped
from tests.support.ink_sheets import INK, sheet, written

Pixels = NDArray[np.uint8]


def box(height: int, width: int) -> Pixels:
    """Return a filled box in a picture of 200x240."""
    mask = np.zeros((200, 240), np.uint8)
    mask[20 : 20 + height, 30 : 30 + width] = 1
    return mask


@pytest.mark.parametrize("digit", range(10))
@pytest.mark.parametrize("pen", [0, 3, 6])
def test_digits_have_a_digits_shape(digit: int, pen: int) -> None:
    """Of the usual pen and of broader ones."""
    ink = sheet((written(digit), 40, 60)) > INK / 2
    mask = ndimage.binary_dilation(ink, iterations=pen) if pen else ink
    assert is_digit_shaped(mask.astype(np.uint8))


def test_a_bold_1_has_it() -> None:
    """A narrow box may be full."""
    assert is_digit_shaped(box(160, 10))
    assert is_digit_shaped(box(160, 70))


@pytest.mark.parametrize(("height", "width"), [(8, 30), (8, 150), (100, 100), (60, 90), (150, 80)])
def test_dashes_and_blocks_have_not(height: int, width: int) -> None:
    """A level stroke, or a filled box."""
    assert not is_digit_shaped(box(height, width))


def test_what_is_wide_has_not() -> None:
    """More than three times as wide as high, however empty."""
    frame = box(40, 125) - np.pad(box(20, 105)[:-10, :-10], ((10, 0), (10, 0)))
    assert not is_digit_shaped(frame)


def test_a_sieve_has_not() -> None:
    """Four holes or more; two are those of an 8."""
    mask = box(150, 100)
    mask[20:170, 75:85] = 0
    mask[20:170, 60:65] = 0
    for count, row in enumerate(range(30, 160, 30)):
        assert count < 5
        mask[row : row + 8, 40:50] = 0
    assert not is_digit_shaped(mask)


def test_specks_in_strokes_do_no_harm() -> None:
    """Of noise, or of a pen that runs dry: however many there are."""
    mask = (sheet((written(8, 190), 5, 20)) > INK / 2).astype(np.uint8)
    inside = np.argwhere(ndimage.binary_erosion(mask, iterations=4))
    for row, column in inside[np.random.default_rng(0).integers(0, len(inside), 20)]:
        mask[row, column : column + 2] = 0
    assert is_digit_shaped(mask)


def test_grain_has_not() -> None:
    """A cloud of specks that run together."""
    rng = np.random.default_rng(0)
    grain = ndimage.gaussian_filter(rng.normal(size=(200, 240)), 1.2)
    cloud = np.zeros((200, 240), np.uint8)
    cloud[60:140, 80:160] = (grain > 0)[60:140, 80:160]
    assert not is_digit_shaped(cloud)


@pytest.mark.parametrize("turns", range(4))
def test_the_corner_of_a_shadow_has_not(turns: int) -> None:
    """A wedge along the sides of a picture."""
    down, across = np.indices((200, 240))
    wedge = (down + 1.3 * across < 160).astype(np.uint8)
    assert not is_digit_shaped(np.ascontiguousarray(np.rot90(wedge, turns)))


@pytest.mark.parametrize("slope", [0.3, -0.8, 1.5])
def test_a_fold_has_not(slope: float) -> None:
    """A thin straight line from side to side, at any slope, alone or through a digit."""
    down, across = np.indices((200, 240))
    apart = np.abs(down - 100 - slope * (across - 120)) / np.hypot(1, slope)
    fold = (apart <= 1.5).astype(np.uint8)
    digit = (sheet((written(3, 120), 40, 60)) > INK / 2).astype(np.uint8)
    assert not is_digit_shaped(fold)
    assert not is_digit_shaped(fold | digit)


def test_a_slanted_1_that_ends_short_of_the_sides_has_it() -> None:
    """However thin."""
    down, across = np.indices((200, 240))
    line = (np.abs(down - 100 - 1.5 * (across - 120)) <= 3).astype(np.uint8)
    line[:30] = line[170:] = 0
    assert is_digit_shaped(line)


def test_a_band_of_the_page_has_not() -> None:
    """Paper taken for ink, from side to side; a 1 from top to bottom has a digit's shape."""
    band = np.zeros((200, 240), np.uint8)
    band[30:170] = 1
    band[60:80, 100:200] = 0
    assert not is_digit_shaped(band)
    one = np.zeros((200, 240), np.uint8)
    one[:, 100:130] = 1
    assert is_digit_shaped(one)
