"""States of many files, and small files read at once; see `files.c`.

Paths come as bytes, one after the other. Where files lie in one folder one after the other, as in
most lists, the system is asked for each by its name in this folder.
"""

import ctypes

import numpy as np
import numpy.typing as npt

from mnist_batch._kernels import library
from mnist_batch._kernels.arguments import address

MAX_BYTES = 65536
"""A file of this size or above is left to whoever calls; `files.c` has the number too."""

_Bytes = npt.NDArray[np.uint8]
_Bounds = npt.NDArray[np.int64]


def read_files(
    paths: _Bytes,
    path_bounds: _Bounds,
    flags: int,
    data: _Bytes,
    bounds: npt.NDArray[np.int32],
) -> int:
    """Read files one after the other into `data`, as many as have room there.

    Args:
        paths: the paths as the system takes them.
        path_bounds: int64 (n + 1), where each path begins and the next one.
        flags: what to open a file with, of `os.O_RDONLY` and others.
        data: uint8, filled; the room has to be for `MAX_BYTES` at least.
        bounds: int32 (n + 1), filled: where each file's bytes begin and the next one's. A file
            without bytes is empty, too large, or cannot be read.

    Returns:
        The number of files that are through.

    Raises:
        ValueError: an array has another type or size, or bounds are not ascending.
    """
    count = len(path_bounds) - 1
    through: int = library.get().read_files(
        *_located(paths, path_bounds),
        ctypes.c_int(flags),
        address(data, np.uint8, 0, filled=True),
        ctypes.c_size_t(data.size),
        address(bounds, np.int32, count + 1, filled=True),
    )
    return through


def file_states(paths: _Bytes, path_bounds: _Bounds, states: npt.NDArray[np.int64]) -> None:
    """Ask for size, time of the last change in seconds and nanoseconds, and inode of files.

    Args:
        paths: as of `read_files`.
        path_bounds: likewise.
        states: int64 (n, 4), filled; -1 where the system does not tell.

    Raises:
        ValueError: an array has another type or size, or bounds are not ascending.
    """
    count = len(path_bounds) - 1
    library.get().file_states(
        *_located(paths, path_bounds), address(states, np.int64, 4 * count, filled=True)
    )


def _located(
    paths: _Bytes, bounds: _Bounds
) -> tuple[ctypes.c_void_p, ctypes.c_void_p, ctypes.c_size_t]:
    """Return what the compiled code takes for a list of paths."""
    if bounds[0] < 0 or (bounds[1:] < bounds[:-1]).any():
        raise ValueError("path_bounds: expected ascending numbers from 0")
    where = address(paths, np.uint8, int(bounds[-1]))
    return where, address(bounds, np.int64, 1), ctypes.c_size_t(len(bounds) - 1)
