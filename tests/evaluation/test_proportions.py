"""The interval of a proportion is Wilson's, as SciPy has it, and the test of two is Pearson's."""

import pytest
from scipy.stats import binomtest
from statsmodels.stats.proportion import proportions_ztest

from mnist_batch.evaluation.proportions import difference_p, interval, ratio, wilson_interval


@pytest.mark.parametrize(
    ("successes", "trials"), [(81, 263), (15, 148), (0, 20), (1, 29), (9790, 10000)]
)
def test_the_interval_is_scipys(successes: int, trials: int) -> None:
    """The Wilson interval of a share is the one that SciPy gives."""
    interval = binomtest(successes, trials).proportion_ci(0.95, method="wilson")
    assert wilson_interval(successes, trials) == pytest.approx(tuple(interval), abs=1e-9)


def test_the_interval_of_a_perfect_score_ends_at_one() -> None:
    """And starts below it: ten of ten do not prove that there are no mistakes."""
    low, high = wilson_interval(10, 10)
    assert high == 1
    assert 0.7 < low < 0.73
    assert all(wilson_interval(number, number)[1] == 1 for number in range(1, 200))
    assert all(wilson_interval(0, number)[0] == 0 for number in range(1, 200))


@pytest.mark.parametrize("counts", [(967, 1000, 992, 1000), (985, 1000, 992, 1000), (1, 9, 50, 70)])
def test_two_proportions_differ_as_statsmodels_has_it(counts: tuple[int, int, int, int]) -> None:
    """The p value is that of its test with the pooled variance; no difference has 1."""
    right, rows, base_right, base_rows = counts
    _, expected = proportions_ztest([right, base_right], [rows, base_rows])
    assert difference_p(*counts) == pytest.approx(expected, rel=1e-9)
    assert difference_p(10, 10, 20, 20) == difference_p(0, 5, 0, 7) == 1.0
    assert difference_p(5, 10, 10, 20) == 1.0


def test_of_nothing_nothing_is_known() -> None:
    """Neither a share nor its interval."""
    assert ratio(0, 0) is None
    assert interval(0, 0) is None
