"""Thumbnails look like the images, and their names stay text."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mnist_batch.reports.thumbnails import Picture, png, short_name


@pytest.mark.parametrize("shape", [(28, 28), (64, 37), (1, 1), (3, 2)])
def test_a_thumbnail_is_the_image_in_sixteen_greys(shape: tuple[int, int]) -> None:
    """As Pillow reads it: no pixel is off by more than half a step of 17."""
    image = np.random.default_rng(0).integers(0, 256, shape).astype(np.uint8)
    with Image.open(BytesIO(png(image))) as opened:
        read = np.asarray(opened.convert("L")).astype(int)
    assert read.shape == shape
    assert np.abs(read - image).max() <= 8


def test_black_stays_black_and_white_white() -> None:
    """The ends of the scale are of the sixteen."""
    image = np.array([[0, 255]], np.uint8)
    with Image.open(BytesIO(png(image))) as opened:
        assert np.asarray(opened.convert("L")).tolist() == [[0, 255]]


def test_the_texts_of_a_picture_are_escaped() -> None:
    """A file may have any name."""
    html = Picture("4 read as <9>", "<script>alert('\"')</script>.png", 3, None).html()
    assert "<script" not in html
    assert "&lt;script&gt;alert(&#39;&#34;&#39;)&lt;/script&gt;.png" in html
    assert "4 read as &lt;9&gt;" in html
    assert "row 3" in html
    assert "<img" not in html


def test_of_a_long_name_the_middle_is_left_out() -> None:
    """And how much of it is said; a name of usual length is whole."""
    assert short_name("a" * 300) == "a" * 300
    short = short_name("a" * 5_000 + "b" * 5_240)
    assert (
        short
        == "a" * 200
        + " [\N{HORIZONTAL ELLIPSIS} 9,940 characters \N{HORIZONTAL ELLIPSIS}] "
        + "b" * 100
    )
