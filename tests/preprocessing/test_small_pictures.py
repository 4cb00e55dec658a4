"""Pictures of few pixels are enlarged smoothly, and their digits read."""

from itertools import pairwise

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from sklearn.datasets import load_digits

from mnist_batch.preprocessing.extraction import extract_digits
from mnist_batch.preprocessing.mnist_form import to_mnist_form
from mnist_batch.preprocessing.small_pictures import SMALL_SIDE, extract_small
from mnist_batch.synthetic.generator import draw_digit
from tests.support.reading import read, shares

Pixels = NDArray[np.uint8]


def drawn(side: int, *, cropped: bool = False) -> tuple[list[Pixels], list[int]]:
    """Return ten digits of each value, resized to a longer side by Pillow."""
    pictures, labels = [], []
    for digit in range(10):
        for seed in range(10):
            image = Image.fromarray(draw_digit(digit, np.random.default_rng(seed)))
            if cropped:
                image = image.crop(image.getbbox())
            scale = side / max(image.size)
            width, height = (max(1, round(length * scale)) for length in image.size)
            pictures.append(np.asarray(image.resize((width, height), Image.Resampling.LANCZOS)))
            labels.append(digit)
    return pictures, labels


@pytest.mark.parametrize("dark", [False, True])
def test_the_digits_of_scikit_learn_are_read(dark: bool) -> None:
    """At least 92 of 100 of the 1,797 real digits of 8x8 pixels, 0 to 16, in either polarity."""
    digits = load_digits()
    images = np.rint(digits.images * 255 / 16).astype(np.uint8)
    assert shares(255 - images if dark else images, digits.target)["right"] >= 0.92


@pytest.mark.parametrize(
    ("side", "least"), [(8, 0.9), (9, 0.93), (10, 0.95), (12, 0.97), (19, 0.97)]
)
def test_small_pictures_are_read(side: int, least: float) -> None:
    """With MNIST's margins, shrunk from 28x28."""
    assert shares(*drawn(side))["right"] >= least


@pytest.mark.parametrize(("side", "least"), [(10, 0.9), (14, 0.95), (19, 0.95)])
def test_a_digit_may_fill_its_small_picture(side: int, least: float) -> None:
    """Cropped to the ink, so that strokes touch the border on all sides."""
    assert shares(*drawn(side, cropped=True))["right"] >= least


@pytest.mark.parametrize("side", [6, 8, 9])
@pytest.mark.parametrize("dark", [False, True])
def test_two_digits_of_a_small_picture_are_two(side: int, dark: bool) -> None:
    """Side by side, each squeezed into a square; each has its own columns."""
    pictures, labels = drawn(28)
    tiny = [
        np.asarray(Image.fromarray(one[3:25, 4:24]).resize((side, side), Image.Resampling.BOX))
        for one, label in zip(pictures, labels, strict=True)
        if label != 1
    ]
    right = 0
    for one, other in pairwise(tiny):
        pair = np.hstack([one, other])
        found = extract_digits(255 - pair if dark else pair)
        assert to_mnist_form(255 - pair if dark else pair).digits == len(found)
        ends = [left + width for _, (left, _, width, _) in found]
        right += len(found) == 2 and ends[0] <= found[1].box[0] + 1
    assert right >= 0.95 * (len(tiny) - 1)


@pytest.mark.parametrize("side", [8, 11, 15, 19])
@pytest.mark.parametrize("cropped", [False, True])
def test_one_digit_of_a_small_picture_is_one(side: int, cropped: bool) -> None:
    """However wide, and of scikit-learn's too."""
    pictures, _ = drawn(side, cropped=cropped)
    pictures += [*np.rint(load_digits().images[:300] * 255 / 16).astype(np.uint8)]
    assert max(to_mnist_form(one).digits for one in pictures) == 1


def test_the_box_of_a_small_digit_is_that_of_its_ink() -> None:
    """Four pixels of background lie on each side of it."""
    for picture in drawn(10, cropped=True)[0]:
        ((_, (left, top, width, height)),) = extract_digits(np.pad(picture, 4))
        rows, columns = (np.flatnonzero((picture > 100).any(axis=axis)) for axis in (1, 0))
        expected = columns[0] + 4, rows[0] + 4, columns[-1] + 5, rows[-1] + 5
        assert np.abs(np.subtract((left, top, left + width, top + height), expected)).max() <= 1


def test_slopes_of_light_and_faint_ink_are_read() -> None:
    """A slope of 60 levels, ink of 50, dark on light, noise of two levels."""
    pictures, labels = drawn(14)
    noise = np.random.default_rng(0).normal(0, 2, (len(pictures), 14, 14))
    slope = np.linspace(0, 60, 14)
    faint = [
        np.rint(150 + slope + more - picture * (50 / 255)).clip(0, 255).astype(np.uint8)
        for picture, more in zip(pictures, noise, strict=True)
    ]
    assert shares(faint, labels)["right"] >= 0.95


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (8, 8), (19, 12)])
def test_an_even_small_picture_holds_no_digit(shape: tuple[int, int]) -> None:
    """Black, white, grey, sloping or of little noise."""
    slope = np.broadcast_to(np.linspace(90, 160, shape[1]), shape).astype(np.uint8)
    noise = np.random.default_rng(0).normal(128, 1.5, shape).astype(np.uint8)
    even = [np.full(shape, level, np.uint8) for level in (0, 7, 255)]
    assert read([*even, slope, noise]) == [None] * 5


@pytest.mark.parametrize("dark", [False, True])
def test_ink_and_polarity_of_a_small_picture(dark: bool) -> None:
    """A bar of a pixel: ink from 0 to 1, in its place, with a margin, larger."""
    picture = np.zeros((9, 7), np.uint8)
    picture[2:7, 3] = 200
    ink, dark_ink = extract_small(255 - picture if dark else picture)
    assert dark_ink is dark
    assert ink is not None
    assert (ink.min(), ink.max()) == (0, 1)
    rows, columns = np.nonzero(ink > 0.5)
    assert np.ptp(rows) > 3 * np.ptp(columns)
    assert abs(columns.mean() - (ink.shape[1] - 1) / 2) < 1


def test_smaller_than_20_pixels_is_small() -> None:
    """A larger picture's specks are left out; here all that stands out is the digit."""
    picture = np.zeros((SMALL_SIDE - 1, SMALL_SIDE - 1), np.uint8)
    picture[4:15, 9:11] = 255
    assert SMALL_SIDE == 20
    assert to_mnist_form(picture).digits == 1
