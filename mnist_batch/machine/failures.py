"""Tell failures of the machine from those of the data.

A row's error, or a damaged file, is only what stays the same when it is read again on a healthy
machine. All that turns exceptions into statements about data asks `raise_if_of_machine` first.
"""

import errno
import mmap
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from mnist_batch.errors import MachineError, MnistBatchError


class _Lack(NamedTuple):
    """What a machine does not have, and what to do."""

    what: str
    remedy: str


_MEMORY = _Lack(
    "memory ran out",
    "allow this process more (ulimit -v, the container's limit), or take less at once: fewer "
    "--workers, a smaller --batch-size, a lower --memory",
)
_THREADS = _Lack(
    "no further thread or process can be started",
    "allow more (ulimit -u, ulimit -v), or pass fewer --workers",
)
_OPEN_FILES = _Lack("too many files are open", "allow more (ulimit -n), or pass fewer --workers")
_DISK = _Lack("the disk is full", "make room")
_STORAGE = _Lack("the storage cannot be reached", "see to it that it is there")
_PROGRAM = _Lack("it cannot be started", "install Python and mnist-batch anew")
_LIBRARY = _Lack("a library cannot be loaded", "install mnist-batch anew, on a healthy disk")

# EAGAIN is not among them: a pipe that took a file's place gives it too. Where a process is to be
# started, every OSError is of the machine.
_BY_NUMBER = {
    errno.ENOMEM: _MEMORY,
    errno.ENOBUFS: _MEMORY,
    errno.EMFILE: _OPEN_FILES,
    errno.ENFILE: _OPEN_FILES,
    errno.ENOSPC: _DISK,
    errno.EDQUOT: _DISK,
    # Of network file systems, nfs(5), and of FUSE whose process has ended.
    errno.ESTALE: _STORAGE,
    errno.ENOTCONN: _STORAGE,
    errno.ETIMEDOUT: _STORAGE,
    errno.ENETDOWN: _STORAGE,
    errno.ENETUNREACH: _STORAGE,
    errno.EHOSTDOWN: _STORAGE,
    errno.EHOSTUNREACH: _STORAGE,
}
"""What the operating system lacks, by the number of its error."""

_MEMORY_TYPES = {
    "MemoryError",  # Python; NumPy's _ArrayMemoryError and pyarrow.ArrowMemoryError are such
    "ResourceExhaustedError",  # TensorFlow
    "OutOfMemoryError",  # PyTorch on a GPU
}

_LINKER = (
    r"\S+: (failed to map segment from shared object|cannot allocate memory in static TLS block"
    r"|cannot [^:]+: Cannot allocate memory$)"
)
"""The dynamic linker's words, glibc's elf/dl-load.c and others, by an import or by ctypes."""

_MEMORY_TEXTS = {
    "builtins.ImportError": _LINKER,
    # Pillow 13, ImageFile, code -9; Arrow's words for zstd.
    "builtins.OSError": "out of memory when (read|writ)ing image file$"
    "|ZSTD decompression failed: Allocation error : not enough memory"
    f"|{_LINKER}",
    "cv2.error": r"OpenCV.* error: \(-4:Insufficient memory\)|std::bad_alloc$",  # Error::StsNoMem
    **dict.fromkeys(
        (
            "onnxruntime.capi.onnxruntime_pybind11_state.Fail",
            "onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException",
        ),
        # The end of its message: before that stands the name of an operation.
        r"(?s)\[ONNXRuntimeError\].*"
        r"(Failed to allocate memory for requested buffer of size \d+|std::bad_alloc)\s*$",
    ),
    "zlib.error": "Error -4 while ",  # Z_MEM_ERROR, in CPython's zlibmodule.c
}
"""How messages begin that say that memory ran out, by the type that libraries raise them as. None
begins so with words of a file's."""

_KERAS_MEMORY_TEXTS = r"""(?mx)^(?:
        RESOURCE_EXHAUSTED  # JAX
        | CUDA\ out\ of\ memory  # PyTorch
        | (?:\[enforce\ fail\ at\ [^\]]*\][^'"\n]*)? DefaultCPUAllocator:  # PyTorch on a CPU
        | [^'"\n]* Dst\ tensor\ is\ not\ initialized  # TensorFlow, on a full GPU
    )"""
"""How a line of a message of Keras's backends begins. Other lines quote names of layers."""


