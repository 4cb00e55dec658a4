"""When the compiled code is loaded: it is worth waiting for only where there is much to do."""

import threading
from collections.abc import Iterable
from functools import cache

from mnist_batch.shards import Shard

_PAY_IMAGES = 20_000
"""From so many images on it pays; without it they take about as long as loading it."""

_ready = threading.Event()


def load_where_it_pays(shards: Iterable[Shard]) -> None:
    """Begin to load the compiled code if there are enough images to be decoded."""
    if sum(shard.rows for shard in shards if shard.encoded) >= _PAY_IMAGES:
        load()


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
