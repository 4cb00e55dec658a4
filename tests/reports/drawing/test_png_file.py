"""What is written is read by Pillow as it was."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray
from PIL import Image

from mnist_batch.reports.drawing.png_file import rgb_png


@given(arrays(np.uint8, array_shapes(min_dims=2, max_dims=2, max_side=40).map(lambda s: (*s, 3))))
def test_every_pixel_is_as_it_was(image: NDArray[np.uint8]) -> None:
    """Also where it is darker than the one above it."""
    with Image.open(BytesIO(rgb_png(image, 100))) as opened:
        assert (opened.format, opened.mode) == ("PNG", "RGB")
        np.testing.assert_array_equal(np.asarray(opened), image)


def test_a_part_of_each_pixel_may_be_taken() -> None:
    """As that without transparency of an image that has it."""
    image = np.arange(4 * 3 * 4, dtype=np.uint8).reshape(4, 3, 4)
    with Image.open(BytesIO(rgb_png(image[..., :3], 100))) as opened:
        np.testing.assert_array_equal(np.asarray(opened), image[..., :3])


def test_a_picture_says_its_size() -> None:
    """In pixels a metre, as the format has it, and nothing else besides the pixels."""
    with Image.open(BytesIO(rgb_png(np.zeros((2, 2, 3), np.uint8), 100))) as opened:
        opened.load()
        assert opened.info == {"dpi": pytest.approx((100, 100), abs=0.01)}
