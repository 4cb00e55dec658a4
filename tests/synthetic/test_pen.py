"""The simulated pen: its glyphs, and the places that it passes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.synthetic import pen

DIGITS = st.integers(0, 9)
SEEDS = st.integers(0, 2**64)


def test_every_digit_has_several_glyphs() -> None:
    """There are at least three glyphs of each of the ten digits."""
    assert sorted(pen.STROKES) == list(range(10))
    assert min(map(len, pen.STROKES.values())) >= 3


@pytest.mark.parametrize("digit", [-1, 10])
def test_what_is_no_digit_is_refused(digit: int) -> None:
    """A digit outside 0 to 9 is an error that names it."""
    with pytest.raises(ValueError, match=f"digit must be 0 to 9, got {digit}"):
        pen.choose_glyph(digit, np.random.default_rng(0), density=40)


def test_glyphs_are_chosen_among_all() -> None:
    """A hundred choices leave none out."""
    glyphs = {pen.choose_glyph(7, np.random.default_rng(i), density=40) for i in range(100)}
    assert len(glyphs) == len(pen.STROKES[7])


@given(digit=DIGITS, seed=SEEDS, density=st.sampled_from([40, 100]))
def test_strokes_pass_their_points(digit: int, seed: int, density: int) -> None:
    """Each stroke begins and ends at points of the glyph, and passes all of its own in order."""
    glyph = pen.choose_glyph(digit, np.random.default_rng(seed), density=density)
    strokes = np.split(glyph.weights @ glyph.points, glyph.lifts)
    texts = [
        text.split(" / ")
        for text in pen.STROKES[digit].values()
        if {*text.split()} - {"/"} == {f"{x:.0f},{y:.0f}" for x, y in 100 * glyph.points}
    ]
    assert len(texts) == 1
    for stroke, text in zip(strokes, texts[0], strict=True):
        points = [np.array([int(number) for number in name.split(",")]) for name in text.split()]
        np.testing.assert_allclose(100 * stroke[[0, -1]], [points[0], points[-1]], atol=1e-9)
        nearest = [np.hypot(*(100 * stroke - point).T) for point in points[1:-1]]
        assert all(distances.min() < 1e-9 for distances in nearest)


@given(digit=DIGITS, seed=SEEDS)
def test_places_of_a_stroke_are_as_dense_as_asked(digit: int, seed: int) -> None:
    """Neighbours are a hundredth of the square apart on the average, and never twice that."""
    glyph = pen.choose_glyph(digit, np.random.default_rng(seed), density=100)
    for stroke in np.split(glyph.weights @ glyph.points, glyph.lifts):
        steps = np.hypot(*np.diff(stroke, axis=0).T)
        assert steps.mean() == pytest.approx(0.01, rel=0.25)
        assert steps.max() < 0.02


def test_halfway_between_two_points_the_spline_is_where_its_formula_says() -> None:
    """Catmull and Rom: (-a + 9b + 9c - d) / 16, here for the last half of a bowed 1."""
    glyphs = [pen.choose_glyph(1, np.random.default_rng(i), density=100) for i in range(50)]
    bowed = next(glyph for glyph in glyphs if len(glyph.points) == 3)
    path = 100 * bowed.weights @ bowed.points
    halfway = (-np.array([47, 0]) + 9 * np.array([53, 45]) + 8 * np.array([50, 100])) / 16
    assert np.hypot(*(path - halfway).T).min() < 0.5  # places are 1 apart


@settings(max_examples=200)
@given(digit=DIGITS, seed=SEEDS)
def test_what_is_joined_stays_joined(digit: int, seed: int) -> None:
    """However a hand moves the path, its neighbouring places stay neighbours."""
    rng = np.random.default_rng(seed)
    glyph = pen.choose_glyph(digit, rng, density=100)
    for stroke in np.split(glyph.written(rng), glyph.lifts):
        assert np.hypot(*np.diff(stroke, axis=0).T).max() < 0.08


@given(seed=SEEDS, count=st.integers(1, 500))
def test_pressure_is_near_one(seed: int, count: int) -> None:
    """A pen is pressed up and down by 15 % at most."""
    widths = pen.pressure(count, np.random.default_rng(seed))
    assert widths.shape == (count,)
    assert ((widths >= 0.85) & (widths <= 1.15)).all()
