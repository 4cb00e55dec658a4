"""Memory that threads share: who waits for whom, and that nobody waits for ever."""

import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.machine import memory
from mnist_batch.machine.memory import Budget, alone, reserve

PATIENCE_S = 60


def _wait_for(happened: Callable[[], bool]) -> None:
    """Wait until something happened on another thread, which takes no time if all is well."""
    end = time.monotonic() + PATIENCE_S
    while not happened():
        assert time.monotonic() < end


@contextmanager
def _held(context: AbstractContextManager[None]) -> Iterator[Callable[[], None]]:
    """Hold a reservation on another thread; the function that is yielded ends it."""
    entered, done = threading.Event(), threading.Event()

    def hold() -> None:
        with context:
            entered.set()
            assert done.wait(PATIENCE_S)

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    assert entered.wait(PATIENCE_S)
    try:
        yield done.set
    finally:
        done.set()
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


@contextmanager
def _held_in_vain(budget: Budget, size: int) -> Iterator[None]:
    """Ask for memory on another thread, which has to wait for it until the end."""
    entered = threading.Event()

    def hold() -> None:
        with budget.reserve(size):
            entered.set()

    thread = threading.Thread(target=hold, daemon=True)
    thread.start()
    _wait_for(lambda: thread.ident in budget._waiting)
    yield
    assert not entered.is_set()


@settings(max_examples=30, deadline=None)
@given(
    size=st.integers(0, 100),
    requests=st.lists(st.integers(0, 200), min_size=1, max_size=60),
    threads=st.integers(1, 8),
)
def test_no_more_is_held_than_the_budget_and_nobody_waits_for_ever(
    size: int, requests: list[int], threads: int
) -> None:
    """A request for more than the budget is served too, and then it is the only one."""
    budget = Budget(lambda: size)
    held: list[int] = []
    lock = threading.Lock()

    def hold(request: int) -> bool:
        with budget.reserve(request):
            with lock:
                held.append(request)
                within = sum(held) <= size or held == [request]
            with lock:
                held.remove(request)
        return within

    with ThreadPoolExecutor(threads) as pool:
        assert all(pool.map(hold, requests, timeout=PATIENCE_S))
    assert not held


def test_two_requests_that_fit_are_held_together() -> None:
    """Neither waits for the other."""
    budget = Budget(lambda: 10)
    with _held(budget.reserve(4)), _held(budget.reserve(6)):
        pass


def test_small_requests_do_not_starve_a_large_one() -> None:
    """Who asks after it waits, even for what is free."""
    budget, order = Budget(lambda: 10), list[str]()

    def hold(name: str, size: int) -> None:
        with budget.reserve(size):
            order.append(name)

    with _held(budget.reserve(5)) as let_go:
        threads = []
        for name, size in (("large", 10), ("small", 1)):
            thread = threading.Thread(target=hold, args=(name, size), daemon=True)
            thread.start()
            threads.append(thread)
            _wait_for(lambda: len(budget._waiting) == len(threads))
        assert order == []
        let_go()
        for thread in threads:
            thread.join(PATIENCE_S)
    assert order == ["large", "small"]


@pytest.fixture
def interrupted_once() -> Iterator[None]:
    """Let the first SIGINT be raised as Python does by itself, and no further one."""

    def interrupt(*_: object) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, interrupt)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupted_once")
def test_one_who_gives_up_waiting_keeps_nobody_waiting() -> None:
    """Ctrl-C interrupts who waits, and the queue goes on without it."""
    budget = Budget(lambda: 10)
    this = threading.get_ident()

    def interrupt() -> None:
        _wait_for(lambda: this in budget._waiting)
        while this in budget._waiting:  # a signal right before a thread waits does not wake it
            signal.pthread_kill(this, signal.SIGINT)
            time.sleep(0.02)

    with _held(budget.reserve(10)) as let_go:
        thread = threading.Thread(target=interrupt, daemon=True)
        thread.start()
        with pytest.raises(KeyboardInterrupt), budget.reserve(10):
            pass
        thread.join(PATIENCE_S)
        let_go()
        with budget.reserve(10):
            pass


def test_what_fails_while_it_holds_memory_gives_it_back() -> None:
    """Else the next one would wait for ever."""
    budget = Budget(lambda: 10)
    with pytest.raises(ValueError, match="damaged"), budget.reserve(10):
        raise ValueError("damaged")
    with budget.reserve(10):
        pass


def test_of_a_thread_that_holds_memory_the_last_request_counts() -> None:
    """It gives back what it holds before it waits for more, else it might wait for itself."""
    budget = Budget(lambda: 10)
    with budget.reserve(6):
        with budget.reserve(20), _held_in_vain(budget, 1):
            pass
        with _held(budget.reserve(4)), _held_in_vain(budget, 1):  # the 6 are held again
            pass
    with budget.reserve(10):
        pass


def test_alone_waits_for_all_and_keeps_all_waiting() -> None:
    """Of pictures on many threads, one that is tried alone has the process to itself."""
    inside: list[bool] = []
    worst = 0
    lock = threading.Lock()

    def work(seed: int) -> None:
        nonlocal worst
        random = Random(seed)
        for _ in range(50):
            single = random.random() < 0.2
            with alone() if single else reserve(random.randrange(100)):
                with lock:
                    inside.append(single)
                    worst = max(worst, len(inside) if any(inside) else 0)
                with lock:
                    inside.remove(single)

    threads = [threading.Thread(target=work, args=(seed,), daemon=True) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()
    assert worst == 1


@pytest.mark.parametrize("whole", [None, 8 * (100 + 64 + 64) * 2**20])
def test_a_process_among_several_has_its_share(
    monkeypatch: pytest.MonkeyPatch, whole: int | None
) -> None:
    """Here 64 MiB of eight times as many, beside the 100 that it has and 64 for small pictures."""
    monkeypatch.setattr(memory, "_size_by_default", lambda: 8 * 64 * 2**20)
    monkeypatch.setattr(memory, "resident_memory", lambda: 100 * 2**20)
    with memory.within(whole, processes=8), _held(reserve(40 * 2**20)):
        with _held(reserve(24 * 2**20)):
            pass
        with _held_in_vain(memory._pictures, 25 * 2**20):
            pass
