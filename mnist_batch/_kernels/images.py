"""Image files read at once, the check for MNIST's form, and sums of pixels: compiled by Numba."""

import numpy as np
import numpy.typing as npt
from numba import types

from mnist_batch._kernels import compiled
from mnist_batch.mnist import BOX, CENTRE, SIDE

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


@compiled
def check_form(
    images: npt.NDArray[np.uint8],
    box: int,
    centre: int,
    slack: float,
    formed: npt.NDArray[np.bool_],
) -> None:
    """Do what `preprocessing.mnist_form.in_mnist_form` does, in a tenth of the time.

    Args:
        images: uint8 (n, 784).
        box: rows and columns that the ink may take.
        centre: row and column of its centre of mass.
        slack: pixels by which that may be off.
        formed: bool (n,), filled.
    """
    columns = np.zeros(SIDE, np.uint16)  # at most 28 * 255
    for i in range(len(images)):
        columns[:] = 0
        mass, down, first, last = 0, 0, SIDE, -1
        for row in range(SIDE):
            pixels = images[i, row * SIDE : (row + 1) * SIDE]
            line = np.uint32(0)
            for column in range(SIDE):
                line += pixels[column]
            if line:
                for column in range(SIDE):
                    columns[column] += pixels[column]
                first, last = min(first, row), row
                mass += np.int64(line)
                down += row * np.int64(line)
        rows = last - first + 1
        across, first, last = 0, SIDE, -1
        for column in range(SIDE):
            if columns[column]:
                first, last = min(first, column), column
                across += column * np.int64(columns[column])
        formed[i] = (
            mass > 0
            and rows <= box
            and last - first + 1 <= box
            and abs(down - centre * mass) <= slack * mass
            and abs(across - centre * mass) <= slack * mass
        )


@compiled
def sum_pixels(images: npt.NDArray[np.uint8], sums: npt.NDArray[np.uint32]) -> None:
    """Sum the pixels of each image, in a tenth of NumPy's time: uint8 (n, 784) into (n,)."""
    for i in range(len(images)):
        total = np.uint32(0)
        for place in range(SIDE * SIDE):
            total += images[i, place]
        sums[i] = total


def load() -> None:
    """Compile all functions, or load what an earlier process compiled."""
    nothing = np.zeros(0, np.uint8)
    read_files(
        np.frombuffer(b"-", np.uint8), np.zeros(0, np.int64), 0, nothing, np.zeros(1, np.int32)
    )
    # Memory that is only read is another type for Numba.
    pixels = np.zeros((0, SIDE * SIDE), np.uint8)
    pixels.flags.writeable = False
    check_form(pixels, BOX, CENTRE, 0.5, np.zeros(0, np.bool_))
    sum_pixels(pixels, np.zeros(0, np.uint32))
