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
    image = np.zeros((2, 2), np.uint8)
    picture = Picture("4 <9>", "<0.5>", "<script>alert('\"')</script>.png", 3, image)
    html = picture.html(with_source=True)
    assert "<script" not in html
    assert "&lt;script&gt;alert(&#39;&#34;&#39;)&lt;/script&gt;.png" in html
    assert 'alt="4 &lt;9&gt;"' in html
    assert "<b>&lt;0.5&gt;</b>" in html
    assert "row 3" in html


def test_without_an_image_there_is_none() -> None:
    """What is known of the row is there."""
    html = Picture("4 read as 9", "", "a.png", 3, None).html(with_source=True)
    assert html == "<li><bdi>a.png</bdi><span>row 3</span></li>"


def test_a_source_that_all_have_is_said_once() -> None:
    """Then an item has none, and is as narrow as its image unless an original is beside it."""
    image = np.zeros((2, 2), np.uint8)
    one = Group("a", "a", 1, [Picture("", "", "x.parquet", 1, image)])
    other = Group("b", "b", 1, [Picture("", "", "x.parquet", 2, image, image)])
    (shown,) = fit([one], 10**6)
    assert (shown.source, shown.is_narrow, "x.parquet" in shown.html) == ("x.parquet", True, False)
    assert [each.is_narrow for each in fit([one, other], 10**6)] == [False, False]
    another = Group("c", "c", 1, [Picture("", "", "y.parquet", 1, image)])
    first, _ = fit([one, another], 10**6)
    assert (first.source, first.is_narrow, "x.parquet" in first.html) == (None, False, True)


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
    pictures = [Picture(name, "", str(place), place, None) for place in range(size)]
    return Group(name, name, rows, pictures)


def test_as_many_pictures_are_shown_as_fit() -> None:
    """The first of each group before the second of any; the rest of the rows is counted."""
    groups = [group("a", 3, rows=10), group("b", 1, rows=1), group("c", 2, rows=2)]
    each = len(groups[0].pictures[0].html(with_source=True).encode())
    shown = fit(groups, 5 * (each + 1))
    assert [one.html.count("<li>") for one in shown] == [2, 1, 2]
    assert [one.left_out for one in shown] == [8, 0, 0]
    assert "row 0" in shown[0].html
    assert "row 1" in shown[0].html
    assert [one.left_out for one in fit(groups, 10**6)] == [7, 0, 0]
    nothing = fit(groups, 0)
    assert [(one.html, one.left_out) for one in nothing] == [("", 10), ("", 1), ("", 2)]


def test_what_is_shown_is_measured_in_bytes() -> None:
    """As UTF-8, where a character takes up to four."""
    pictures = [Picture("a", "", "\U0001f600" * 299 + str(place), 0, None) for place in range(9)]
    ((shown),) = fit([Group("a", "a", 9, pictures)], 2_600)
    assert len(shown.html.encode()) <= 2_600
    assert shown.left_out == 7
