"""When the compiled code is loaded: it is worth waiting for only where there is much to do."""

import threading
from functools import cache

PAY_ROWS = 20_000
"""From so many images on it pays; without it they take about as long as loading it."""

_ready = threading.Event()


@cache
def load() -> threading.Thread:
    """Begin to load the compiled code, once in a process; other threads go on without it.

    Importing Numba and loading takes 1.5 s, and compiling 6 s more, once on a machine. A process
    that is done before waits for it at its end, so that the next one finds it compiled.
    """
    thread = threading.Thread(target=_load)
    thread.start()
    return thread


def ready() -> bool:
    """Tell whether it is there."""
    return _ready.is_set()


def _load() -> None:
    from mnist_batch import file_kernels, png_kernels

    png_kernels.load()
    file_kernels.load()
    _ready.set()
