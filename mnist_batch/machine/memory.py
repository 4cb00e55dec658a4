"""The memory that large pictures share, whichever threads decode and prepare them.

Who works on a large picture reserves what that may take, and waits until so much is free. So the
memory of a process does not grow with its workers. A small picture reserves nothing: it costs less
than the lock.
"""

import sys
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

_DEFAULT = 2**30


class Budget:
    """Bytes that threads share. They get them in the order in which they ask.

    So a large request waits for those before it and no longer, however many small ones follow.
    """

    def __init__(self, size: int) -> None:
        """Begin with `size` bytes, all of them free."""
        self._size = size
        self._changed = threading.Condition()
        self._waiting: deque[int] = deque()  # threads, in the order in which they ask
        self._reserved: dict[int, int] = {}  # bytes by thread

    @contextmanager
    def reserve(self, size: int) -> Iterator[None]:
        """Wait until `size` bytes are free, and hold them.

        A request for more than the budget waits until nothing is reserved, and holds all of it. Of
        a thread that holds some already, the last request counts: none waits while it holds.
        """
        thread = threading.get_ident()
        with self._changed:
            before = self._reserved.pop(thread, None)
            self._changed.notify_all()
            self._waiting.append(thread)
            try:
                self._changed.wait_for(lambda: self._waiting[0] == thread and self._is_free(size))
                self._reserved[thread] = size
            finally:  # also where Ctrl-C interrupts the waiting
                self._waiting.remove(thread)
                self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._reserved.pop(thread, None)
                if before is not None:
                    self._reserved[thread] = before
                self._changed.notify_all()

    def _is_free(self, size: int) -> bool:
        return not self._reserved or sum(self._reserved.values()) + size <= self._size


_pictures = Budget(_DEFAULT)


def reserve(size: int) -> AbstractContextManager[None]:
    """Wait until a picture may take `size` bytes, and hold them until it is done: see `Budget`."""
    return _pictures.reserve(size)


def alone() -> AbstractContextManager[None]:
    """Wait until no thread holds memory for a picture, and keep all others waiting."""
    return _pictures.reserve(sys.maxsize)
