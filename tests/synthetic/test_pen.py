"""The simulated pen: its ways of writing, and the places that it passes."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.synthetic import pen

DIGITS = st.integers(0, 9)
SEEDS = st.integers(0, 2**64)


def test_every_digit_has_several_ways_of_writing() -> None:
    """There are at least three ways of writing each of the ten digits."""
    assert sorted(pen.STROKES) == list(range(10))
    assert min(map(len, pen.STROKES.values())) >= 3


@pytest.mark.parametrize("digit", [-1, 10])
def test_what_is_no_digit_is_refused(digit: int) -> None:
    """A digit outside 0 to 9 is an error that names it."""
    with pytest.raises(ValueError, match=f"digit must be 0 to 9, got {digit}"):
        pen.choose_way(digit, np.random.default_rng(0), density=40)


def test_chance_chooses_among_all_ways() -> None:
    """A hundred choices leave none out."""
    ways = {pen.choose_way(7, np.random.default_rng(i), density=40) for i in range(100)}
    assert len(ways) == len(pen.STROKES[7])


@given(digit=DIGITS, seed=SEEDS, density=st.sampled_from([40, 100]))
def test_strokes_pass_their_points(digit: int, seed: int, density: int) -> None:
    """Each stroke begins and ends at points of the way, and passes all of its own in order."""
    way = pen.choose_way(digit, np.random.default_rng(seed), density=density)
    strokes = np.split(way.weights @ way.points, way.lifts)
    texts = [
        text.split(" / ")
        for text in pen.STROKES[digit].values()
        if {*text.split()} - {"/"} == {f"{x:.0f},{y:.0f}" for x, y in 100 * way.points}
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
    way = pen.choose_way(digit, np.random.default_rng(seed), density=100)
    for stroke in np.split(way.weights @ way.points, way.lifts):
        steps = np.hypot(*np.diff(stroke, axis=0).T)
        assert steps.mean() == pytest.approx(0.01, rel=0.25)
        assert steps.max() < 0.02


def test_halfway_between_two_points_the_spline_is_where_its_formula_says() -> None:
    """Catmull and Rom: (-a + 9b + 9c - d) / 16, here for the last half of a bowed 1."""
    ways = [pen.choose_way(1, np.random.default_rng(i), density=100) for i in range(50)]
    bowed = next(way for way in ways if len(way.points) == 3)
    path = 100 * bowed.weights @ bowed.points
    halfway = (-np.array([47, 0]) + 9 * np.array([53, 45]) + 8 * np.array([50, 100])) / 16
    assert np.hypot(*(path - halfway).T).min() < 0.5  # places are 1 apart


@settings(max_examples=200)
@given(digit=DIGITS, seed=SEEDS)
def test_what_is_joined_stays_joined(digit: int, seed: int) -> None:
    """However a hand moves the path, its neighbouring places stay neighbours."""
    rng = np.random.default_rng(seed)
    way = pen.choose_way(digit, rng, density=100)
    for stroke in np.split(way.written(rng), way.lifts):
        assert np.hypot(*np.diff(stroke, axis=0).T).max() < 0.08


@given(seed=SEEDS, count=st.integers(1, 500))
def test_pressure_is_near_one(seed: int, count: int) -> None:
    """A pen is pressed up and down by 15 % at most."""
    widths = pen.pressure(count, np.random.default_rng(seed))
    assert widths.shape == (count,)
    assert ((widths >= 0.85) & (widths <= 1.15)).all()
