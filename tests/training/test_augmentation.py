"""What is changed at random stays an image, and moves where the geometry says."""

from collections.abc import Callable

import numpy as np
import pytest
import scipy.ndimage
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_batch.synthetic.generator import draw_digits
from mnist_batch.training.augmentation import (
    Augmentation,
    augmented,
    augmented_batches,
    inverse_affine,
    transformed,
    with_stroke_width,
)

NOTHING = Augmentation(rotation_degrees=0, shear=0, zoom=0, shift_pixels=0, stroke=0)
FAR = Augmentation(rotation_degrees=180, shear=1, zoom=1, shift_pixels=9, stroke=1)

DIGITS, LABELS = draw_digits(40, seed=3)
ONE_HOT = np.eye(10, dtype=np.float32)[LABELS]

UNMOVED = {"rotation": 0, "shear": 0, "width": 1, "height": 1, "right": 0, "down": 0}


def dot(row: int, column: int) -> NDArray[np.float32]:
    """Return a black image float32 (28, 28) with one white pixel."""
    image = np.zeros((28, 28), np.float32)
    image[row, column] = 1
    return image


def moved(image: NDArray[np.float32], **amounts: float) -> NDArray[np.float32]:
    """Return an image changed by certain amounts."""
    given_amounts = {name: tf.constant([value], tf.float32) for name, value in amounts.items()}
    rest = {name: tf.constant([value], tf.float32) for name, value in UNMOVED.items()}
    matrices = inverse_affine(**{**rest, **given_amounts})
    result: NDArray[np.float32] = transformed(tf.constant(image[None]), matrices).numpy()[0]
    return result


def changed(
    images: NDArray[np.uint8], augmentation: Augmentation, seed: int = 0
) -> NDArray[np.float32]:
    """Return images changed at random."""
    key = tf.constant([seed, 0], tf.int64)
    result: NDArray[np.float32] = augmented(tf.constant(images), augmentation, key).numpy()
    return result


def batches_of(
    augmentation: Augmentation = NOTHING,
    *,
    images: NDArray[np.uint8] = DIGITS,
    targets: NDArray[np.float32] = ONE_HOT,
    batch_size: int = 16,
    epochs: int = 1,
    seed: int = 0,
) -> list[tuple[NDArray[np.float32], NDArray[np.float32]]]:
    """Return all batches of all epochs, as an unseeded process would make them."""
    tf.random.set_seed(0)
    batches = augmented_batches(
        images, targets, augmentation, batch_size=batch_size, epochs=epochs, seed=seed
    )
    return list(batches.as_numpy_iterator())


def spot(image: NDArray[np.float32]) -> tuple[float, float]:
    """Return the centre of mass as (row, column), in pixel indices."""
    row, column = scipy.ndimage.center_of_mass(image)
    return float(row), float(column)


def test_without_limits_nothing_changes() -> None:
    """Each pixel is the original's, divided by 255, to the last bit."""
    expected = DIGITS.astype(np.float32) / np.float32(255)
    np.testing.assert_array_equal(changed(DIGITS, NOTHING), expected)


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=15)
def test_changed_images_are_images(seed: int) -> None:
    """However far: float32 of the same shape, from 0 to 1."""
    images = changed(DIGITS, FAR, seed)
    assert images.shape == DIGITS.shape
    assert images.dtype == np.float32
    assert images.min() >= 0
    assert images.max() <= 1


def test_the_same_seed_changes_images_the_same() -> None:
    """And another one otherwise."""
    first = changed(DIGITS, FAR, 7)
    np.testing.assert_array_equal(first, changed(DIGITS, FAR, 7))
    assert not np.array_equal(first, changed(DIGITS, FAR, 8))


def test_each_image_is_changed_by_its_own_amounts() -> None:
    """Forty times the same digit become forty images."""
    images = changed(np.repeat(DIGITS[:1], 40, axis=0), Augmentation())
    assert len(np.unique(images.reshape(40, -1), axis=0)) == 40


