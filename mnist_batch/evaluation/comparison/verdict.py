"""The verdict of a comparison, from counts of pairs alone."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from mnist_batch.evaluation.comparison.result import PairedScores, Verdict
from mnist_batch.evaluation.comparison.statistics import difference_interval, holm, mcnemar_mid_p

SIGNIFICANCE = 0.005
"""A difference is beyond chance where its p value is below: 1 in 400 equal runs looks worse."""

_LARGE_DROP = 0.05
"""A drop that any comparison should find; with fewer rows there are too few to tell."""

PairCounts = NDArray[np.int64]
"""Pairs by true class; by whether the base is right, 0 or 1; and the new run: int64 (n, 2, 2)."""


def paired_scores(counts: PairCounts) -> tuple[PairedScores, tuple[PairedScores, ...]]:
    """Return the scores of all pairs, and of each class with Holm's correction."""
    digits = [_scores(digit, table) for digit, table in enumerate(counts)]
    p_values = {
        digit: scores.p_value for digit, scores in enumerate(digits) if scores.p_value is not None
    }
    for digit, adjusted in zip(p_values, holm([*p_values.values()]), strict=True):
        digits[digit] = replace(digits[digit], adjusted_p=adjusted)
    return _scores(None, counts.sum(axis=0)), tuple(digits)


def _scores(digit: int | None, table: NDArray[np.int64]) -> PairedScores:
    (both_wrong, newly_right), (newly_wrong, both_right) = table.tolist()
    pairs = int(table.sum())
    p_value = mcnemar_mid_p(newly_wrong, newly_right) if pairs else None
    return PairedScores(
        digit=digit,
        both_right=both_right,
        newly_wrong=newly_wrong,
        newly_right=newly_right,
        both_wrong=both_wrong,
        p_value=p_value,
        adjusted_p=p_value,
        difference=(newly_right - newly_wrong) / pairs if pairs else None,
        interval=difference_interval(newly_wrong, newly_right, pairs) if pairs else None,
    )


def verdict_of(scores: PairedScores, max_drop: float) -> Verdict:
    """Return the verdict on the scores of all pairs with labels.

    A difference that is not beyond chance is none, unless there are so few pairs that even a drop
    of 5 points, each change for the worse, would not be beyond chance.

    Args:
        scores: of all pairs with labels.
        max_drop: the drop of accuracy, 0 to 1, that is let pass, however sure it is.
    """
    if not scores.pairs:
        return Verdict.UNLABELLED
    if is_regressed(scores, max_drop):
        return Verdict.REGRESSED
    if _is_beyond_chance(scores) and scores.newly_right > scores.newly_wrong:
        return Verdict.IMPROVED
    if mcnemar_mid_p(int(_LARGE_DROP * scores.pairs), 0) >= SIGNIFICANCE:
        return Verdict.TOO_FEW
    return Verdict.NO_DIFFERENCE


def reservations(scores: PairedScores, max_drop: float) -> Iterator[str]:
    """Yield what a verdict leaves unsaid, a sentence each."""
    verdict, drop = verdict_of(scores, max_drop), -(scores.difference or 0.0)
    if verdict is Verdict.TOO_FEW:
        yield (
            f"images with a label: {scores.pairs:,}, so few that a drop by "
            f"{100 * _LARGE_DROP:g} points could be chance"
        )
    if verdict is Verdict.NO_DIFFERENCE and drop > 0 and _is_beyond_chance(scores):
        yield (
            f"accuracy dropped beyond chance, by {100 * drop:.2f} points, which is let pass up to "
            f"{100 * max_drop:g}"
        )


def regressed_digits(digits: Sequence[PairedScores], max_drop: float) -> tuple[int, ...]:
    """Return the classes that are worse beyond chance and by more than `max_drop`, 0 to 1."""
    return tuple(digit for digit, scores in enumerate(digits) if is_regressed(scores, max_drop))


def has_too_few(scores: PairedScores, digits: Sequence[PairedScores]) -> bool:
    """Tell whether a class of `digits` has so few rows that not even all newly wrong are enough.

    They could be chance, after the correction for all classes that have rows.
    """
    tested = sum(digit.pairs > 0 for digit in digits)
    return tested * mcnemar_mid_p(scores.pairs, 0) >= SIGNIFICANCE


def is_regressed(scores: PairedScores, max_drop: float) -> bool:
    """Tell whether scores are worse beyond chance and by more than `max_drop`, 0 to 1."""
    drop = -(scores.difference or 0.0)
    return drop > 0 and drop > max_drop and _is_beyond_chance(scores)


def _is_beyond_chance(scores: PairedScores) -> bool:
    return scores.adjusted_p is not None and scores.adjusted_p < SIGNIFICANCE
