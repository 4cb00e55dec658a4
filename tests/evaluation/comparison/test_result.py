"""What a comparison found: accuracies, and whether the new run is worse."""

from dataclasses import replace

from mnist_batch.evaluation.comparison.result import PairedScores, Verdict
from tests.support.example_comparison import COMPARISON

SCORES = PairedScores(
    digit=None,
    both_right=90,
    newly_wrong=4,
    newly_right=1,
    both_wrong=5,
    p_value=0.2,
    adjusted_p=0.2,
    difference=-0.03,
    interval=(-0.08, 0.02),
)


def test_the_accuracies_are_over_the_same_rows() -> None:
    """94 and 91 of 100; None without rows."""
    assert (SCORES.pairs, SCORES.base_accuracy, SCORES.new_accuracy) == (100, 0.94, 0.91)
    none = replace(SCORES, both_right=0, newly_wrong=0, newly_right=0, both_wrong=0)
    assert (none.pairs, none.base_accuracy, none.new_accuracy) == (0, None, None)


def test_a_run_is_worse_in_all_or_on_a_digit() -> None:
    """Either lets the command end with status 5."""
    improved = replace(COMPARISON, verdict=Verdict.IMPROVED, regressed_digits=())
    assert not improved.is_worse
    assert replace(improved, regressed_digits=(4,)).is_worse
    assert replace(improved, verdict=Verdict.REGRESSED).is_worse
