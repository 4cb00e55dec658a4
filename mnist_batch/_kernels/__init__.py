"""Compile code with Numba, and load it where there are enough images to gain from it.

It is compiled once on a machine, and runs without the interpreter lock.
"""

import threading
import time
from collections.abc import Callable
from functools import cache
from typing import TypeVar, cast

from mnist_batch._kernels.numba_settings import cache_folder, own_settings

_Function = TypeVar("_Function", bound=Callable[..., object])

_PAY_IMAGES = 40_000
"""From so many encoded images on it pays in a process of its own: Pillow decodes as many in 2 s."""

_lock = threading.Lock()
_ready = threading.Event()


def compiled(function: _Function) -> _Function:
    """Compile a function at its first call, or load what an earlier process compiled."""
    from numba import njit  # it takes 0.4 s

    return cast(_Function, njit(nogil=True, cache=cache_folder() is not None)(function))


def load_where_it_pays(encoded_images: int) -> None:
    """Load the compiled code if there are enough images to be decoded."""
    if encoded_images >= _PAY_IMAGES:
        load()


def load() -> None:
    """Load the compiled code, once in a process; it takes 1.5 s.

    The first time on a machine it is compiled, which takes 10 s more. Nothing else should run
    meanwhile: other threads would share the interpreter with it, and both be slower.
    """
    with _lock:  # by threads that begin at the same time
        _loaded()


def ready() -> bool:
    """Tell whether the compiled code is loaded."""
    return _ready.is_set()


def notes() -> list[str]:
    """Return what the user should know of the loading, one sentence each."""
    return _loaded() if _loaded.cache_info().currsize else []


@cache
def _loaded() -> list[str]:
    """Load the compiled code, and return the notes about it."""
    started = time.perf_counter()
    try:
        with own_settings():
            from mnist_batch._kernels import images, parquet, png

            png.load()
            images.load()
            parquet.load()
    except Exception as error:  # noqa: BLE001 - a damaged cache or installation raises any type
        cause = f"{type(error).__name__}: {error}"
        return [f"the compiled decoder could not be loaded, so Pillow decoded all: {cause}"]
    _ready.set()
    if not png.decode_pngs.stats.cache_misses:  # type: ignore[attr-defined] # of Numba's
        return []
    taken = f"{time.perf_counter() - started:.0f} s"
    if cache_folder():
        return [f"the fast decoder was compiled, once on this machine: {taken}"]
    return [
        f"the fast decoder was compiled for this run alone: {taken}; neither the package's folder "
        "nor a cache folder of the user's can be written to keep it"
    ]
