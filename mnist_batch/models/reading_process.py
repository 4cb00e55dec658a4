"""Read a model file in a child process that can do no harm.

HDF5 files are read by a library in C, which a damaged file can crash or send into an endless loop
(1.14.6 does). So a child process reads them. It has the bytes of the file and nothing else: little
memory and time, and no further files. It sends back one line of JSON, and then the bytes of the
arrays. The child runs `main` of this module.
"""

import codecs
import contextlib
import io
import json
import signal
import subprocess
import sys
from collections.abc import Sequence
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.machine import isolated_python
from mnist_batch.models.formats import ArrayOrder, StoredNetwork, read_stored_network, room_for

CPU_S = 30
WALL_S = 300

_OWN_MEMORY = 2**30  # bytes of address space for Python, NumPy and h5py, which use a tenth of it

_PROGRAM = """
from mnist_batch.models import reading_process
reading_process.main(*map(int, sys.argv[1:]))
"""

_NO_PLUGINS = {"HDF5_PLUGIN_PRELOAD": "::"}
"""No filters that a file names (HDF5, H5PLpublic.h)."""


def read_in_child(content: bytes) -> StoredNetwork:
    """Do what `read_stored_network` does, in a child process.

    Raises:
        ModelError: as there; or the child crashed, ran out of memory or took too long.
    """
    memory = _OWN_MEMORY + 4 * room_for(len(content))
    try:
        child = subprocess.run(
            isolated_python.command(_PROGRAM, str(memory), str(CPU_S)),
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=WALL_S,
            env=isolated_python.variables() | _NO_PLUGINS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(_slow(WALL_S)) from error
    except OSError as error:
        raise ModelError(f"no process could be started to read it: {error.strerror}") from error
    if child.returncode == -signal.SIGXCPU:
        raise ModelError(_slow(CPU_S))
    if child.returncode != 0:
        how = f"signal {-child.returncode}" if child.returncode < 0 else "no result"
        raise ModelError(f"damaged model file: reading it crashed ({how}); copy or save it anew")
    return _received(child.stdout)


def _slow(limit_s: int) -> str:
    return f"damaged model file: it was not read within {limit_s} s; copy or save it anew"


def main(memory: int, cpu_s: int) -> None:
    """Read a model file from standard input, and write its content to standard output.

    This process may take `memory` bytes of address space and `cpu_s` seconds of processor time.
    """
    # Once the limits are set, no file can be opened, not even that of a module.
    import h5py  # noqa: F401

    for codec in ("ascii", "cp437"):  # of names in HDF5, of members in a zip
        codecs.lookup(codec)
    _end_with_parent()
    _limit(memory, cpu_s)
    content = sys.stdin.buffer.read()
    try:
        stored = read_stored_network(content)
    except ModelError as error:
        sys.stdout.buffer.write(json.dumps({"error": str(error)}).encode() + b"\n")
    else:
        _send(stored, sys.stdout.buffer)


def _end_with_parent() -> None:
    """Let Linux kill this process when its parent ends; elsewhere its time runs out."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1  # linux/prctl.h
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def _limit(memory: int, cpu_s: int) -> None:
    import resource

    for kind, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, cpu_s),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_NOFILE, 0),
    ):
        # macOS refuses some; and no limit can be lifted above one that is set already.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, resource.getrlimit(kind)[1]))


def _send(stored: StoredNetwork, out: BinaryIO) -> None:
    weights = [[(array.dtype.str, array.shape) for array in arrays] for arrays in stored.weights]
    out.write(json.dumps(vars(stored) | {"weights": weights}).encode() + b"\n")
    for arrays in stored.weights:
        for array in arrays:
            out.write(np.ascontiguousarray(array).data)


def _received(content: bytes) -> StoredNetwork:
    stream = io.BytesIO(content)  # without a copy, as long as it is only read
    head = json.loads(stream.readline())
    if "error" in head:
        raise ModelError(head["error"])
    weights = [[_array(stream, *array) for array in arrays] for arrays in head["weights"]]
    order = ArrayOrder(head["array_order"])
    return StoredNetwork(**head | {"weights": weights, "array_order": order})


def _array(stream: io.BytesIO, kind: str, shape: Sequence[int]) -> npt.NDArray[Any]:
    array = np.empty(shape, kind)
    stream.readinto(array.reshape(-1).view(np.uint8).data)
    return array
