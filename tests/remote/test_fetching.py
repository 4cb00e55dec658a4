"""Many requests under way at once."""

import threading
import time

import pytest

from mnist_batch.remote import fetching
from mnist_batch.remote.fetching import in_threads


def test_answers_come_in_order() -> None:
    """Whichever comes first."""

    def fetch(number: int) -> int:
        time.sleep(0.002 * (number % 3))
        return 2 * number

    assert list(in_threads(fetch, range(500))) == [2 * number for number in range(500)]


def test_no_more_is_fetched_than_may_wait() -> None:
    """While the first answer is worked on, a bounded number of others waits, in bytes too."""
    for items, most_bytes, expected in ((10_000, 10**9, 258), (100, 50, 6)):
        asked = list[int]()
        answers = in_threads(asked.append, range(items), lambda _: 10, most_bytes)
        assert next(answers) is None
        assert len(asked) <= expected


def test_a_failure_comes_in_its_turn() -> None:
    """The answers before it are given, and what waits behind it is not asked for."""
    ready = threading.Event()

    def fetch(number: int) -> int:
        if number == 3:
            raise FileNotFoundError("3")
        ready.wait(120)
        return number

    answers = in_threads(fetch, range(10))
    ready.set()
    assert [next(answers) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(FileNotFoundError, match="3"):
        next(answers)


def test_many_requests_are_under_way_at_once() -> None:
    """As many as `AT_ONCE`: each waits here until all are."""
    together = threading.Barrier(fetching.AT_ONCE)
    found = in_threads(lambda _: together.wait(120), range(fetching.AT_ONCE))
    assert sorted(found) == [*range(fetching.AT_ONCE)]
