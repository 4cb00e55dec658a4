"""The verdict: what it takes to be better, worse, neither, or not known."""

import numpy as np
import pytest

from mnist_batch.evaluation.comparison.result import PairedScores, Verdict
from mnist_batch.evaluation.comparison.statistics import holm
from mnist_batch.evaluation.comparison.verdict import (
    paired_scores,
    regressed_digits,
    reservations,
    verdict_of,
)

MAX_DROP = 0.001


def scores(newly_wrong: int, newly_right: int, pairs: int) -> PairedScores:
    """Return the scores of pairs of one digit."""
    counts = np.zeros((10, 2, 2), np.int64)
    counts[3] = [[0, newly_right], [newly_wrong, pairs - newly_wrong - newly_right]]
    return paired_scores(counts)[0]


@pytest.mark.parametrize(
    ("newly_wrong", "newly_right", "pairs", "expected"),
    [
        (164, 36, 10_000, Verdict.REGRESSED),
        (36, 164, 10_000, Verdict.IMPROVED),
        (60, 40, 10_000, Verdict.NO_DIFFERENCE),  # p = 0.046
        (0, 0, 1_000, Verdict.NO_DIFFERENCE),
        (3, 2, 100, Verdict.TOO_FEW),
        (8, 0, 10, Verdict.REGRESSED),  # few rows, but p = 2**-8
        (7, 0, 10, Verdict.TOO_FEW),  # p = 2**-7
        (0, 0, 0, Verdict.UNLABELLED),
    ],
)
def test_the_verdict(newly_wrong: int, newly_right: int, pairs: int, expected: Verdict) -> None:
    """Beyond chance at p below 0.005, in either direction."""
    assert verdict_of(scores(newly_wrong, newly_right, pairs), MAX_DROP) is expected


def test_160_rows_are_enough_to_tell() -> None:
    """5 % of them are 8, and of 8 changes for the worse p is 2**-8, of 7 it is 2**-7."""
    assert verdict_of(scores(0, 0, 160), MAX_DROP) is Verdict.NO_DIFFERENCE
    assert verdict_of(scores(0, 0, 159), MAX_DROP) is Verdict.TOO_FEW


def test_a_drop_that_is_let_pass_is_no_regression() -> None:
    """However sure it is: 100 of a million rows are 0.01 points."""
    worse = scores(100, 0, 1_000_000)
    assert worse.p_value is not None
    assert worse.p_value < 1e-20
    assert verdict_of(worse, MAX_DROP) is Verdict.NO_DIFFERENCE
    assert verdict_of(worse, 0.0) is Verdict.REGRESSED


def test_a_drop_as_large_as_the_limit_is_let_pass() -> None:
    """It has to be more."""
    assert verdict_of(scores(20, 10, 10_000), 0.0) is Verdict.NO_DIFFERENCE
    assert verdict_of(scores(20, 0, 1_000), 0.02) is Verdict.NO_DIFFERENCE
    assert verdict_of(scores(21, 0, 1_000), 0.02) is Verdict.REGRESSED


def test_each_digit_is_corrected_for_there_being_ten() -> None:
    """A digit that alone would be beyond chance is not among ten."""
    counts = np.full((10, 2, 2), 0, np.int64)
    counts[:, 1, 1] = 1_000
    counts[4] = [[0, 1], [15, 984]]  # p = 0.00014 by itself, 0.0014 of ten
    counts[9] = [[0, 1], [12, 987]]  # p = 0.00098 by itself, 0.0088 of the nine that are left
    _, digits = paired_scores(counts)
    assert [digit.adjusted_p for digit in digits] == holm(
        [digit.p_value for digit in digits if digit.p_value is not None]
    )
    assert regressed_digits(digits, MAX_DROP) == (4,)


def test_a_digit_without_rows_has_no_scores() -> None:
    """And the others are corrected for those that there are."""
    counts = np.zeros((10, 2, 2), np.int64)
    counts[7] = [[1, 2], [30, 5]]
    overall, digits = paired_scores(counts)
    assert (digits[0].p_value, digits[0].difference, digits[0].interval) == (None, None, None)
    assert digits[7].adjusted_p == digits[7].p_value == overall.p_value
    assert (overall.both_wrong, overall.newly_right, overall.newly_wrong, overall.both_right) == (
        1,
        2,
        30,
        5,
    )
    assert overall.difference == pytest.approx(-28 / 38)


def test_what_a_verdict_leaves_unsaid_is_said() -> None:
    """A drop that is let pass, and why there are too few rows."""
    (passed,) = reservations(scores(100, 0, 1_000_000), MAX_DROP)
    assert passed == "accuracy dropped beyond chance, by 0.01 points, which is let pass up to 0.1"
    (few,) = reservations(scores(1, 0, 100), MAX_DROP)
    assert few.startswith("images with a label: 100, so few that a drop by 5 points")
    assert list(reservations(scores(164, 36, 10_000), MAX_DROP)) == []
    assert list(reservations(scores(60, 40, 10_000), MAX_DROP)) == []
