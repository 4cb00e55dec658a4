"""Digits are drawn in ways that MNIST hardly has, in MNIST form."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.preprocessing.mnist_form import in_mnist_form
from mnist_batch.synthetic.pen import STROKES
from mnist_batch.training.styles import STYLES, draw_style, draw_styles

WAYS = [(digit, name) for digit, styles in STYLES.items() for name in styles]


def structure(text: str) -> list[int | str]:
    """Return the points of a glyph by the order in which they first appear, and its lifts."""
    seen: dict[str, int] = {}
    return [word if word == "/" else seen.setdefault(word, len(seen)) for word in text.split()]


def holes(digit: int, name: str, seed: int) -> int:
    """Return how many pieces of background the strokes enclose."""
    image = draw_style(STYLES[digit][name], np.random.default_rng(seed))
    background = np.pad(image, 1) < 100
    return int(cv2.connectedComponents(background.astype(np.uint8), connectivity=4)[0]) - 2


@pytest.mark.parametrize(("digit", "name"), WAYS)
def test_hands_lie_between_two_glyphs_of_the_same_points(digit: int, name: str) -> None:
    """Else what is between them would be no digit."""
    one, other = STYLES[digit][name]
    assert structure(one) == structure(other)


def test_each_digit_is_drawn_in_ways_that_generate_does_not_draw() -> None:
    """What `generate` draws stays a test of what was learned."""
    assert list(STYLES) == list(range(10))
    assert min(map(len, STYLES.values())) >= 4
    ours = {text for styles in STYLES.values() for style in styles.values() for text in style}
    assert ours.isdisjoint(text for glyphs in STROKES.values() for text in glyphs.values())


@given(seed=st.integers(0, 2**32 - 1))
@settings(max_examples=20, deadline=None)
def test_they_are_in_mnist_form(seed: int) -> None:
    """As are all pictures that `predict` prepares."""
    images, labels = draw_styles(30, seed)
    assert images.shape == (30, 28, 28)
    assert images.dtype == np.uint8
    assert labels.tolist() == [*range(10)] * 3
    assert in_mnist_form(images).all()


def test_an_image_depends_on_seed_and_place_alone() -> None:
    """However many are drawn."""
    many, _ = draw_styles(40, 3)
    few, _ = draw_styles(15, 3)
    other, _ = draw_styles(15, 4)
    assert np.array_equal(many[:15], few)
    assert not any(map(np.array_equal, few, other))


def test_none_are_drawn_for_no_rows() -> None:
    """As where there is too little to learn from."""
    images, labels = draw_styles(0, 0)
    assert images.shape == (0, 28, 28)
    assert len(labels) == 0


@pytest.mark.parametrize(
    ("digit", "name", "expected"),
    [
        (0, "square", 1),
        (0, "slashed", 2),
        (4, "triangle", 1),
        (8, "two circles", 2),
        (7, "hook", 0),
    ],
)
def test_the_strokes_are_those_of_the_digit(digit: int, name: str, expected: int) -> None:
    """Counted by what they enclose, in most hands: thick pens close holes, as on paper."""
    counts = [holes(digit, name, seed) for seed in range(40)]
    assert counts.count(expected) > 25


def test_stroke_widths_differ() -> None:
    """From thin pens to thick ones, by half and more: the ink varies with them."""
    ink = [
        float(draw_style(STYLES[6]["curl"], np.random.default_rng(seed)).mean())
        for seed in range(60)
    ]
    assert np.quantile(ink, 0.9) > 1.5 * np.quantile(ink, 0.1)
