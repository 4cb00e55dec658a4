"""MNIST's form: which images have it, and what brings a digit into it."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import ndimage

from mnist_batch.preprocessing.mnist_form import (
    cleaned,
    fitted,
    in_mnist_form,
    inverted_or_cleaned,
    recentred,
)
from mnist_batch.synthetic.generator import draw_digit, draw_digits

Pixels = NDArray[np.uint8]

DIGITS, _ = draw_digits(50, seed=4)


def image_of(pixels: dict[tuple[int, int], int]) -> Pixels:
    """Return an image (28, 28) that is black but for some pixels, by row and column."""
    image = np.zeros((28, 28), np.uint8)
    for place, grey in pixels.items():
        image[place] = grey
    return image


def formed(image: Pixels) -> bool:
    """Tell whether one image has MNIST's form."""
    [answer] = in_mnist_form(image[None])
    return bool(answer)


def formed_by_hand(image: Pixels) -> bool:
    """Tell it by plain fractions, one pixel at a time."""
    ink = [(row, column, int(image[row, column])) for row, column in np.argwhere(image).tolist()]
    mass = sum(grey for *_, grey in ink)
    for axis in (0, 1):
        places = [pixel[axis] for pixel in ink]
        if not places or max(places) - min(places) >= 20:
            return False
        centre = Fraction(sum(pixel[axis] * pixel[2] for pixel in ink), mass)
        if abs(centre - 14) > Fraction(55, 100):
            return False
    return True


def centre_of_mass(image: Pixels) -> tuple[float, float]:
    """Return row and column of an image's centre of mass, by SciPy."""
    row, column = ndimage.center_of_mass(image.astype(float))
    return float(row), float(column)


def box_of(image: Pixels) -> tuple[int, int]:
    """Return rows and columns that an image's ink takes, by SciPy."""
    [(rows, columns)] = ndimage.find_objects((image > 0).astype(int))
    return rows.stop - rows.start, columns.stop - columns.start


# The predicate


@pytest.mark.usefixtures("both_codes")
def test_a_black_image_has_no_form() -> None:
    """There is no ink, so no centre."""
    assert not formed(np.zeros((28, 28), np.uint8))


@pytest.mark.usefixtures("both_codes")
@pytest.mark.parametrize("grey", [1, 255])
@pytest.mark.parametrize(
    ("place", "expected"), [((14, 14), True), ((13, 14), False), ((14, 15), False)]
)
def test_a_single_pixel_is_in_form_at_the_centre(
    place: tuple[int, int], expected: bool, grey: int
) -> None:
    """The centre is the pixel (14, 14), counted from 0, however faint the ink."""
    assert formed(image_of({place: grey})) == expected


@pytest.mark.usefixtures("both_codes")
@pytest.mark.parametrize(
    ("share", "expected"), [(0, True), (50, True), (55, True), (56, False), (60, False)]
)
@pytest.mark.parametrize("beside", [(13, 14), (15, 14), (14, 13), (14, 15)])
def test_the_centre_may_be_off_by_little_more_than_half_a_pixel(
    beside: tuple[int, int], share: int, expected: bool
) -> None:
    """Up, down, left and right: two pixels, of which the outer has `share` of 100 of the ink."""
    assert formed(image_of({(14, 14): 100 - share, beside: share})) == expected


