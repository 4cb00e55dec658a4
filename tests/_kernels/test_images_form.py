"""The compiled check of the form and sums of pixels are NumPy's, in each library."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from mnist_batch._kernels.images import check_form, sum_pixels
from mnist_batch.synthetic.generator import draw_digits

pytestmark = pytest.mark.usefixtures("each_library")

Pixels = NDArray[np.uint8]


def by_kernel(
    images: Pixels, slack: float = 0.55, *, box: int = 20, centre: int = 14
) -> list[bool]:
    """Return the compiled code's answers."""
    formed = np.zeros(len(images), np.bool_)
    pixels = images.reshape(-1, 784)
    pixels.flags.writeable = False
    check_form(pixels, box, centre, slack, formed)
    return [bool(answer) for answer in formed]


def by_numpy(images: Pixels, slack: float = 0.55, *, box: int = 20, centre: int = 14) -> list[bool]:
    """Return the answers of NumPy's masks and weighted means, one image at a time."""
    answers = []
    for image in images.astype(np.float64):
        rows, columns = np.nonzero(image)
        if not len(rows):
            answers.append(False)
            continue
        weights = image[rows, columns]
        off = [abs(np.average(places, weights=weights) - centre) for places in (rows, columns)]
        answers.append(bool(max(np.ptp(rows), np.ptp(columns)) < box and max(off) <= slack + 1e-9))
    return answers


@st.composite
def sparse(draw: st.DrawFn) -> Pixels:
    """Some images of few pixels, near the middle or anywhere."""
    images = np.zeros((draw(st.integers(1, 4)), 28, 28), np.uint8)
    places = st.integers(3, 25) | st.integers(13, 15)
    for image in images:
        for row, column, grey in draw(
            st.lists(st.tuples(places, places, st.integers(0, 255)), max_size=8)
        ):
            image[row, column] = grey
    return images


@settings(max_examples=300, deadline=None)
@given(sparse() | arrays(np.uint8, (2, 28, 28)))
def test_the_kernel_equals_numpy(images: Pixels) -> None:
    """For any images."""
    assert by_kernel(images) == by_numpy(images)


@settings(max_examples=100, deadline=None)
@given(sparse(), st.integers(1, 28), st.integers(0, 27), st.sampled_from([0.0, 0.25, 3.0]))
def test_box_centre_and_slack_are_those_given(
    images: Pixels, box: int, centre: int, slack: float
) -> None:
    """And not MNIST's own."""
    found = by_kernel(images, slack, box=box, centre=centre)
    assert found == by_numpy(images, slack, box=box, centre=centre)


@settings(max_examples=100, deadline=None)
@given(arrays(np.uint8, st.tuples(st.integers(0, 5), st.just(784))))
def test_sums_of_pixels_are_numpys(pixels: Pixels) -> None:
    """Of none, of a few, and of white images."""
    for images in (pixels, np.full((3, 784), 255, np.uint8)):
        sums = np.ones(len(images), np.uint32)
        sum_pixels(images, sums)
        np.testing.assert_array_equal(sums, images.sum(axis=1, dtype=np.int64))


def test_the_sums_do_not_overflow() -> None:
    """All white: the largest sums that there are."""
    white = np.full((1, 28, 28), 255, np.uint8)
    assert by_kernel(white, box=28) == [True]  # its centre is 13.5
    assert by_kernel(white, 0.49, box=28) == [False]
    assert by_kernel(white) == [False]


def test_each_image_is_looked_at_alone() -> None:
    """Nothing of the one before is left; all answers are written, whatever was there."""
    digits, _ = draw_digits(3)
    black = np.zeros((28, 28), np.uint8)
    images = np.stack([digits[0], black, digits[1], 255 - digits[2], digits[2], black])
    expected = [True, False, True, False, True, False]
    assert by_kernel(images) == expected
    formed = np.array([not answer for answer in expected])
    pixels = images.reshape(-1, 784)
    pixels.flags.writeable = False
    check_form(pixels, 20, 14, 0.55, formed)
    assert formed.tolist() == expected