@pytest.mark.parametrize(
    ("amounts", "start", "end"),
    [
        ({"rotation": np.pi / 2}, (14, 19), (9, 14)),  # against the clock: from right to above
        ({"rotation": -np.pi / 2}, (14, 19), (19, 14)),
        ({"shear": 0.5}, (10, 14), (10, 16)),  # four above the centre: two to the right
        ({"shear": 0.5}, (18, 14), (18, 12)),
        ({"width": 2}, (14, 18), (14, 22)),
        ({"width": 0.5}, (14, 18), (14, 16)),
        ({"height": 2}, (11, 14), (8, 14)),
        ({"right": 3}, (14, 14), (14, 17)),
        ({"down": 3}, (14, 14), (17, 14)),
        ({"rotation": np.pi / 2, "right": 3}, (14, 19), (9, 17)),  # turned before it is moved
        ({"rotation": np.pi / 2, "width": 2}, (14, 19), (9, 14)),  # and before it is zoomed
        ({"rotation": np.pi / 2, "height": 2}, (14, 19), (4, 14)),
        ({"rotation": np.pi / 2, "shear": 0.4}, (14, 19), (9, 16)),  # and before it is sheared
        ({"width": 2, "right": 3}, (14, 18), (14, 25)),  # zoomed before it is moved
        ({"shear": 0.5, "width": 2}, (10, 14), (10, 18)),  # sheared before it is zoomed
    ],
)
def test_a_dot_moves_where_the_geometry_says(
    amounts: dict[str, float], start: tuple[int, int], end: tuple[int, int]
) -> None:
    """By hand, about (14, 14)."""
    image = moved(dot(*start), **amounts)
    assert image[end] == pytest.approx(1, abs=1e-5)
    assert divmod(int(image.argmax()), 28) == end


@pytest.mark.parametrize("amounts", [{"rotation": 1}, {"shear": 0.7}, {"width": 3, "height": 0.4}])
def test_the_centre_stays(amounts: dict[str, float]) -> None:
    """Where MNIST's images have their centre of mass."""
    assert moved(dot(14, 14), **amounts)[14, 14] == pytest.approx(1, abs=1e-5)


@given(
    rotation=st.floats(-3, 3),
    shear=st.floats(-0.5, 0.5),
    width=st.floats(0.6, 1.6),
    height=st.floats(0.6, 1.6),
    right=st.floats(-4, 4),
    down=st.floats(-4, 4),
)
@settings(max_examples=25)
def test_all_changes_together_are_scipys(
    rotation: float, shear: float, width: float, height: float, right: float, down: float
) -> None:
    """The forward matrices multiplied in order, inverted by NumPy, interpolated by SciPy."""
    sin, cos = np.sin(rotation), np.cos(rotation)
    # Forward, on (row, column): up is minus, so against the clock a column goes to minus a row.
    turn = np.array([[cos, -sin], [sin, cos]])
    slant = np.array([[1, 0], [-shear, 1]])
    zoom = np.diag([height, width])
    inverse = np.linalg.inv(zoom @ slant @ turn)
    offset = np.array([14, 14]) - inverse @ (np.array([14, 14]) + np.array([down, right]))
    digit = DIGITS[8].astype(np.float32) / 255
    expected = scipy.ndimage.affine_transform(
        digit, inverse, offset=offset, order=1, mode="grid-constant"
    )
    ours = moved(
        digit,
        rotation=rotation,
        shear=shear,
        width=width,
        height=height,
        right=right,
        down=down,
    )
    np.testing.assert_allclose(ours, expected, atol=1e-3)


def test_what_leaves_the_image_is_gone() -> None:
    """And what comes in is black."""
    assert not moved(np.ones((28, 28), np.float32), right=30).any()


def test_a_stroke_grows_by_a_pixel_on_each_side() -> None:
    """By a share of it: the pixels around it are that bright."""
    grown = with_stroke_width(tf.constant(dot(10, 10)[None]), tf.constant([0.25])).numpy()[0]
    expected = np.zeros((28, 28))
    expected[9:12, 9:12] = 0.25
    expected[10, 10] = 1
    np.testing.assert_allclose(grown, expected)


def test_a_stroke_shrinks_by_a_pixel_on_each_side() -> None:
    """By a share of it: of 3x3 pixels the middle stays."""
    block = np.zeros((28, 28), np.float32)
    block[9:12, 9:12] = 1
    shrunk = with_stroke_width(tf.constant(block[None]), tf.constant([-0.75])).numpy()[0]
    expected = 0.25 * block
    expected[10, 10] = 1
    np.testing.assert_allclose(shrunk, expected)


def test_a_stroke_at_the_edge_shrinks_on_its_inner_side_only() -> None:
    """What lies outside is unknown; it is not taken for black."""
    white = np.ones((1, 28, 28), np.float32)
    np.testing.assert_array_equal(with_stroke_width(tf.constant(white), tf.constant([-1.0])), white)


