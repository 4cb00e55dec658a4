"""Many requests under way at once: one alone takes as long as its answer is on its way."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache
from typing import TypeVar

from mnist_batch.remote.attempts import patience_s

AT_ONCE = 64
"""Requests of the process that are under way at most. With 60 ms a request, 16 threads read 251
objects a second and 64 read 957 (against moto's server, November 2026)."""

_AHEAD = 256
"""Answers that wait to be taken, at most."""

ItemT = TypeVar("ItemT")
FoundT = TypeVar("FoundT")


def in_threads(
    fetch: Callable[[ItemT], FoundT],
    items: Iterable[ItemT],
    size: Callable[[ItemT], int] = lambda _: 0,
    most_bytes: int = 2**23,
) -> Iterator[FoundT]:
    """Yield what `fetch` returns for each item, in order, while the next ones are fetched.

    Args:
        fetch: makes a request; what it raises is raised when its turn comes.
        items: what it is called with, taken as they are needed.
        size: bytes of an item's answer, about.
        most_bytes: bytes of the answers that wait to be taken, about.
    """
    waiting: deque[tuple[Future[FoundT], int]] = deque()
    total = 0
    try:
        for item in items:
            waiting.append((_pool().submit(fetch, item), size(item)))
            total += waiting[-1][1]
            while len(waiting) > _AHEAD or (total > most_bytes and len(waiting) > 1):
                future, taken = waiting.popleft()
                total -= taken
                yield future.result()
        while waiting:
            yield waiting.popleft()[0].result()
    finally:
        for future, _ in waiting:
            future.cancel()


class Requests(ThreadPoolExecutor):
    """Threads that make requests; the end of the context waits for those that are under way.

    Others are cancelled. Where the run is interrupted nobody waits: a store may hang.
    """

    def __exit__(self, *_: object) -> None:
        """Leave the context."""
        self.shutdown(wait=patience_s() is None, cancel_futures=True)


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(AT_ONCE, "object-storage")
