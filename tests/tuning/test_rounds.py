"""Rounds of work: all in turn, timed and checked."""

from collections.abc import Callable

import pytest

from mnist_batch.tuning import rounds
from mnist_batch.tuning.recommendation import Measurement, Stage
from mnist_batch.tuning.rounds import Round, time_in_turn


def round_of(work: Callable[[], object], check: Callable[[object], None]) -> Round:
    """Return a round of seven images."""
    return Round(Measurement(Stage.READ, 2, 2048, 7), work, check)


def test_rounds_take_turns_after_a_warm_up() -> None:
    """Each runs three times at least and once before; only that warm-up is not timed."""
    seen: list[object] = []
    rounds = [round_of("a".lower, seen.append), round_of("b".lower, seen.append)]
    measurements = time_in_turn(rounds, 0)
    assert seen == list("abababab")
    assert [(one.stage, one.workers, one.rows) for one in measurements] == [(Stage.READ, 2, 7)] * 2
    assert [len(one.seconds) for one in measurements] == [3, 3]


def test_a_round_that_fails_its_check_ends_it() -> None:
    """A wrong answer has no speed."""

    def refuse(result: object) -> None:
        raise ValueError(result)

    with pytest.raises(ValueError, match="5"):
        time_in_turn([round_of(lambda: 5, refuse)], 0)


def test_rounds_of_no_time_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """After as many as are kept of a run."""
    monkeypatch.setattr(rounds, "MOST_ROUNDS", 50)
    assert rounds.times_in_turn([lambda: 1e-9, lambda: 1e-9], 1.0) == [(1e-9,) * 50] * 2