def raise_if_of_machine(error: BaseException, where: str = "", *, room: int = 0) -> None:
    """Raise a `MachineError` if an exception, or one that it comes from, is of the machine.

    Args:
        error: what a library or the operating system raised.
        where: what was being done, or with which file, for the message.
        room: bytes that what failed may take. Where so many cannot be had, memory ran out whatever
            the exception says: many libraries call data damaged then.

    Raises:
        MachineError: it is; the exception is its cause.
    """
    for one in _chain(error):
        if isinstance(one, MachineError):
            raise one
        if lack := _lack(one):
            raise _told(lack, one, where) from error
    if room and not has_room(room):
        raise _told(_MEMORY, error, where) from error


@contextmanager
def loading(library: str) -> Iterator[None]:
    """Raise whatever an import raises as a `MachineError`: it says nothing about data.

    Where an import fails half-way, the next attempts may raise anything.
    """
    try:
        yield
    except Exception as error:
        raise_if_of_machine(error, library)
        raise _told(_LIBRARY, error, library) from error


@contextmanager
def machine_errors() -> Iterator[None]:
    """Raise what is of the machine as a `MachineError`, unless this package has told it."""
    try:
        yield
    except MnistBatchError:
        raise
    except Exception as error:
        raise_if_of_machine(error)
        raise


def not_started(error: OSError | RuntimeError, what: str) -> MachineError:
    """Return the error for a process or thread, `what`, that the machine cannot start."""
    lack = _lack(error)
    if getattr(error, "errno", None) == errno.EAGAIN:  # fork(2), at the limit of processes
        lack = _THREADS
    return _told(lack or _PROGRAM, error, what)


def not_read(error: OSError, what: str) -> MachineError:
    """Return the error for a file, `what`, of which a part could be read and the next cannot."""
    return _told(_lack(error) or _STORAGE, error, what)


def out_of_memory(error: BaseException, where: str) -> MachineError:
    """Return the error for an exception that comes from a lack of memory, whatever it says."""
    return _told(_MEMORY, error, where)


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an exception, or one that it comes from, means that memory ran out.

    Keras raises exceptions of its backends again as other types, with the message in it.
    """
    return any(
        _lack(one) is _MEMORY or re.search(_KERAS_MEMORY_TEXTS, str(one)) for one in _chain(error)
    )


def has_room(size: int) -> bool:
    """Tell whether `size` bytes more of address space could be had now; none are taken.

    It says no under a limit (`ulimit -v`), or where the system promises no more than it has.
    """
    try:
        mmap.mmap(-1, size).close()
    except (OSError, MemoryError):
        return False
    return True


def require_room(size: int, what: str) -> None:
    """Refuse to begin where libraries in C would end the process without a word for want of memory.

    Raises:
        MachineError: `size` bytes of address space cannot be had.
    """
    if not has_room(size):
        raise MachineError(
            f"{what} needs {size // 2**20} MiB of address space, which cannot be had; "
            f"{_MEMORY.remedy}"
        )


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an exception and those that it comes from.

    Not what was being handled when it came: that may be an exception of the calling program's.
    """
    one: BaseException | None = error
    while one is not None:
        yield one
        one = one.__cause__


def _lack(error: BaseException) -> _Lack | None:
    """Return what the machine lacks by one exception; None where it says nothing of the machine."""
    kinds = type(error).__mro__
    if {kind.__name__ for kind in kinds} & _MEMORY_TYPES:
        return _MEMORY
    texts = (_MEMORY_TEXTS.get(f"{kind.__module__}.{kind.__name__}") for kind in kinds)
    if any(text and re.match(text, str(error)) for text in texts):
        return _MEMORY
    if isinstance(error, RuntimeError) and str(error) == "can't start new thread":  # CPython
        return _THREADS
    if isinstance(error, ImportError):
        return _LIBRARY
    return _BY_NUMBER.get(error.errno or 0) if isinstance(error, OSError) else None


def _told(lack: _Lack, error: BaseException, where: str) -> MachineError:
    found = " ".join(str(error).split()) or type(error).__name__
    prefix = f"{where}: " if where else ""
    return MachineError(
        f"{prefix}{lack.what} ({found}); nothing is wrong with the data; {lack.remedy}"
    )


class ReplacedError(OSError):
    """An object, or a file of this machine, is not the one any more that was listed."""
