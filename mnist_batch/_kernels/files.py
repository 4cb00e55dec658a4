"""Many small files at once, outside the interpreter lock: compiled by Numba."""

import numpy as np
import numpy.typing as npt
from numba import types

from mnist_batch._kernels.compiler import compiled

MAX_BYTES = 65536
"""A file of this size or above is left to whoever calls."""

# POSIX functions of the C library that this process runs on. `open` takes a third argument only
# where it creates a file.
_open = types.ExternalFunction("open", types.int32(types.uintp, types.int32))
_read = types.ExternalFunction("read", types.intp(types.int32, types.uintp, types.uintp))
_close = types.ExternalFunction("close", types.int32(types.int32))


@compiled
def read_files(
    paths: npt.NDArray[np.uint8],
    begins: npt.NDArray[np.int64],
    flags: int,
    data: npt.NDArray[np.uint8],
    bounds: npt.NDArray[np.int32],
) -> int:
    """Read files one after the other into `data`, as many as have room there.

    Args:
        paths: the paths as the system takes them, a 0 behind each.
        begins: (n,), where each path begins.
        flags: what to open a file with, of `os.O_RDONLY` and others.
        data: filled; the room has to be for `MAX_BYTES` at least.
        bounds: (n + 1), filled: where each file's bytes begin and the next one's. A file without
            bytes is empty, too large, or cannot be read.

    Returns:
        The number of files that are through.
    """
    at = 0
    bounds[0] = 0
    for i in range(len(begins)):
        if len(data) - at < MAX_BYTES:
            return i
        descriptor = _open(paths.ctypes.data + np.uintp(begins[i]), flags)
        if descriptor >= 0:
            size = _read(descriptor, data.ctypes.data + np.uintp(at), np.uintp(MAX_BYTES))
            _close(descriptor)
            if 0 < size < MAX_BYTES:
                at += size
        bounds[i + 1] = at
    return len(begins)


def load() -> None:
    """Compile `read_files`, or load what an earlier process compiled."""
    nothing = np.zeros(0, np.uint8)
    read_files(
        np.frombuffer(b"-", np.uint8), np.zeros(0, np.int64), 0, nothing, np.zeros(1, np.int32)
    )
