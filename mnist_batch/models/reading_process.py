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

from mnist_batch.errors import MachineError, ModelError
from mnist_batch.machine import isolated_python
from mnist_batch.machine.failures import not_started
from mnist_batch.models.formats import ArrayOrder, StoredNetwork, read_stored_network, room_for
from mnist_batch.models.onnx.graph import OnnxGraph
from mnist_batch.models.onnx.reading import is_onnx, read_onnx

CPU_S = 30
WALL_S = 300

_OWN_MEMORY = 2**30  # bytes of address space for Python, NumPy and h5py, which use a tenth of it

_PROGRAM = """
from mnist_batch.models import reading_process
reading_process.main(*map(int, sys.argv[1:]))
"""

_NO_PLUGINS = {"HDF5_PLUGIN_PRELOAD": "::"}
"""No filters that a file names (HDF5, H5PLpublic.h)."""


def read_in_child(content: bytes) -> StoredNetwork | OnnxGraph:
    """Do what `read_stored_network` does, or `read_onnx` with a file of ONNX, in a child process.

    Raises:
        ModelError: as there, or as `limited_output` does.
        MachineError: as `limited_output` does.
    """
    return _received(limited_output(_PROGRAM, content, own_memory(len(content)), "reading"))


def own_memory(size: int) -> int:
    """Return how many bytes of memory a child may take that reads a file of so many bytes."""
    return _OWN_MEMORY + 4 * room_for(size)


def limited_output(program: str, content: bytes, memory: int, doing: str) -> bytes:
    """Return what a program says of a model, run as a child that takes little.

    Args:
        program: its source. It gets the limits, bytes of memory and seconds of processor time, as
            arguments, and calls `begun` with them.
        content: what it reads from standard input.
        memory: bytes of address space that it may take.
        doing: what it does, for messages.

    Raises:
        ModelError: the child crashed, took too long, or would have needed more memory.
        MachineError: the child could not be started, was killed, or had less memory than it may
            take.
    """
    try:
        child = subprocess.run(
            isolated_python.command(program, str(memory), str(CPU_S)),
            input=content,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=WALL_S,
            env=isolated_python.variables() | _NO_PLUGINS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(_slow(doing, WALL_S)) from error
    except OSError as error:
        raise not_started(error, "a process to read a model") from error
    if not child.stdout.startswith(_BEGUN):
        raise MachineError(_UNREAD.format("could not start"))
    if child.returncode == -signal.SIGKILL:  # a file can do much, but not that
        raise MachineError(_UNREAD.format("was killed"))
    if child.returncode == -signal.SIGXCPU:
        raise ModelError(_slow(doing, CPU_S))
    if child.returncode != 0 and _is_limited(memory):
        raise MachineError(_UNREAD.format("crashed, with little memory"))
    if child.returncode != 0:
        how = f"signal {-child.returncode}" if child.returncode < 0 else "no result"
        raise ModelError(f"damaged model file: {doing} it crashed ({how}); copy or save it anew")
    return child.stdout[len(_BEGUN) :]


_BEGUN = b"\n"
"""What the child sends once it has all that it needs but the file."""

_UNREAD = (
    "the process that reads a model {}; nothing is wrong with the data; allow it more memory "
    "(ulimit -v, the container's limit)"
)


def _slow(doing: str, limit_s: int) -> str:
    return f"damaged model file: {doing} it takes more than {limit_s} s; copy or save it anew"


def main(memory: int, cpu_s: int) -> None:
    """Read a model file from standard input, and write its content to standard output.

    This process may take `memory` bytes of address space and `cpu_s` seconds of processor time.
    """
    # Once the limits are set, no file can be opened, not even that of a module.
    import h5py  # noqa: F401

    for codec in ("ascii", "cp437"):  # of names in HDF5, of members in a zip
        codecs.lookup(codec)
    content = begun(memory, cpu_s)
    try:
        stored = read_onnx(content) if is_onnx(content) else read_stored_network(content)
    except (ModelError, MachineError) as error:
        said = {"error": str(error)}
        if isinstance(error, MachineError):
            said = {"machine": str(error)} if _is_limited(memory) else {"error": _GREEDY}
        say(said)
    else:
        if isinstance(stored, OnnxGraph):
            say({"onnx": stored.record()})
        else:
            _send(stored, sys.stdout.buffer)


def begun(memory: int, cpu_s: int) -> bytes:
    """Let this process take no more than so much, and return what it is to read.

    No file can be opened from here on, not even that of a module.
    """
    isolated_python.end_with_parent()
    _limit(memory, cpu_s)
    content = sys.stdin.buffer.read()
    sys.stdout.buffer.write(_BEGUN)
    sys.stdout.buffer.flush()
    return content


def say(said: object) -> None:
    """Write a line of JSON to standard output."""
    sys.stdout.buffer.write(json.dumps(said).encode() + b"\n")


_GREEDY = "damaged or incomplete model file (MemoryError); copy or save it anew"


def _is_limited(memory: int) -> bool:
    """Tell whether this process may take less than so many bytes of address space."""
    import resource

    most = resource.getrlimit(resource.RLIMIT_AS)[0]
    return most != resource.RLIM_INFINITY and most < memory


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


def _received(content: bytes) -> StoredNetwork | OnnxGraph:
    stream = io.BytesIO(content)  # without a copy, as long as it is only read
    head = json.loads(stream.readline())
    if "error" in head:
        raise ModelError(head["error"])
    if "machine" in head:
        raise MachineError(head["machine"])
    if "onnx" in head:
        return OnnxGraph.of(head["onnx"])
    weights = [[_array(stream, *array) for array in arrays] for arrays in head["weights"]]
    order = ArrayOrder(head["array_order"])
    return StoredNetwork(**head | {"weights": weights, "array_order": order})


def _array(stream: io.BytesIO, kind: str, shape: Sequence[int]) -> npt.NDArray[Any]:
    array = np.empty(shape, kind)
    stream.readinto(array.reshape(-1).view(np.uint8).data)
    return array
