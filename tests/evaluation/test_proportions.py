"""The interval of a proportion is Wilson's, as SciPy has it."""

import pytest
from scipy.stats import binomtest

from mnist_batch.evaluation.proportions import interval, ratio, wilson_interval


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
    assert high == pytest.approx(1)
    assert high <= 1
    assert 0.7 < low < 0.73


def test_of_nothing_nothing_is_known() -> None:
    """Neither a share nor its interval."""
    assert ratio(0, 0) is None
    assert interval(0, 0) is None
