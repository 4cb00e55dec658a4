"""Thumbnails look like the images, and their names stay text."""

from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from mnist_batch.reports.thumbnails import Group, Picture, fit, png, short_name


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


def group(name: str, size: int, rows: int) -> Group:
    """Return a group of pictures without images, whose sources are their places."""
    pictures = [Picture(name, str(place), place, None) for place in range(size)]
    return Group(name, name, rows, pictures)


def test_as_many_pictures_are_shown_as_fit() -> None:
    """The first of each group before the second of any; the rest of the rows is counted."""
    groups = [group("a", 3, rows=10), group("b", 1, rows=1), group("c", 2, rows=2)]
    each = len(groups[0].pictures[0].html().encode())
    shown = fit(groups, 5 * each)
    assert [one.html.count("<li>") for one in shown] == [2, 1, 2]
    assert [one.left_out for one in shown] == [8, 0, 0]
    assert "row 0" in shown[0].html
    assert "row 1" in shown[0].html
    assert [one.left_out for one in fit(groups, 10**6)] == [7, 0, 0]
    nothing = fit(groups, 0)
    assert [(one.html, one.left_out) for one in nothing] == [("", 10), ("", 1), ("", 2)]


def test_what_is_shown_is_measured_in_bytes() -> None:
    """As UTF-8, where a character takes up to four."""
    picture = Picture("a", "\U0001f600" * 300, 0, None)
    ((shown),) = fit([Group("a", "a", 9, [picture] * 9)], 2_600)
    assert len(shown.html.encode()) <= 2_600
    assert shown.left_out == 7
