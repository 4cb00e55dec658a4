"""Load the compiled code that this processor can run.

The kernels are plain C behind `ctypes`, which lets go of the interpreter lock during a call. They
need none of Python's headers, which a machine with nothing but Python does not have either, and
one wheel serves all versions of Python.

Measured for the PNG decoder, on an EPYC, 2026-11-27. Cython 3.3's version of the same loops takes
1.38 us an image with AVX2 and 1.51 without, this 1.28 and 1.43, an extension module of the stable
ABI around this 1.27. Stripped they have 205, 22 and 23 KB. Starting takes 12 ms of CPU with each;
a call costs 7 us through `ctypes`, 3 us otherwise, once a batch. Cython needs Python.h to be
compiled and a wheel for each version of Python, the stable ABI Python.h and one wheel, this one.
"""

import ctypes
from contextlib import suppress
from functools import cache
from pathlib import Path

_FOLDER = Path(__file__).parent
_PLAIN = _FOLDER / "plain.so"
_AVX2 = _FOLDER / "avx2.so"  # the same code compiled for processors with AVX2, FMA and BMI2

VERSION = 1
"""Of what the functions take and give; raised together with `KERNELS_VERSION` in kernels.h."""

FUNCTIONS = (
    "kernels_version", "has_avx2", "decode_pngs", "check_form", "sum_pixels", "find_chunks",
    "check_pages", "read_files", "file_states", "panel_units", "multiply_pixels",
)  # fmt: skip
"""All that a library exports."""


def loaded() -> ctypes.CDLL | None:
    """Return the library of the kernels; None where it is not installed."""
    return _loaded()[0]


def why_not() -> str:
    """Return why there is no library."""
    return _loaded()[1]


def get() -> ctypes.CDLL:
    """Return the library of the kernels, which has to be there."""
    found = loaded()
    assert found is not None, "ask `_kernels.ready()` first"
    return found


def described() -> str:
    """Return what decodes images like MNIST's, for a person."""
    found = loaded()
    if found is None:
        return "Pillow"
    return "compiled code for AVX2" if found._name == str(_AVX2) else "compiled code"


class _UnusableError(Exception):
    """A library is never called; the message says why."""


@cache
def _loaded() -> tuple[ctypes.CDLL | None, str]:
    if not _PLAIN.exists():
        return None, "it was installed without a C compiler"
    try:
        plain = _opened(_PLAIN)
    except _UnusableError as error:
        return None, str(error)
    if _AVX2.exists() and plain.has_avx2():
        with suppress(_UnusableError):  # the plain one does the same
            return _opened(_AVX2), ""
    return plain, ""


def _opened(path: Path) -> ctypes.CDLL:
    """Return a library, which has all of the functions.

    Raises:
        _UnusableError: it cannot be loaded, or is of another version.
    """
    try:
        library = ctypes.CDLL(str(path))
    except OSError as error:
        raise _UnusableError(f"it cannot be loaded: {error}") from error
    if not all(hasattr(library, name) for name in FUNCTIONS) or (
        library.kernels_version() != VERSION
    ):
        raise _UnusableError("it is of another version of the package: build it again")
    library.read_files.restype = ctypes.c_size_t  # not an int, as the others
    return library
