"""Ratios of times with their intervals, beside SciPy's."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from mnist_batch.tuning.ratios import RatioInterval, Verdict, ratio_interval, student_quantile

# Whole hundredths: they are equal, or differ by more than rounding can hide from SciPy.
SECONDS = st.integers(1, 10_000).map(lambda hundredths: hundredths / 100)
ROUNDS = st.lists(SECONDS, min_size=2, max_size=9)

ignores_equal_numbers = pytest.mark.filterwarnings("ignore:Precision loss:RuntimeWarning")


@given(st.floats(0.5, 0.99999), st.integers(1, 60))
def test_the_quantile_is_students(confidence: float, freedom: int) -> None:
    """As SciPy computes it, for one round more than the smallest number and for many."""
    expected = stats.t.ppf((1 + confidence) / 2, freedom)
    assert student_quantile(confidence, freedom) == pytest.approx(expected, rel=1e-6)


def test_the_ratio_is_that_of_the_geometric_means() -> None:
    """Of 1 and 4 seconds, which are 2, and of 0.5 and 2, which are 1."""
    assert ratio_interval([1, 4], [0.5, 2]).ratio == pytest.approx(2)
    assert ratio_interval([1, 4], [0.5, 2], in_turns=True).ratio == pytest.approx(2)


@ignores_equal_numbers
@given(st.lists(st.tuples(SECONDS, SECONDS), min_size=2, max_size=9))
def test_rounds_in_turns_are_paired(pairs: list[tuple[float, float]]) -> None:
    """The interval of SciPy's paired t test, of logarithms."""
    before, now = zip(*pairs, strict=True)
    interval = ratio_interval(before, now, in_turns=True)
    test = stats.ttest_rel([*map(math.log, before)], [*map(math.log, now)])
    low, high = test.confidence_interval(0.95)
    assert (math.log(interval.low), math.log(interval.high)) == pytest.approx(
        (low, high), rel=1e-6, abs=1e-9
    )


@ignores_equal_numbers
@given(ROUNDS, ROUNDS)
def test_rounds_of_two_runs_have_each_their_variance(before: list[float], now: list[float]) -> None:
    """The interval holds that of SciPy's Welch test, whose degrees of freedom are not whole."""
    interval = ratio_interval(before, now, confidence=0.99)
    test = stats.ttest_ind([*map(math.log, before)], [*map(math.log, now)], equal_var=False)
    low, high = test.confidence_interval(0.99)
    if math.isnan(low):  # neither has any spread
        assert interval.low == pytest.approx(interval.high)
        return
    assert math.log(interval.low) <= low + 1e-9
    assert math.log(interval.high) >= high - 1e-9


def test_welchs_interval_is_scipys_where_the_degrees_of_freedom_are_whole() -> None:
    """Equal variances and numbers give 2 (n - 1)."""
    before, now = [1.0, 2.0, 4.0], [3.0, 6.0, 12.0]
    interval = ratio_interval(before, now)
    test = stats.ttest_ind([*map(math.log, before)], [*map(math.log, now)], equal_var=False)
    low, high = test.confidence_interval(0.95)
    assert test.df == pytest.approx(4)
    assert (math.log(interval.low), math.log(interval.high)) == pytest.approx((low, high))


def test_a_pair_tells_more_where_both_are_slowed_down_at_once() -> None:
    """The machine is three times as slow in two of four rounds; ours is 1.1 times as fast."""
    ours = [1.0, 3.0, 1.01, 3.02]
    peer = [1.1, 3.31, 1.11, 3.3]
    assert ratio_interval(peer, ours, in_turns=True).verdict() is Verdict.FASTER
    assert ratio_interval(peer, ours).verdict() is Verdict.CANNOT_TELL


@pytest.mark.parametrize(
    ("low", "high", "beyond", "verdict"),
    [
        (1.01, 1.3, 0, Verdict.FASTER),
        (1.01, 1.3, 0.05, Verdict.CANNOT_TELL),
        (1.06, 1.3, 0.05, Verdict.FASTER),
        (0.7, 0.99, 0, Verdict.SLOWER),
        (0.7, 0.81, 0.25, Verdict.CANNOT_TELL),
        (0.7, 0.79, 0.25, Verdict.SLOWER),
        (0.5, 2.0, 0, Verdict.CANNOT_TELL),
        (1.0, 1.0, 0, Verdict.CANNOT_TELL),
    ],
)
def test_the_whole_interval_has_to_agree(
    low: float, high: float, beyond: float, verdict: Verdict
) -> None:
    """25 % longer is 0.8 times as fast."""
    assert RatioInterval(1.0, low, high).verdict(beyond) is verdict


def test_rounds_without_any_spread_give_a_point() -> None:
    """Exactly as fast is no verdict."""
    interval = ratio_interval([2.0, 2.0], [2.0, 2.0, 2.0])
    assert interval == RatioInterval(1, 1, 1)
    assert interval.verdict() is Verdict.CANNOT_TELL


@pytest.mark.parametrize("in_turns", [False, True])
def test_a_single_round_has_no_interval(in_turns: bool) -> None:
    """Nothing is known of its spread."""
    with pytest.raises(ValueError, match="1 and 2 rounds: expected two or more"):
        ratio_interval([1.0], [1.0, 2.0], in_turns=in_turns)


def test_turns_are_as_many_of_each() -> None:
    """Else they are no pairs."""
    with pytest.raises(ValueError, match="zip"):
        ratio_interval([1.0, 2.0, 3.0], [1.0, 2.0], in_turns=True)
