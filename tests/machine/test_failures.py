"""Failures of the machine are told from those of the data."""

import errno
import subprocess
import sys
import zlib

import cv2
import numpy as np
import pyarrow as pa
import pytest
from onnxruntime.capi.onnxruntime_pybind11_state import Fail
from PIL import Image, ImageFile

from mnist_batch.errors import InputError, MachineError
from mnist_batch.machine.failures import (
    has_room,
    is_out_of_memory,
    loading,
    not_started,
    raise_if_of_machine,
)

_FAR_TOO_MUCH = 2**60  # bytes


def _raised(act: object) -> Exception:
    try:
        act()  # type: ignore[operator]
    except Exception as error:  # noqa: BLE001 - whatever the library raises
        return error
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    "ask",
    [
        lambda: bytearray(_FAR_TOO_MUCH),
        lambda: np.empty(_FAR_TOO_MUCH, np.uint8),
        lambda: pa.allocate_buffer(_FAR_TOO_MUCH),
        lambda: cv2.copyMakeBorder(np.zeros((1, 1)), 0, 2**30, 0, 2**27, cv2.BORDER_CONSTANT),
        lambda: Image.new("L", (2**30, 2**30)),
        lambda: (_ for _ in ()).throw(ImageFile._get_oserror(-9, encoder=False)),
    ],
    ids=["Python", "NumPy", "Arrow", "OpenCV", "Pillow", "a decoder of Pillow's"],
)
def test_memory_that_a_library_cannot_have_is_the_machines(ask: object) -> None:
    """Each library that decodes says in its own way that memory ran out."""
    error = _raised(ask)
    assert is_out_of_memory(error)
    with pytest.raises(MachineError, match=r"^a\.png: memory ran out \(.*; nothing is wrong with"):
        raise_if_of_machine(error, "a.png")


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory ran out"),
        (OSError(errno.EMFILE, "Too many open files"), "too many files are open"),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full"),
        (OSError(errno.ENOTCONN, "Transport endpoint is not connected"), "the storage cannot be"),
        (RuntimeError("can't start new thread"), "no further thread"),
        (zlib.error("Error -4 while decompressing data"), "memory ran out"),
        (cv2.error("std::bad_alloc"), "memory ran out"),
        (
            Fail(
                "[ONNXRuntimeError] : 1 : FAIL : Name:'a' Status Message: "
                "bfc_arena.cc:359 Failed to allocate memory for requested buffer of size 400000000"
            ),
            "memory ran out",
        ),
        (
            ImportError("/x/libcv.so: failed to map segment from shared object"),
            "memory ran out",
        ),
        (OSError("/x/liba.so: cannot allocate memory in static TLS block"), "memory ran out"),
        (ImportError("libGL.so.1: cannot open shared object file"), "a library cannot be loaded"),
    ],
)
def test_what_the_machine_lacks_is_named(error: Exception, what: str) -> None:
    """The message says what the machine lacks, in what the system or the library said."""
    with pytest.raises(MachineError, match=f"^{what}") as caught:
        raise_if_of_machine(error)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EACCES, "Permission denied"),
        OSError(errno.ENOENT, "No such file or directory"),
        OSError(errno.EIO, "Input/output error"),
        OSError(errno.EAGAIN, "Resource temporarily unavailable"),  # a pipe without a writer
        OSError("broken data stream when reading image file"),
        zlib.error("Error -3 while decompressing data: invalid block type"),
        pa.ArrowInvalid("column 'out of memory': std::bad_alloc"),  # words of a file's
        ValueError("Error: out of memory when reading image file"),
        # Messages of this package begin with names of files.
        InputError("x: failed to map segment from shared object.parquet: no such file"),
        ValueError("x: failed to map segment from shared object"),
    ],
)
def test_what_a_file_can_cause_is_not_the_machines(error: Exception) -> None:
    """Errors of a file itself, and words of a file in an error, stay the row's."""
    raise_if_of_machine(error)


def test_an_exception_that_comes_from_one_of_the_machine_is_too() -> None:
    """A library may raise another type `from` it; what a program was handling does not count."""

    def raising_another() -> None:
        try:
            raise ImportError("a library of the calling program's")
        except ImportError:
            raise ValueError("damaged")  # noqa: B904 - without `from`, as in a call of ours there

    def raising_from_it() -> None:
        try:
            bytearray(_FAR_TOO_MUCH)
        except MemoryError as error:
            raise ValueError("damaged") from error

    with pytest.raises(MachineError):
        raise_if_of_machine(_raised(raising_from_it))
    raise_if_of_machine(_raised(raising_another))


@pytest.mark.parametrize(
    ("message", "is_memory"),
    [
        ("RESOURCE_EXHAUSTED: Out of memory while trying to allocate 8 bytes.", True),  # JAX
        ("CUDA out of memory. Tried to allocate 2.00 GiB", True),  # PyTorch
        ("[enforce fail at alloc_cpu.cpp:127] . DefaultCPUAllocator: can't allocate memory", True),
        ("Exception encountered when calling x.\n\nCUDA out of memory. Tried", True),
        ("Failed copying input tensor to GPU: Dst tensor is not initialized.", True),
        ("Exception encountered when calling layer 'out of memory'", False),
        ("Layer 'RESOURCE_EXHAUSTED: Dst tensor is not initialized' got 3 units", False),
    ],
)
def test_keras_s_backends_tell_in_their_words_and_layers_in_none(
    message: str, *, is_memory: bool
) -> None:
    """A model names its layers as it likes, and messages quote them."""
    assert is_out_of_memory(RuntimeError(message)) is is_memory


def test_an_error_of_the_machine_stays_the_same_one() -> None:
    """What was told once is not told again in other words."""
    told = MachineError("a.png: memory ran out")
    with pytest.raises(MachineError) as caught:
        raise_if_of_machine(told, "elsewhere")
    assert caught.value is told


def test_whatever_an_import_raises_is_the_machines() -> None:
    """A library that is loaded half-way raises any type."""
    unloaded = r"^OpenCV: a library cannot be loaded \(no attribute"
    with pytest.raises(MachineError, match=unloaded), loading("OpenCV"):
        raise AttributeError("no attribute 'x'")
    with pytest.raises(MachineError, match=r"^OpenCV: memory ran out"), loading("OpenCV"):
        raise MemoryError


def test_a_thread_that_cannot_be_started_is_no_lack_of_memory() -> None:
    """Processes give EAGAIN, threads a RuntimeError."""
    for error in (OSError(errno.EAGAIN, "busy"), RuntimeError("can't start new thread")):
        assert "ulimit -u" in str(not_started(error, "a worker"))
    assert "ulimit -v" in str(not_started(OSError(errno.ENOMEM, "none"), "a worker"))


def test_room_is_what_a_limit_leaves() -> None:
    """Under a limit of address space there is room below it and none above it."""
    program = (
        "import resource; resource.setrlimit(resource.RLIMIT_AS, (2**30, 2**30));"
        "from mnist_batch.machine.failures import has_room; print(has_room(2**26), has_room(2**30))"
    )
    said = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert said.stdout.split() == [b"True", b"False"]
    assert has_room(2**20)
