"""Tests of how far two runs' inputs are from each other."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2

from mnist_batch.evaluation.drift.distance import (
    LEAST_EFFECT,
    PERMUTATIONS,
    drift_of,
    input_drift,
    jensen_shannon,
)
from mnist_batch.evaluation.input_profile import InputProfile

_COUNTS = st.lists(st.integers(0, 10**6), min_size=4, max_size=4).filter(any)


def _profile(**changed: object) -> InputProfile:
    known = {
        "rows": 100,
        "predictions": (10,) * 10,
        "prepared": 0,
        "confidence": (0,) * 19 + (100,),
        "ink": (5,) * 20,
        "size": (100, *(0,) * 15),
        "mean_confidence": 0.99,
    }
    return InputProfile(**(known | changed))  # type: ignore[arg-type]


@given(_COUNTS, _COUNTS)
def test_the_distance_is_scipys(counts: list[int], others: list[int]) -> None:
    """The distance is that of `scipy.spatial.distance.jensenshannon` with base 2."""
    distance = jensen_shannon(np.array([counts]), np.array([others]))[0]
    expected = jensenshannon(counts, others, base=2)
    # SciPy lets rounding take the divergence below 0, whose root is no number.
    assert distance == pytest.approx(0.0 if math.isnan(expected) else expected, abs=1e-7)


@given(_COUNTS, _COUNTS)
def test_the_distance_is_the_same_both_ways(counts: list[int], others: list[int]) -> None:
    """The distance is 0 to 1, the same both ways, and 0 from counts in the same proportions."""
    one, other = np.array([counts]), np.array([others])
    distance = jensen_shannon(one, other)[0]
    assert 0 <= distance <= 1
    assert distance == pytest.approx(jensen_shannon(other, one)[0], abs=1e-7)
    assert jensen_shannon(one, 3 * one)[0] == pytest.approx(0, abs=1e-7)


def test_nothing_in_common_has_a_distance_of_one() -> None:
    """Two distributions without a bin in common have a distance of 1 bit."""
    assert drift_of((5, 0), (0, 7)).distance == 1


@pytest.mark.parametrize(("rows", "others"), [(2_000, 2_000), (50_000, 1_000), (10**6, 10**6)])
def test_the_band_is_that_of_the_limit(rows: int, others: int) -> None:
    """With many rows in each bin the band is that of the chi-square distribution.

    The divergence of two samples is then (1/n + 1/m) / (8 ln 2) bits times a chi-square of one
    degree of freedom less than bins: S. S. Wilks, "The large-sample distribution of the likelihood
    ratio", Annals of Mathematical Statistics 9 (1938), to second order.
    """
    bins = 10
    band = drift_of((rows // bins,) * bins, (others // bins,) * bins).band
    quantile = chi2(bins - 1).isf(1 / (PERMUTATIONS + 1))
    expected = math.sqrt((1 / rows + 1 / others) * quantile / (8 * math.log(2)))
    # The largest of so many draws, not the quantile itself.
    assert band == pytest.approx(expected, rel=0.12)


def test_samples_of_one_distribution_are_within_the_band() -> None:
    """Of 2,000 pairs of samples with rare bins fewer leave the band than 2,000 / 2,500 explains.

    The expected number is below 1; more than 5 has a probability below 1 in 1,000.
    """
    rng = np.random.default_rng(5)
    shares = np.array([0.002, 0.003, 0.005, 0.02, 0.97])
    pairs = rng.multinomial(300, shares, size=(2_000, 2))
    far = [drift for one, other in pairs if (drift := drift_of(one, other)).distance > drift.band]
    assert len(far) <= 5


def test_a_real_change_leaves_the_band() -> None:
    """One digit of ten from 10 to 25 % of 1,000 rows is far; a millionth of a million is not."""
    even = (100,) * 10
    assert drift_of((250, *(83,) * 9), even).is_far
    assert not drift_of(tuple(10_000 * count for count in (101, *(100,) * 9)), even).is_far


def test_a_small_change_is_not_far_however_many_rows_show_it() -> None:
    """A change beyond chance, but below the least effect, is not far."""
    drift = drift_of((10_500_000, 9_500_000), (10_000_000, 10_000_000))
    assert drift.band < drift.distance < LEAST_EFFECT
    assert not drift.is_far


def test_a_few_rows_are_never_far() -> None:
    """Three rows that differ in all from three others are within chance."""
    assert not drift_of((3, 0), (0, 3)).is_far


def test_the_same_counts_have_the_same_band() -> None:
    """The permutations have a fixed seed, so a night compared again says the same."""
    assert drift_of((30, 70), (40, 60)) == drift_of((30, 70), (40, 60))


def test_more_rows_than_can_be_drawn_have_a_band() -> None:
    """A billion rows a run are within what is computed."""
    drift = drift_of((2 * 10**9, 10**9), (10**9, 10**9))
    assert 0 < drift.band < 1e-3 < drift.distance


@settings(max_examples=20)
@given(st.lists(st.integers(0, 50), min_size=3, max_size=3).filter(any))
def test_equal_counts_are_never_far(counts: list[int]) -> None:
    """Equal counts have a distance of 0."""
    drift = drift_of(counts, counts)
    assert drift.distance == 0
    assert not drift.is_far


def test_each_feature_that_both_know_has_a_drift() -> None:
    """A feature that one of the runs does not know is left out."""
    everything = input_drift(_profile(), _profile())
    assert list(everything) == ["predictions", "confidence", "prepared", "ink", "size"]
    assert {drift.distance for drift in everything.values()} == {0}
    known = input_drift(_profile(ink=None, size=None), _profile(confidence=None))
    assert list(known) == ["predictions", "prepared"]


def test_a_feature_in_other_bins_is_left_out() -> None:
    """Another release may have counted in other bins."""
    assert "ink" not in input_drift(_profile(), _profile(ink=(10,) * 10))


def test_a_run_without_predictions_has_no_drift() -> None:
    """Without a row there is no distribution."""
    nothing = _profile(rows=0, predictions=(0,) * 10, confidence=(0,) * 20, ink=None, size=None)
    assert input_drift(nothing, _profile()) == {}


def test_the_prepared_are_held_against_the_others() -> None:
    """The feature `prepared` has two bins: prepared images, and all others."""
    drift = input_drift(_profile(prepared=100), _profile(prepared=0))["prepared"]
    assert drift.distance == 1
    assert drift.is_far
