"""When the compiled code is loaded: it is worth waiting for only where there is much to do."""

import threading
import time
from collections.abc import Iterable
from functools import cache

from mnist_batch.inputs.shards import Shard

_PAY_IMAGES = 40_000
"""From so many images on it pays in a process of its own; Pillow takes 2 s for as many."""

_lock = threading.Lock()
_ready = threading.Event()


def load_where_it_pays(shards: Iterable[Shard]) -> None:
    """Load the compiled code if there are enough images to be decoded."""
    if sum(shard.rows for shard in shards if shard.encoded) >= _PAY_IMAGES:
        load()


def load() -> None:
    """Load the compiled code, once in a process; it takes 1.5 s.

    Where it was never compiled before, on a new machine, that takes 10 s more. Nothing else is done
    meanwhile: other threads would share the interpreter with it, and both be slower.
    """
    with _lock:  # by threads that begin at the same time
        _loaded()


def ready() -> bool:
    """Tell whether it is there."""
    return _ready.is_set()


def notes() -> list[str]:
    """Return what the user should know of the loading, one sentence each."""
    return _loaded() if _loaded.cache_info().currsize else []


@cache
def _loaded() -> list[str]:
    """Load it, and return what is to be said of that."""
    started = time.perf_counter()
    try:
        from mnist_batch._kernels import files, mnist_form, parquet, png

        png.load()
        files.load()
        mnist_form.load()
        parquet.load()
    except Exception as error:  # noqa: BLE001 - a damaged cache or installation raises any type
        cause = f"{type(error).__name__}: {error}"
        return [f"the compiled decoder could not be loaded, so Pillow decoded all: {cause}"]
    _ready.set()
    if not png.decode_pngs.stats.cache_misses:  # type: ignore[attr-defined] # of Numba's
        return []
    elapsed_s = time.perf_counter() - started
    return [f"the fast decoder was compiled, once on this machine: {elapsed_s:.0f} s"]
