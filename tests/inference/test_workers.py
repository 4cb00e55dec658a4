"""Order, completeness, memory and failures of the engine, with numbers in place of images."""

import threading
import time
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.errors import MachineError
from mnist_batch.inference.workers import map_batches
from mnist_batch.machine import memory

Shard = list[int]


def _squares(shards: list[Shard], workers: int) -> list[int]:
    return list(map_batches(shards, iter, lambda number: number * number, workers=workers))


@given(st.lists(st.lists(st.integers(0, 99), max_size=20), max_size=8), st.integers(1, 5))
def test_every_batch_comes_once_and_in_order(shards: list[Shard], workers: int) -> None:
    """Whatever the shards and the number of workers; empty shards and none at all included."""
    assert _squares(shards, workers) == [number**2 for shard in shards for number in shard]


def test_order_holds_when_later_batches_are_done_first() -> None:
    """A slow first batch does not let a later one overtake it."""

    def work(number: int) -> int:
        time.sleep(0.05 if number == 0 else 0)
        return number

    assert list(map_batches([[0, 1], [2, 3]], iter, work, workers=3)) == [0, 1, 2, 3]


def test_one_worker_goes_on_where_address_space_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    """The others end before they read anything more, and nothing is lost."""
    monkeypatch.setattr(memory, "is_short", lambda: len(seen) > 5)
    seen: list[str] = []

    def work(number: int) -> int:
        time.sleep(0.001)
        seen.append(threading.current_thread().name)
        return number

    shards = [list(range(start, start + 20)) for start in range(0, 100, 20)]
    assert list(map_batches(shards, iter, work, workers=4)) == list(range(100))
    *others, _ = sorted(Counter(seen[6:]).values())
    assert all(batches == 1 for batches in others)  # those that they were at


def test_a_run_stops_where_a_batch_has_no_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """A library that gets no address space would abort the process."""

    def refuse() -> None:
        raise MachineError("a batch needs address space")

    monkeypatch.setattr(memory, "require_batch", refuse)
    with pytest.raises(MachineError, match="a batch needs"):
        _squares([[1]], workers=2)


def test_one_large_shard_is_shared_by_all_workers() -> None:
    """Two workers are inside `work` at the same time although there is but one shard."""
    both_inside = threading.Barrier(2, timeout=60)

    def work(number: int) -> int:
        both_inside.wait()
        return number

    assert list(map_batches([[1, 2]], iter, work, workers=2)) == [1, 2]


def test_two_shards_are_read_at_the_same_time() -> None:
    """A worker does not wait for the shard that another one is reading."""
    both_inside = threading.Barrier(2, timeout=60)

    def read(shard: Shard) -> Iterator[int]:
        both_inside.wait()
        yield from shard

    results = map_batches([[1], [2]], read, lambda number: number, workers=2)
    assert list(results) == [1, 2]


def test_a_shard_is_read_by_one_thread_at_a_time() -> None:
    """Iterators are not made for two threads; a generator would raise."""

    def read(shard: Shard) -> Iterator[int]:
        for number in shard:
            time.sleep(0.001)
            yield number

    numbers = list(range(50))
    assert list(map_batches([numbers], read, lambda number: number, workers=4)) == numbers


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_reading_keeps_close_to_the_taker(workers: int) -> None:
    """However large the input, only a bounded number of batches is read ahead."""
    read_so_far = 0
    lock = threading.Lock()

    def read(shard: range) -> Iterator[int]:
        nonlocal read_so_far
        for number in shard:
            with lock:
                read_so_far += 1
            yield number

    shards = [range(1000), range(1000), range(1000)]
    most_ahead = 0
    for taken, _ in enumerate(map_batches(shards, read, lambda number: number, workers=workers)):
        if taken % 100 == 0:
            time.sleep(0.01)
        most_ahead = max(most_ahead, read_so_far - taken)
    assert read_so_far == 3000
    assert most_ahead <= 2 * workers + 2 + workers  # and those in the workers' hands


@pytest.mark.parametrize("workers", [1, 3])
def test_the_first_failure_in_order_is_raised(workers: int) -> None:
    """Not the first in time: the message must not depend on which thread was faster."""

    def work(number: int) -> int:
        if number == 3:
            time.sleep(0.05)
        if number in (3, 5):
            raise ValueError(f"number {number}")
        return number

    with pytest.raises(ValueError, match="number 3"):
        list(map_batches([[0, 1], [2, 3, 4], [5]], iter, work, workers=workers))


def test_what_precedes_a_failure_is_yielded() -> None:
    """A failure of reading comes after the batches that could be read."""

    def read(shard: Shard) -> Iterator[int]:
        yield from shard
        raise OSError("the disk is gone")

    taken = []

    def take_all() -> None:
        for number in map_batches([[1, 2]], read, lambda number: number, workers=2):
            taken.append(number)  # noqa: PERF402 - what came before the failure is the point

    with pytest.raises(OSError, match="the disk is gone"):
        take_all()
    assert taken == [1, 2]


def test_workers_end_when_the_results_are_not_wanted() -> None:
    """Closing the iterator half-way leaves no thread running."""
    before = {*threading.enumerate()}
    results = map_batches([list(range(1000))], iter, lambda number: number, workers=4)
    assert next(iter(results)) == 0
    results.close()
    for thread in {*threading.enumerate()} - before:
        thread.join(60)
        assert not thread.is_alive()


def test_a_shard_that_cannot_be_opened_is_a_failure_in_its_place() -> None:
    """Also where `read` is no generator, and raises when it is called."""

    def read(shard: int) -> Iterator[int]:
        if shard == 1:
            raise OSError("gone")
        return iter([shard])

    results = map_batches([0, 1, 2], read, lambda number: number, workers=2)
    assert next(results) == 0
    with pytest.raises(OSError, match="gone"):
        next(results)


def test_no_kind_of_exception_is_lost() -> None:
    """Nor does the taker of the results wait for ever."""

    def work(number: int) -> int:
        raise SystemExit(number)

    with pytest.raises(SystemExit):
        list(map_batches([[1]], iter, work, workers=2))


def test_what_the_shards_themselves_raise_is_raised_after_those_before() -> None:
    """As fetching the next one may: the run would end as if there were no more."""

    def shards() -> Iterator[int]:
        yield 1
        raise OSError("no thread")

    results = map_batches(shards(), lambda shard: iter([shard]), lambda batch: batch, workers=2)
    assert next(results) == 1
    with pytest.raises(OSError, match="no thread"):
        next(results)