@pytest.mark.parametrize("limit", ["rotation_degrees", "shear", "zoom", "shift_pixels"])
def test_amounts_fill_the_range_to_their_limit(limit: str) -> None:
    """Both ways and not beyond, as 500 images tell; worked out from where a block ends up."""
    amount = {"rotation_degrees": 30.0, "shear": 0.5, "zoom": 0.4, "shift_pixels": 3.0}[limit]
    row, column = (8, 14) if limit == "shear" else (14, 20)
    block = np.zeros((28, 28), np.uint8)
    block[row - 2 : row + 3, column - 2 : column + 3] = 255
    images = changed(np.stack([block] * 500), Augmentation(**{**vars(NOTHING), limit: amount}))
    down, right = (np.array([spot(image) for image in images]) - 14).T
    found: dict[str, Callable[[], NDArray[np.float64]]] = {
        "rotation_degrees": lambda: np.degrees(np.arctan2(-down, right)),
        "shear": lambda: right / 6,
        "zoom": lambda: np.log(right / 6),
        "shift_pixels": lambda: right - 6,
    }
    amounts = found[limit]()
    # Cut into pixels, a block has its centre of mass a little beside.
    assert amounts.max() == pytest.approx(amount, rel=0.08)
    assert amounts.min() == pytest.approx(-amount, rel=0.08)
    assert abs(amounts.mean()) < amount / 8


def test_strokes_grow_and_shrink_to_their_limit() -> None:
    """The brightness beside a dot is how much it grew; its own, how much is left of it."""
    images = np.repeat((dot(10, 10) * 255).astype(np.uint8)[None], 500, axis=0)
    strokes = changed(images, Augmentation(**{**vars(NOTHING), "stroke": 0.5}))
    assert strokes[:, 10, 11].max() == pytest.approx(0.5, abs=0.01)
    assert strokes[:, 10, 10].min() == pytest.approx(0.5, abs=0.01)
    assert 200 < (strokes[:, 10, 11] > 0).sum() < 300


def test_strokes_are_drawn_apart_from_what_moves() -> None:
    """Else all that is moved down would be thick."""
    images = np.repeat((dot(14, 14) * 255).astype(np.uint8)[None], 200, axis=0)
    strokes = changed(images, Augmentation(**{**vars(NOTHING), "stroke": 1, "shift_pixels": 5}))
    mass = strokes.sum(axis=(1, 2))
    for profile in (strokes.sum(axis=2), strokes.sum(axis=1)):
        assert abs(np.corrcoef(profile.argmax(axis=1), mass)[0, 1]) < 0.3


def test_width_and_height_are_drawn_apart() -> None:
    """So are the ways across and down."""
    images = np.repeat((dot(20, 20) * 255).astype(np.uint8)[None], 200, axis=0)
    for limit, amount in (("zoom", 0.4), ("shift_pixels", 3.0)):
        moved_images = changed(images, Augmentation(**{**vars(NOTHING), limit: amount}))
        spots = np.array([spot(image) for image in moved_images])
        assert abs(np.corrcoef(spots.T)[0, 1]) < 0.3


@pytest.mark.parametrize("limit", [-0.1, np.nan, np.inf])
def test_a_limit_below_zero_is_refused(limit: float) -> None:
    """So is one that is no number."""
    with pytest.raises(ValueError, match=r"zoom must be at least 0, got"):
        Augmentation(zoom=limit)


def test_each_epoch_has_every_row_once() -> None:
    """With its own target, whatever the order; the last batch is what is left over."""
    pairs = batches_of(epochs=3)
    assert [len(inputs) for inputs, _ in pairs] == [16, 16, 8] * 3
    expected = np.hstack([DIGITS.reshape(40, 784).astype(np.float32) / np.float32(255), ONE_HOT])
    for epoch in range(3):
        found = np.vstack([np.hstack(pair) for pair in pairs[3 * epoch : 3 * epoch + 3]])
        np.testing.assert_array_equal(np.sort(found, axis=0), np.sort(expected, axis=0))
        assert {row.tobytes() for row in found} == {row.tobytes() for row in expected}


def test_each_epoch_has_its_own_order_and_its_own_changes() -> None:
    """A network sees no image twice."""
    (first, _), (second, _) = batches_of(batch_size=40, epochs=2)
    assert not np.array_equal(first, second)
    images = np.repeat(DIGITS[:1], 40, axis=0)
    pairs = batches_of(FAR, images=images, batch_size=20, epochs=2)
    seen = np.vstack([inputs for inputs, _ in pairs])
    assert len(np.unique(seen, axis=0)) == 80


def test_the_same_seed_gives_the_same_batches() -> None:
    """To the last bit, though several threads work on them; another seed gives others.

    It has rows in another order, and changes the same image in other ways.
    """
    one_image = np.repeat(DIGITS[:1], 40, axis=0)
    for images, augmentation in ((DIGITS, NOTHING), (one_image, FAR)):
        first, again, other = (
            np.vstack([inputs for inputs, _ in batches_of(augmentation, images=images, seed=seed)])
            for seed in (2**32 - 1, 2**32 - 1, 5)
        )
        np.testing.assert_array_equal(first, again)
        assert not np.array_equal(first, other)
