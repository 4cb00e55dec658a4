"""Numba's compiler, set up once: what it compiles runs without the interpreter lock and is kept."""

from collections.abc import Callable
from typing import TypeVar, cast

from numba import njit

_Function = TypeVar("_Function", bound=Callable[..., object])


def compiled(function: _Function) -> _Function:
    """Compile a function at its first call, or load what an earlier process compiled.

    The compiled code lies beside the module's, or in the user's cache folder.
    """
    try:
        return cast(_Function, njit(nogil=True, cache=True)(function))
    except RuntimeError:  # neither folder can be written
        return cast(_Function, njit(nogil=True)(function))
