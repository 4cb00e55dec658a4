"""Telling scales apart by how well images are read: SciPy tells what chance is."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from mnist_batch.inference.trials.scale_trials import ScaleTrial, ScaleTrials, differ_by_chance
from mnist_batch.options import Prepare, Scale


def trials(*numbers: tuple[float, bool], accuracy: float = 0.9) -> ScaleTrials:
    """Return trials of the scales in order, by log loss and whether they are as good as any."""
    return ScaleTrials(
        100,
        [
            ScaleTrial(scale, Prepare.AUTO, accuracy, loss, as_good)
            for scale, (loss, as_good) in zip(Scale, numbers, strict=True)
        ],
    )


def best_scale(found: ScaleTrials, stated: Scale | None) -> Scale | None:
    """Return the scale of the best trial."""
    best = found.best(stated)
    return best.scale if best else None


def test_of_scales_that_are_as_good_the_log_loss_decides() -> None:
    """Unless one of them is stated elsewhere; one that is not as good counts for nothing."""
    found = trials((0.3, True), (0.2, False), (0.25, True), (0.4, True))
    assert best_scale(found, None) == "-1-1"
    assert best_scale(found, Scale.ZERO_TO_ONE) == "0-1"
    assert best_scale(found, Scale.BYTES) == "-1-1"


def test_a_network_that_reads_less_than_half_has_no_best_scale() -> None:
    """It reads other things."""
    numbers = [(0.3, True), (0.2, True), (0.25, True), (0.4, True)]
    assert trials(*numbers, accuracy=0.49).best(Scale.BYTES) is None
    assert best_scale(trials(*numbers, accuracy=0.5), Scale.BYTES) == "0-255"


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_chance_is_that_of_a_coin(outcomes: Sequence[tuple[bool, bool]]) -> None:
    """The exact binomial test at 5 %, of the images that only one way reads rightly."""
    right, others = np.array(outcomes, bool).reshape(-1, 2).T
    gained, tosses = int((right & ~others).sum()), int((right != others).sum())
    expected = tosses == 0 or binomtest(gained, tosses).pvalue > 0.05
    assert differ_by_chance(right, others) == expected


def test_many_images_tell_small_differences() -> None:
    """150 of 10,000 to 100 is no chance, 15 of 1,000 to 10 is."""
    for times, chance in [(1, True), (10, False)]:
        right = np.repeat([True, False, True], [15 * times, 10 * times, 975 * times])
        others = np.repeat([False, True, True], [15 * times, 10 * times, 975 * times])
        assert differ_by_chance(right, others) == chance
