"""Image files read at once, the check for MNIST's form, and sums of pixels; see `images.c`."""

import ctypes

import numpy as np
import numpy.typing as npt

from mnist_batch._kernels import library
from mnist_batch._kernels.arguments import address
from mnist_batch.mnist import PIXELS

MAX_BYTES = 65536
"""A file of this size or above is left to whoever calls; `images.c` has the number too."""


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
        begins: int64 (n,), where each path begins.
        flags: what to open a file with, of `os.O_RDONLY` and others.
        data: uint8, filled; the room has to be for `MAX_BYTES` at least.
        bounds: int32 (n + 1), filled: where each file's bytes begin and the next one's. A file
            without bytes is empty, too large, or cannot be read.

    Returns:
        The number of files that are through.

    Raises:
        ValueError: an array has another type or size.
    """
    count = len(begins)
    if count and (paths[-1] != 0 or begins.min() < 0):
        raise ValueError("paths: expected a 0 behind each")
    through: int = library.get().read_files(
        address(paths, np.uint8, int(begins.max()) + 1 if count else 0),
        address(begins, np.int64, count),
        ctypes.c_size_t(count),
        ctypes.c_int(flags),
        address(data, np.uint8, 0, filled=True),
        ctypes.c_size_t(data.size),
        address(bounds, np.int32, count + 1, filled=True),
    )
    return through


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

    Raises:
        ValueError: an array has another type or size.
    """
    library.get().check_form(
        address(images, np.uint8, len(formed) * PIXELS),
        ctypes.c_size_t(len(formed)),
        ctypes.c_int(box),
        ctypes.c_int(centre),
        ctypes.c_double(slack),
        address(formed, np.bool_, len(formed), filled=True),
    )


def sum_pixels(images: npt.NDArray[np.uint8], sums: npt.NDArray[np.uint32]) -> None:
    """Sum the pixels of each image, in a tenth of NumPy's time: uint8 (n, 784) into uint32 (n,).

    Raises:
        ValueError: an array has another type or size.
    """
    library.get().sum_pixels(
        address(images, np.uint8, len(sums) * PIXELS),
        ctypes.c_size_t(len(sums)),
        address(sums, np.uint32, len(sums), filled=True),
    )
