"""Read and process batches of shards on worker threads, in order and with bounded memory.

A worker reads a batch of the first shard that no other worker is reading, and processes it. So the
workers read several shards at once if there are several, and share one if there is one; none waits
for the shard of another while there is work.
"""

import os
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

ShardT = TypeVar("ShardT")
BatchT = TypeVar("BatchT")
ResultT = TypeVar("ResultT")

_AHEAD = 2
"""Batches per worker that may be read before their results are taken, over all open shards."""


@dataclass(frozen=True)
class Progress:
    """How far a run is: rows done, rows in all, rows without a prediction so far."""

    done: int
    total: int
    errors: int


@dataclass(eq=False)
class _OpenShard(Generic[BatchT, ResultT]):
    """A shard that is being read; results wait under the number of their batch for their turn."""

    batches: Iterator[BatchT]
    results: dict[int, ResultT | BaseException] = field(default_factory=dict)
    read: int = 0
    taken: int = 0
    being_read: bool = False
    exhausted: bool = False


def available_workers() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_batches(
    shards: Sequence[ShardT],
    read: Callable[[ShardT], Iterator[BatchT]],
    work: Callable[[BatchT], ResultT],
    *,
    workers: int,
) -> Generator[ResultT, None, None]:
    """Yield `work(batch)` for each batch of each shard, in order.

    Args:
        shards: in the order of their results.
        read: opens a shard; one thread at a time uses its iterator, not always the same.
        work: processes a batch; any worker calls it.
        workers: the number of threads, at least 1.

    Raises:
        Exception: what `read` or `work` raised, in the place of the batch; the first one in order,
            whichever came first in time.
    """
    run = _Run(shards, read, work, workers)
    threads = [threading.Thread(target=run.work_on, daemon=True) for _ in range(workers)]
    for thread in threads:
        thread.start()
    try:
        yield from run.results()
        for thread in threads:
            thread.join()
    finally:
        # On an error or an interrupt this does not wait for the workers: each ends after its batch.
        run.stop()


class _Run(Generic[ShardT, BatchT, ResultT]):
    """The state that the workers and the caller's thread share, all of it under one lock."""

    def __init__(
        self,
        shards: Sequence[ShardT],
        read: Callable[[ShardT], Iterator[BatchT]],
        work: Callable[[BatchT], ResultT],
        workers: int,
    ) -> None:
        self._unopened = iter(shards)
        self._read = read
        self._work = work
        self._workers = workers
        self._open: list[_OpenShard[BatchT, ResultT]] = []
        self._all_opened = False
        self._stopped = False
        self._changed = threading.Condition()

    def stop(self) -> None:
        """Let every worker end after its batch."""
        with self._changed:
            self._stopped = True
            self._changed.notify_all()

    def results(self) -> Iterator[ResultT]:
        """Wait for the results and yield them in order."""
        while True:
            with self._changed:
                self._changed.wait_for(self._head_is_ready)
                if not self._open:
                    return
                head = self._open[0]
                if head.taken not in head.results:
                    del self._open[0]
                    self._changed.notify_all()
                    continue
                result = head.results.pop(head.taken)
                head.taken += 1
                self._changed.notify_all()
            if isinstance(result, BaseException):
                raise result
            yield result

    def _head_is_ready(self) -> bool:
        """Tell whether the next result is there, or its shard ended, or all shards did."""
        if not self._open:
            return self._all_opened
        head = self._open[0]
        return head.taken in head.results or (head.exhausted and head.taken == head.read)

    def work_on(self) -> None:
        """Read and process one batch after another until there is none or `stop` is called."""
        while (shard := self._next_shard()) is not None:
            failure: BaseException | None = None
            try:
                batch = next(shard.batches, None)
            except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
                batch, failure = None, error
            with self._changed:
                number = shard.read
                shard.read += batch is not None or failure is not None
                shard.exhausted = batch is None
                shard.being_read = False
                if failure is not None:
                    shard.results[number] = failure
                self._changed.notify_all()
            if batch is not None:
                self._put(shard, number, batch)

    def _put(self, shard: _OpenShard[BatchT, ResultT], number: int, batch: BatchT) -> None:
        result: ResultT | BaseException
        try:
            result = self._work(batch)
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            result = error
        with self._changed:
            shard.results[number] = result
            self._changed.notify_all()

    def _next_shard(self) -> _OpenShard[BatchT, ResultT] | None:
        """Wait for a shard that this thread alone may read; return None once all are read."""
        with self._changed:
            while not self._stopped:
                shard = self._readable() or self._opened()
                if shard is not None:
                    shard.being_read = True
                    return shard
                if self._all_opened and all(shard.exhausted for shard in self._open):
                    return None
                self._changed.wait()
            return None

    def _readable(self) -> _OpenShard[BatchT, ResultT] | None:
        """Return an open shard to read: the first one always, if the caller waits for it."""
        for shard in self._open:
            waited_for = shard is self._open[0] and shard.read == shard.taken
            if not shard.being_read and not shard.exhausted and (waited_for or self._has_room()):
                return shard
        return None

    def _has_room(self) -> bool:
        ahead = sum(shard.read - shard.taken for shard in self._open)
        return ahead < _AHEAD * self._workers

    def _opened(self) -> _OpenShard[BatchT, ResultT] | None:
        """Open the next shard, unless enough shards are open or enough batches are read ahead."""
        if self._all_opened or len(self._open) > self._workers:
            return None
        if self._open and not self._has_room():
            return None
        for shard in self._unopened:
            self._open.append(_OpenShard(_batches(self._read, shard)))
            return self._open[-1]
        self._all_opened = True
        self._changed.notify_all()
        return None


def _batches(
    read: Callable[[ShardT], Iterator[BatchT]], shard: ShardT
) -> Generator[BatchT, None, None]:
    """Read a shard as a generator, so that a failure to open it comes with the first batch.

    It has no reference to the run, so that it is closed as soon as the run's last thread ends.
    """
    yield from read(shard)
