"""When the compiled code is loaded: it is worth waiting for only where there is much to do."""

import atexit
import threading
from collections.abc import Iterable
from functools import cache

from mnist_batch.shards import Shard

_PAY_IMAGES = 60_000
"""From so many images on it pays in a process of its own; Pillow takes as long for fewer as the
loading does, which it would share the interpreter with."""

_ready = threading.Event()
_failures: list[str] = []


def load_where_it_pays(shards: Iterable[Shard]) -> None:
    """Begin to load the compiled code if there are enough images to be decoded."""
    if sum(shard.rows for shard in shards if shard.encoded) >= _PAY_IMAGES:
        load()


@cache
def load() -> threading.Thread:
    """Begin to load the compiled code, once in a process; other threads go on without it.

    Importing Numba and loading takes 1.5 s, and compiling 6 s or more, once on a machine. A process
    that is done before waits for it at its end, so that the next one finds it compiled.
    """
    thread = threading.Thread(target=_load, daemon=True)
    thread.start()
    atexit.register(thread.join)  # nobody may tear the compiler down while it works
    return thread


def loading() -> bool:
    """Tell whether it is being loaded just now."""
    return load.cache_info().currsize > 0 and load().is_alive()


def ready() -> bool:
    """Tell whether it is there."""
    return _ready.is_set()


def failure() -> str | None:
    """Return why it could not be loaded, or None."""
    return next(iter(_failures), None)


def _load() -> None:
    try:
        from mnist_batch import file_kernels, png_kernels

        png_kernels.load()
        file_kernels.load()
    except Exception as error:  # noqa: BLE001 - a damaged cache or installation raises any type
        _failures.append(f"{type(error).__name__}: {error}")
    else:
        _ready.set()
