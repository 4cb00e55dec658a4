"""The digit of a picture: found in either polarity, in enough pixels, with MNIST's stroke width."""

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from mnist_batch.preprocessing.extraction import extract_digit, size_normalized
from mnist_batch.synthetic.generator import draw_digit
from tests.support.reading import shares

Pixels = NDArray[np.uint8]


def picture(digit: int, side: int, *, sheet: int | None = None) -> Pixels:
    """Return a digit in an image enlarged to `side`, dark in the middle of a white sheet."""
    image = Image.fromarray(255 - draw_digit(digit, np.random.default_rng(digit)))
    margin = ((sheet or side) - side) // 2
    large = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))
    return np.pad(large, margin, constant_values=255)


def bar(width: int, *, length: int = 200) -> Pixels:
    """Return a picture of an upright bar."""
    pixels = np.full((300, 300), 255, np.uint8)
    pixels[50 : 50 + length, 150 - width // 2 : 150 - width // 2 + width] = 0
    return pixels


@pytest.mark.parametrize("dark_ink", [True, False])
@pytest.mark.parametrize("digit", range(10))
def test_polarity_is_told_and_the_ink_is_the_same(digit: int, dark_ink: bool) -> None:
    """From 0, none, to 1, all; of the negative too."""
    positive = picture(digit, 150)
    found = extract_digit(positive if dark_ink else 255 - positive)
    expected = extract_digit(positive)
    assert (found.dark_ink, found.digits) == (dark_ink, 1)
    assert found.ink is not None
    assert expected.ink is not None
    assert found.ink.dtype == np.float32
    assert (found.ink.min(), found.ink.max()) == (0, 1)
    assert np.abs(found.ink - expected.ink).mean() < 0.02


def test_digits_are_counted_and_an_empty_picture_has_none() -> None:
    """Two beside each other; nothing on white paper."""
    assert extract_digit(np.hstack([picture(3, 150), picture(8, 150)])).digits == 2
    empty = extract_digit(np.full((80, 90), 250, np.uint8))
    assert (empty.ink, empty.digits) == (None, 0)


def test_a_small_digit_of_a_large_picture_is_extracted_from_a_crop() -> None:
    """One of 143 pixels on 1,600: at 256 pixels it had 23, cropped it keeps most of its own."""
    found = extract_digit(picture(5, 200, sheet=1600))
    assert found.ink is not None
    assert max(np.ptp(np.nonzero(found.ink > 0.5), axis=1)) > 100


@pytest.mark.parametrize(("width", "least", "most"), [(3, 1.7, 2.3), (30, 2.7, 3.3), (60, 4, 5.5)])
def test_strokes_are_brought_into_the_range_of_mnists(
    width: int, least: float, most: float
) -> None:
    """A hair and a brush to it, in pixels of MNIST form; a stroke of 3 stays as it is."""
    found = extract_digit(bar(width))
    assert found.ink is not None
    solid = found.ink > 0.5
    (rows, columns) = ndimage.find_objects(solid.astype(int))[0]
    pixel = (rows.stop - rows.start) / 20
    assert least <= (columns.stop - columns.start) / pixel <= most


def test_a_digit_is_cropped_and_resized_in_its_proportions() -> None:
    """Its longer side as asked, enlarged or shrunk, and white at the whitest; faint ink is none."""
    ink = np.zeros((70, 50), np.float32)
    ink[10:60, 20:30] = 0.5
    ink[0, 0] = 0.3
    for side in (5, 20, 100):
        grey = size_normalized(ink, side)
        assert grey.shape == (side, side // 5)
        assert (grey == 255).all()


@pytest.mark.parametrize("depth", [6, 10, 16, 24])
def test_faint_ink_is_read_or_no_digit_is_found(depth: int) -> None:
    """Never the page's edges, which are a little darker at two sides."""
    labels = [digit for digit in range(10) for _ in range(5)]
    pages = []
    for place, label in enumerate(labels):
        image = Image.fromarray(draw_digit(label, np.random.default_rng(place)))
        ink = np.asarray(image.resize((84, 84), Image.Resampling.BICUBIC)) / 255
        page = np.full((112, 112), 252.0)
        page[:, -4:] -= 12
        page[:4] -= 8
        page[14:98, 14:98] -= depth * ink
        pages.append(page.astype(np.uint8))
    found = shares(pages, labels)
    assert found["wrong"] == 0
    assert depth < 24 or found["right"] > 0.95


@pytest.mark.parametrize("shape", [(1, 256), (256, 1), (1, 1), (2, 300), (65_535, 1)])
def test_a_picture_of_a_line_of_pixels_has_no_digit(shape: tuple[int, int]) -> None:
    """However long it is, it is looked at like any other."""
    noise = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    assert extract_digit(noise).ink is None
