"""Rounds by the clock: medians and spreads by hand, all in turn."""

import pytest

from mnist_batch.tuning.measuring import Round, time_in_turn
from mnist_batch.tuning.recommendation import Timing


def test_the_median_round_counts() -> None:
    """One slow round changes nothing; the spread is the middle half's."""
    timing = Timing(100, [0.2, 0.1, 0.3, 9.0, 0.2])
    assert timing.median_s == pytest.approx(0.2)
    assert timing.images_per_s == pytest.approx(500)
    assert timing.iqr_s == pytest.approx(0.1)  # sorted: 0.1 0.2 0.2 0.3 9.0
    assert timing.spread == pytest.approx(0.5)


def test_rounds_take_turns_after_a_warm_up() -> None:
    """Three of each at least, all of them checked, the first one not timed."""
    seen: list[str] = []
    rounds = [Round(7, lambda name=name: name, seen.append) for name in "ab"]  # type: ignore[misc]
    timings = time_in_turn(rounds, 0)
    assert "".join(seen) == "abababab"
    assert [timing.rows for timing in timings] == [7, 7]
    assert [len(timing.seconds) for timing in timings] == [3, 3]


def test_a_round_that_fails_its_check_ends_it() -> None:
    """A wrong answer has no speed."""

    def refuse(result: int) -> None:
        raise ValueError(result)

    with pytest.raises(ValueError, match="5"):
        time_in_turn([Round(1, lambda: 5, refuse)], 0)
