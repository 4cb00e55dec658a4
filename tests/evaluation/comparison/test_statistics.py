"""Paired statistics: as in print, and as SciPy and statsmodels compute them."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests
from statsmodels.stats.proportion import proportion_confint

from mnist_batch.evaluation.comparison.statistics import difference_interval, holm, mcnemar_mid_p
from tests.support.paired_statistics import interval, mid_p

COUNTS = [(0, 0), (1, 0), (0, 8), (5, 5), (5, 6), (12, 3), (30, 10), (400, 600), (0, 700)]
MILLIONS = [(500_000, 501_000), (1_000_000, 1_000_000), (3_000_000, 3_010_000), (2, 40)]


def test_the_published_example_comes_out() -> None:
    """Airway hyper-responsiveness before and after a transplantation: 1, 1, 7, 12 children.

    M. W. Fagerland, S. Lydersen, P. Laake, "Recommended tests and confidence intervals for paired
    binomial proportions", Statistics in Medicine 33 (2014), tables I, IV and V.
    """
    assert round(mcnemar_mid_p(7, 1), 3) == 0.039
    low, high = difference_interval(7, 1, 21)
    assert (round(low, 3), round(high, 3)) == (-0.517, -0.026)


@pytest.mark.parametrize(("newly_wrong", "newly_right"), COUNTS + MILLIONS)
def test_the_mid_p_value_is_that_of_scipy(newly_wrong: int, newly_right: int) -> None:
    """Of few pairs to the last digits, of millions to ten."""
    expected = mid_p(newly_wrong, newly_right)
    assert mcnemar_mid_p(newly_wrong, newly_right) == pytest.approx(expected, rel=1e-10, abs=1e-300)
    assert mcnemar_mid_p(newly_right, newly_wrong) == mcnemar_mid_p(newly_wrong, newly_right)


def test_runs_that_changed_as_often_for_the_better_do_not_differ() -> None:
    """The p value is 1 then, and never more."""
    for changes in (0, 1, 7, 1000, 1_000_003):
        assert mcnemar_mid_p(changes, changes) == 1


def test_the_p_value_of_many_changes_to_one_side_is_none() -> None:
    """It is too small for a number, which is no error."""
    assert mcnemar_mid_p(1_000_000, 0) == 0


@pytest.mark.parametrize(
    ("newly_wrong", "newly_right", "pairs"),
    [
        (7, 1, 21),
        (1, 7, 21),
        (5, 6, 1000),
        (36, 164, 10_000),
        (300, 20, 500),
        (30, 10, 40),
        (3_000, 2_500, 1_000_000),
        (500_000, 501_000, 60_000_000),
    ],
)
def test_the_interval_solves_the_score_equation(
    newly_wrong: int, newly_right: int, pairs: int
) -> None:
    """As SciPy finds its roots, with the nuisance parameter where the likelihood is largest."""
    expected = interval(newly_wrong, newly_right, pairs)
    assert difference_interval(newly_wrong, newly_right, pairs) == pytest.approx(
        expected, rel=1e-6, abs=1e-10
    )


@pytest.mark.parametrize("pairs", [1, 10, 1000, 1_000_000])
def test_the_interval_without_a_change_is_that_of_no_success(pairs: int) -> None:
    """On either side as far as Wilson's interval of 0 successes, by statsmodels."""
    _, high = proportion_confint(0, pairs, method="wilson")
    assert difference_interval(0, 0, pairs) == pytest.approx((-high, high), rel=1e-12)


def test_the_interval_of_changes_to_one_side_ends_at_1() -> None:
    """Where all pairs changed for the better or for the worse."""
    low, high = difference_interval(0, 10, 10)
    assert high == 1
    assert 0 < low < 1
    assert difference_interval(10, 0, 10) == (-high, -low)


@given(st.integers(0, 10**7), st.integers(0, 10**7), st.integers(0, 10**8))
def test_the_interval_holds_the_difference(falls: int, rises: int, unchanged: int) -> None:
    """Whatever the counts, within -1 to 1."""
    pairs = max(1, falls + rises + unchanged)
    low, high = difference_interval(falls, rises, pairs)
    assert -1 <= low <= (rises - falls) / pairs <= high <= 1


@pytest.mark.parametrize("count", [1, 2, 10, 12])
def test_the_correction_is_that_of_statsmodels(count: int) -> None:
    """Holm's, in the order given; also with equal values, and with 0 and 1."""
    draw = np.random.default_rng(count)
    p_values = [*draw.beta(0.3, 2, count).tolist(), 0.0, 1.0, 0.01, 0.01][-count:]
    expected = multipletests(p_values, method="holm")[1]
    assert np.allclose(holm(p_values), expected, rtol=1e-12, atol=0)


@given(st.lists(st.floats(0, 1)))
def test_the_correction_keeps_the_order_of_the_values(p_values: list[float]) -> None:
    """And makes none smaller, or larger than 1 or than all of them times their number."""
    adjusted = holm(p_values)
    assert [adjusted[place] for place in np.argsort(p_values)] == sorted(adjusted)
    for value, corrected in zip(p_values, adjusted, strict=True):
        assert value <= corrected <= max(value, min(1.0, len(p_values) * max(p_values)))


def test_no_p_value_needs_no_correction() -> None:
    """As of runs without labels."""
    assert holm([]) == []
