"""Read and process batches of shards on worker threads, in order and with bounded memory.

A worker reads a batch of the first shard that no other worker is reading, and processes it. So the
workers read several shards at once if there are several, and share one if there is one; none waits
for the shard of another while there is work.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from mnist_batch.machine import memory
from mnist_batch.machine.failures import not_started

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
    """A shard that is being read."""

    batches: Generator[BatchT, None, None]
    # One for each batch that was read and is not taken, in order; empty until the result is there.
    results: deque[list[ResultT | BaseException]] = field(default_factory=deque)
    being_read: bool = False
    exhausted: bool = False


def available_workers() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def map_batches(
    shards: Iterable[ShardT],
    read: Callable[[ShardT], Iterator[BatchT]],
    work: Callable[[BatchT], ResultT],
    *,
    workers: int,
) -> Generator[ResultT, None, None]:
    """Yield `work(batch)` for each batch of each shard, in order.

    Args:
        shards: in the order of their results; the next one is taken once a worker opens it.
        read: opens a shard; one thread at a time uses its iterator, not always the same.
        work: processes a batch; any worker calls it.
        workers: the number of threads, at least 1; fewer where the system allows no more, or where
            address space runs short.

    Raises:
        MachineError: not even one thread can be started.
        Exception: what `read` or `work` raised, in the place of the batch; the first one in order,
            whichever came first in time.
    """
    run = _Run(iter(shards), read, work, workers)
    threads: list[threading.Thread] = []
    try:
        _start(run, threads, workers)
        yield from run.results()
        for thread in threads:
            thread.join()
    finally:
        # On an error or an interrupt this does not wait for the workers: each ends after its batch.
        run.stop()


def _start(run: "_Run[Any, Any, Any]", threads: list[threading.Thread], workers: int) -> None:
    """Start threads and add them to the list; fewer where the system allows no more."""
    for _ in range(workers):
        if threads and memory.is_short():
            return
        thread = threading.Thread(target=run.work_on, daemon=True)
        run.count(1)
        try:
            thread.start()
        except RuntimeError as error:
            run.count(-1)
            if not threads:
                raise not_started(error, "a worker") from error
            return
        threads.append(thread)


@dataclass(eq=False)
class _Run(Generic[ShardT, BatchT, ResultT]):
    """The state that the workers and the caller's thread share, all of it under one lock."""

    unopened: Iterator[ShardT]
    read: Callable[[ShardT], Iterator[BatchT]]
    work: Callable[[BatchT], ResultT]
    workers: int
    working: int = 0
    open: list[_OpenShard[BatchT, ResultT]] = field(default_factory=list)
    all_opened: bool = False
    stopped: bool = False
    changed: threading.Condition = field(default_factory=threading.Condition)

    def stop(self) -> None:
        """Let every worker end after its batch; the last one closes the shards."""
        with self.changed:
            self.stopped = True
            self.changed.notify_all()
        self.count(0)

    def count(self, change: int) -> None:
        """Change the number of workers; close the shards where the run is stopped and has none.

        A shard does not close by itself: the traceback of an error may hold it, and with it threads
        and files.
        """
        with self.changed:
            self.working += change
            if not self.stopped or self.working:
                return
            left, self.open = self.open, []
        for shard in left:
            shard.results.clear()
            with suppress(Exception):  # the run has ended, whatever it raises
                shard.batches.close()

    def results(self) -> Iterator[ResultT]:
        """Wait for the results and yield them in order."""
        while True:
            with self.changed:
                self.changed.wait_for(self._head_is_ready)
                if not self.open:
                    return
                head = self.open[0]
                result = head.results.popleft() if head.results else []
                if not result:
                    del self.open[0]
                self.changed.notify_all()
            for value in result:
                if isinstance(value, BaseException):
                    result.clear()
                    try:
                        raise value
                    finally:
                        del value  # else the error and the frames it came through hold each other
                yield value

    def _head_is_ready(self) -> bool:
        """Tell whether the next result is there, or its shard ended, or all shards did."""
        if not self.open:
            return self.all_opened
        head = self.open[0]
        return bool(head.results[0]) if head.results else head.exhausted

    def work_on(self) -> None:
        """Read and process one batch after another until there is none or `stop` is called."""
        while not self._is_one_too_many():
            shard = self._next_shard()
            if shard is None:
                self.count(-1)
                return
            with memory.batch():
                self._process_next(shard)

    def _is_one_too_many(self) -> bool:
        """Tell whether this worker should end, and leave the others what address space there is.

        A library in C++ that gets none aborts the process.
        """
        if not memory.is_short():
            return False
        with self.changed:
            if self.working <= 1:
                return False
            self.working -= 1
            return True

    def _process_next(self, shard: _OpenShard[BatchT, ResultT]) -> None:
        """Read and process a batch of a shard; whatever fails is raised in the caller's thread."""
        result: list[ResultT | BaseException] = []
        batch = None
        try:
            memory.require_batch()
            batch = next(shard.batches, None)
        except BaseException as error:  # noqa: BLE001 - see above
            result.append(error)
        with self.changed:
            if batch is not None or result:
                shard.results.append(result)
            shard.exhausted = batch is None
            shard.being_read = False
            self.changed.notify_all()
        if batch is not None:
            try:
                result.append(self.work(batch))
            except BaseException as error:  # noqa: BLE001 - see above
                result.append(error)
            with self.changed:
                self.changed.notify_all()

    def _next_shard(self) -> _OpenShard[BatchT, ResultT] | None:
        """Wait for a shard that this thread alone may read; return None once all are read."""
        with self.changed:
            while not self.stopped:
                shard = self._readable() or self._opened()
                if shard is not None:
                    shard.being_read = True
                    return shard
                if self.all_opened and all(shard.exhausted for shard in self.open):
                    return None
                self.changed.wait()
            return None

    def _readable(self) -> _OpenShard[BatchT, ResultT] | None:
        """Return an open shard to read: the first one always, if the caller waits for it."""
        for shard in self.open:
            waited_for = shard is self.open[0] and not shard.results
            if not shard.being_read and not shard.exhausted and (waited_for or self._has_room()):
                return shard
        return None

    def _has_room(self) -> bool:
        return sum(len(shard.results) for shard in self.open) < _AHEAD * self.workers

    def _opened(self) -> _OpenShard[BatchT, ResultT] | None:
        """Open the next shard, unless enough shards are open or enough batches are read ahead."""
        enough = len(self.open) > self.workers or (self.open and not self._has_room())
        if self.all_opened or enough:
            return None
        try:
            for shard in self.unopened:
                self.open.append(_OpenShard(_batches(self.read, shard)))
                return self.open[-1]
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread, in its place
            self.open.append(_OpenShard(_raising(error)))
            return self.open[-1]
        self.all_opened = True
        self.changed.notify_all()
        return None


def _batches(
    read: Callable[[ShardT], Iterator[BatchT]], shard: ShardT
) -> Generator[BatchT, None, None]:
    """Read a shard as a generator, so that a failure to open it comes with the first batch."""
    yield from read(shard)


def _raising(error: BaseException) -> Generator[Any, None, None]:
    """Raise what fetching the next shard raised, as if reading that shard did."""
    raise error
    yield
