"""The memory that large pictures share, whichever threads read, decode and prepare them.

Who works on a large picture reserves what that may take, and waits until so much is free. So the
memory of a process does not grow with its workers. A small picture or file asks for nothing: it
costs less than the lock.
"""

import ctypes
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import cache

from mnist_batch.machine.failures import has_room, require_room
from mnist_batch.machine.memory_limits import allowed_memory, free_address_space, resident_memory

_MOST_BY_DEFAULT = 2**30
"""Bytes for pictures: eight colour pictures of 29 megapixels at once with some of their files."""

_LEAST = 32 * 2**20
"""Bytes for pictures, however little is left; a larger one is worked on alone."""

_GROWTH = 64 * 2**20
"""Bytes that a run takes after it began, beside large pictures: batches of small ones."""

_WORKER, _BATCH = 192 * 2**20, 32 * 2**20
"""Bytes of address space that a worker may ask for, most of it for its thread, and that a batch of
small pictures takes."""

_LARGE_PIECE = 8 * 2**20
"""Bytes; more than any array of a batch of small images, which are worth keeping."""


class Budget:
    """Bytes that threads share, for pictures and for the files that these come from.

    Threads get them in the order in which they ask. So a large request waits for those before it
    and no longer, however many small ones follow. What a thread waits for always becomes free:
    pictures wait for pictures alone, which end; and files wait for the threads that have read
    theirs, which wait for pictures at most.
    """

    def __init__(self, usual_size: Callable[[], int]) -> None:
        """Begin with all bytes free; how many there are is asked when they are first needed."""
        self._usual_size = usual_size
        self._sizes: list[int] = []
        self._usual: int | None = None
        self._changed = threading.Condition()
        self._waiting: deque[int] = deque()  # threads, in the order in which they ask
        self._reserved: dict[int, int] = {}  # bytes by thread
        self._reading: deque[int] = deque()  # threads that wait to read, likewise
        self._read: dict[int, int] = {}  # bytes of files by thread, of those within `batch`

    @contextmanager
    def within(self, size: int) -> Iterator[None]:
        """Have `size` bytes meanwhile; where several sizes are asked for, the least counts."""
        with self._changed:
            self._sizes.append(size)
        try:
            yield
        finally:
            with self._changed:
                self._sizes.remove(size)
                self._changed.notify_all()

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Wait until `size` bytes are free, and hold them.

        A request for more than there is waits until no thread holds any, and holds all. Of a thread
        that holds some already, the last request counts: none waits while it holds.
        """
        thread = threading.get_ident()
        with self._changed:
            before = self._reserved.pop(thread, None)
            self._changed.notify_all()
            with self._queued(self._waiting, thread):
                self._changed.wait_for(
                    lambda: (
                        self._waiting[0] == thread and (not self._reserved or self._is_free(size))
                    )
                )
            self._reserved[thread] = size
        try:
            yield
        finally:
            with self._changed:
                self._reserved.pop(thread, None)
                if before is not None:
                    self._reserved[thread] = before
                self._changed.notify_all()

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Let go at the end of what this thread reads meanwhile, see `read`."""
        thread = threading.get_ident()
        self._read[thread] = 0
        try:
            yield
        finally:
            if self._read.pop(thread):
                with self._changed:
                    self._changed.notify_all()

    def read(self, size: int) -> None:
        """Wait until `size` bytes are free for a file, and hold them until the `batch` ends.

        Outside of a batch, nothing is held: it is one thread that reads for itself.
        """
        thread = threading.get_ident()
        if thread not in self._read:
            return
        with self._changed:
            with self._queued(self._reading, thread):
                self._changed.wait_for(
                    lambda: (
                        self._reading[0] == thread and (self._is_free(size) or not self._is_busy())
                    )
                )
            self._read[thread] += size

    def _is_free(self, size: int) -> bool:
        taken = sum(self._reserved.values()) + sum(list(self._read.values()))
        return taken + size <= self._size()

    def _size(self) -> int:
        if self._sizes:
            return min(self._sizes)
        if self._usual is None:
            self._usual = self._usual_size()
        return self._usual

    def _is_busy(self) -> bool:
        """Tell whether some thread that does not wait to read holds memory."""
        return bool(self._reserved) or any(
            size and thread not in self._reading for thread, size in list(self._read.items())
        )

    @contextmanager
    def _queued(self, queue: deque[int], thread: int) -> Iterator[None]:
        try:
            queue.append(thread)
            yield
        finally:  # also where Ctrl-C interrupts the waiting, or comes before it
            with suppress(ValueError):
                queue.remove(thread)
            self._changed.notify_all()


def _size_by_default() -> int:
    """Return the bytes that pictures share where nobody says how much memory to take.

    Others share the limits of the container and of the machine, as the process that draws figures.
    So a quarter stays free; and half of what `ulimit -v` leaves, since allocators ask for more than
    they use.
    """
    sizes = [allowed_memory() * 3 // 4 - resident_memory() - _GROWTH]
    if (free := free_address_space()) is not None:
        sizes.append(free // 2)
    return max(_LEAST, min([_MOST_BY_DEFAULT, *sizes]))


_pictures = Budget(_size_by_default)


@cache
def _return_large_pieces() -> None:
    """Let glibc give back to the system what is freed of large pictures and files.

    By itself it keeps pieces of up to 32 MiB for each thread (mallopt(3), M_MMAP_THRESHOLD): eight
    threads with pictures of 29 megapixels took twice the memory.
    """
    trim_threshold, mmap_threshold = -1, -3  # malloc.h
    with suppress(AttributeError, OSError):  # another C library
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(mmap_threshold, _LARGE_PIECE)
        mallopt(trim_threshold, 2 * _LARGE_PIECE)  # as glibc itself has it


@cache
def _is_limited() -> bool:
    return free_address_space() is not None


def is_short() -> bool:
    """Tell whether `ulimit -v` leaves so little that fewer threads should work."""
    return _is_limited() and not has_room(_WORKER)


def require_batch() -> None:
    """Refuse to begin a batch where `ulimit -v` leaves so little that a library might abort.

    Raises:
        MachineError: it does.
    """
    if _is_limited():
        require_room(_BATCH, "a batch")


def within(memory: int | None, processes: int = 1) -> AbstractContextManager[None]:
    """Aim to keep this process below `memory` bytes meanwhile; None for the default.

    Pictures and their files share what it does not take already when this begins. With several
    `processes`, this one takes its share, as the others do.
    """
    if memory is not None:
        size = memory // processes - resident_memory() - _GROWTH
    elif processes > 1:
        size = _size_by_default() // processes
    else:
        return nullcontext()
    return _pictures.within(max(_LEAST, size))


def reserve(size: int) -> AbstractContextManager[None]:
    """Wait until a picture may take `size` bytes, and hold them until it is done."""
    _return_large_pieces()
    return _pictures.reserve(size)


def alone() -> AbstractContextManager[None]:
    """Wait until no thread holds memory for a picture, and keep all others waiting."""
    return _pictures.reserve(sys.maxsize)


def batch() -> AbstractContextManager[None]:
    """Hold what this thread reads of large files until the end; see `read`."""
    return _pictures.batch()


def read(size: int) -> None:
    """Wait until a file of `size` bytes may be read; a small one need not ask."""
    _return_large_pieces()
    _pictures.read(size)