@pytest.mark.usefixtures("both_codes")
@pytest.mark.parametrize(("side", "expected"), [(19, True), (20, True), (21, False)])
@pytest.mark.parametrize("upright", [True, False])
def test_the_box_is_of_20_pixels_at_most(side: int, expected: bool, upright: bool) -> None:
    """A bar of one pixel's width around the centre; 20 pixels are half a pixel off."""
    image = np.zeros((28, 28), np.uint8)
    image[14 - side // 2 : 14 - side // 2 + side, 14] = 200
    assert formed(image if upright else image.T.copy()) == expected


@pytest.mark.usefixtures("both_codes")
@pytest.mark.parametrize(("first", "expected"), [(4, True), (3, False)])
def test_the_faintest_pixel_counts_for_the_box(first: int, expected: bool) -> None:
    """Ink is all that is not black, wherever the box lies: here from `first` to 23."""
    pixels = {(14, column): 255 for column in range(12, 17)}
    image = image_of(pixels | {(first, 14): 1, (23, 14): 1})
    assert formed(image) == expected
    assert formed(image.T.copy()) == expected


@pytest.mark.usefixtures("both_codes")
def test_box_and_centre_are_those_of_each_image_alone() -> None:
    """Of many at once, in order; of none, none."""
    black, centred = np.zeros((28, 28), np.uint8), image_of({(14, 14): 9})
    images = np.stack([centred, black, 255 - centred, DIGITS[0], np.roll(DIGITS[0], 2, axis=1)])
    assert in_mnist_form(images).tolist() == [True, False, False, True, False]
    assert in_mnist_form(images[:0]).tolist() == []


@st.composite
def near_the_limits(draw: st.DrawFn) -> Pixels:
    """Images whose ink is a few pixels around the centre, boxes of 18 to 22 among them."""
    image = np.zeros((28, 28), np.uint8)
    block = draw(arrays(np.uint8, (3, 3)))
    image[13:16, 13:16] = block
    pairs = st.tuples(st.integers(3, 25), st.integers(3, 25), st.integers(0, 255))
    for row, column, grey in draw(st.lists(pairs, max_size=5)):
        image[row, column] = grey
    return image


@pytest.mark.usefixtures("both_codes")
@settings(max_examples=300, deadline=None)
@given(near_the_limits() | arrays(np.uint8, (28, 28)))
@example(image_of({(14, 14): 9, (15, 14): 11}))  # exactly 0.55
@example(image_of({(4, 4): 1, (23, 23): 1, (14, 14): 250}))
def test_the_form_is_as_told_by_fractions(image: Pixels) -> None:
    """Whatever the image: a box of 20, a centre 0.55 off, counted one pixel at a time."""
    assert formed(image) == formed_by_hand(image)


@pytest.mark.usefixtures("both_codes")
def test_all_of_mnists_test_images_have_the_form(mnist_test_images: Pixels) -> None:
    """As Yann LeCun says; by fractions too."""
    assert in_mnist_form(mnist_test_images).all()
    assert all(map(formed_by_hand, mnist_test_images[:500]))


# All at once


def test_negatives_are_turned_round() -> None:
    """Exactly; the rest are as they were, and said to be so."""
    rest = np.stack([np.roll(DIGITS[0], 3, axis=0), 0 * DIGITS[0]])
    images, changed = inverted_or_cleaned(np.concatenate([255 - DIGITS, rest]))
    np.testing.assert_array_equal(images, np.concatenate([DIGITS, rest]))
    assert changed.tolist() == [True] * 50 + [False] * 2


@pytest.mark.parametrize("dark_ink", [False, True])
def test_a_ground_that_is_nearly_black_is_cleaned(dark_ink: bool) -> None:
    """Below a grey of 48, or above 207 where the ink is dark; no pixel of the ink is changed."""
    clean = np.where(DIGITS >= 48, DIGITS, np.uint8(0))
    clean = clean[[formed_by_hand(image) and max(box_of(image)) >= 19 for image in clean]]
    assert len(clean) > 40  # without their faint edges, some digits are off the centre
    ground = np.random.default_rng(0).integers(1, 48, clean.shape, np.uint8)
    dirty = np.where(clean > 0, clean, ground)
    images, changed = inverted_or_cleaned(255 - dirty if dark_ink else dirty)
    assert changed.all()
    np.testing.assert_array_equal(images, clean)


def test_a_ground_that_is_grey_is_not_cleaned() -> None:
    """From 48 on it may be ink: then more has to be done, and nothing is."""
    dirty = np.maximum(DIGITS, 48)
    images, changed = inverted_or_cleaned(dirty)
    assert not changed.any()
    np.testing.assert_array_equal(images, dirty)


@pytest.mark.parametrize(("side", "expected"), [(18, False), (19, True), (20, True), (21, False)])
def test_only_digits_of_mnists_size_are_cleaned(side: int, expected: bool) -> None:
    """A smaller one has to be found and enlarged, though its box and centre are in form."""
    image = np.full((1, 28, 28), 20, np.uint8)
    image[:, 14 - side // 2 : 14 - side // 2 + side, 14] = 200
    for picture in (image, 255 - image, image.transpose(0, 2, 1).copy()):
        _, changed = inverted_or_cleaned(picture)
        assert changed.tolist() == [expected]


def test_what_is_given_is_not_written_to() -> None:
    """Readers lend their buffers."""
    given_images = 255 - DIGITS
    given_images.flags.writeable = False
    inverted_or_cleaned(given_images)
    cleaned(given_images)


# Moved


@given(st.integers(0, 49), st.integers(-8, 8), st.integers(-8, 8))
@settings(deadline=None)
def test_a_moved_digit_comes_back(number: int, down: int, across: int) -> None:
    """Pixel for pixel, from wherever there is room for it."""
    digit = DIGITS[number]
    rows, columns = (np.flatnonzero(digit.any(axis=axis)) for axis in (1, 0))
    down = int(np.clip(down, -rows[0], 27 - rows[-1]))
    across = int(np.clip(across, -columns[0], 27 - columns[-1]))
    image = recentred(np.roll(digit, (down, across), axis=(0, 1)))
    assert image is not None
    np.testing.assert_array_equal(image, digit)


@pytest.mark.parametrize(("side", "expected"), [(18, False), (19, True), (20, True), (21, False)])
def test_only_digits_of_mnists_size_are_moved(side: int, expected: bool) -> None:
    """Whether the longer side is a row or a column."""
    image = np.zeros((28, 28), np.uint8)
    image[1 : 1 + side, 2] = 99
    for picture in (image, image.T.copy()):
        assert (recentred(picture) is not None) == expected


def test_a_black_image_is_not_moved() -> None:
    """There is nothing to be centred."""
    assert recentred(np.zeros((28, 28), np.uint8)) is None


def test_a_digit_without_room_at_its_centre_is_not_moved() -> None:
    """All ink at the top and one pixel 19 rows below: that would lie outside of the image."""
    image = np.zeros((28, 28), np.uint8)
    image[0, :5] = 255
    image[19, 2] = 1
    assert recentred(image) is None
    assert recentred(image[::-1].copy()) is None


# Fitted


def test_the_longer_side_fills_the_box() -> None:
    """Proportions are kept: a stroke of 100x10 becomes one of 20x2, and no thick block."""
    for shape, expected in (((100, 10), (20, 2)), ((30, 60), (10, 20)), ((7, 7), (20, 20))):
        image = fitted(np.ones(shape, np.float32))
        assert box_of(image) == expected
        assert image.max() == 255
        assert set(np.unique(image)) == {0, 255}


def test_the_thinnest_stroke_keeps_a_pixel() -> None:
    """A line a hundred times as long as wide does not vanish."""
    assert box_of(fitted(np.ones((200, 1), np.float32))) == (20, 1)


def test_ground_beside_the_digit_does_not_count() -> None:
    """What is faint lies outside of the box: ink from 0.3 on is the digit's."""
    ink = np.full((60, 80), 0.3, np.float32)
    ink[20:50, 10:20] = 1
    assert box_of(fitted(ink)) == (20, 7)  # 30x10


def test_shrinking_is_by_area() -> None:
    """A pixel is the mean of what lay in it, and white at the whitest."""
    ink = np.random.default_rng(0).random((60, 60)).astype(np.float32)
    ink[[0, -1]], ink[:, [0, -1]] = 1, 1
    means = ink.reshape(20, 3, 20, 3).mean(axis=(1, 3))
    image = fitted(ink)
    rows, columns = (np.flatnonzero(image.any(axis=axis)) for axis in (1, 0))
    found = image[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].astype(float)
    assert np.abs(found - 255 * means / means.max()).max() <= 0.51


def test_what_would_be_all_but_black_is_black() -> None:
    """Below a grey of 8, as nearly all of MNIST's ground is."""
    ink = np.zeros((20, 20), np.float32)
    ink[:, [0, 19]] = 1
    ink[:, 6], ink[:, 13] = 7.4 / 255, 7.6 / 255
    image = fitted(ink)
    assert set(np.unique(image)) == {0, 8, 255}


def test_the_centre_of_mass_is_the_images() -> None:
    """Within half a pixel of (14, 14), by SciPy."""
    for seed in range(20):
        large = np.kron(draw_digit(seed % 10, np.random.default_rng(seed)), np.ones((5, 5)))
        assert centre_of_mass(fitted((large / 255).astype(np.float32))) == pytest.approx(
            (14, 14), abs=0.5 + 1e-9
        )


def test_a_digit_heavy_at_one_end_gets_a_smaller_box() -> None:
    """Else its light end would lie outside of the image: a T of 90 % bar, the foot faint."""
    ink = np.zeros((100, 100), np.float32)
    ink[:15] = 1
    ink[:, 48:52] = 0.31
    image = fitted(ink)
    rows, columns = box_of(image)
    assert rows == columns
    assert 14 <= rows < 20
    assert formed_by_hand(image)


@st.composite
def inks(draw: st.DrawFn) -> NDArray[np.float32]:
    """Digits that are not empty: a few strokes of any strength from 0 to 1."""
    rows, columns = draw(st.integers(1, 60)), draw(st.integers(1, 60))
    ink = np.zeros((rows, columns), np.float32)
    strokes = st.tuples(*[st.floats(0, 1, width=32)] * 5)
    for top, left, bottom, right, strength in draw(st.lists(strokes, min_size=1, max_size=6)):
        first, last = sorted((int(top * (rows - 1)), int(bottom * (rows - 1))))
        west, east = sorted((int(left * (columns - 1)), int(right * (columns - 1))))
        ink[first : last + 1, west : east + 1] = strength
    ink[rows // 2, columns // 2] = 1
    return ink


@settings(max_examples=300, deadline=None)
@given(inks())
def test_whatever_is_fitted_has_mnists_form(ink: NDArray[np.float32]) -> None:
    """For any digit there is a box in which it can be centred."""
    image = fitted(ink)
    assert image.dtype == np.uint8
    assert formed_by_hand(image)
    assert image.max() == 255
    assert not np.any((image > 0) & (image < 8))
