"""Decode many PNG images like MNIST's at once; see `png.c` and `inflate.c`.

Why our own decoder, in microseconds of CPU an image of MNIST's training set, in turns on an EPYC,
2026-11-27: this 1.25 with AVX2 and 1.4 without; libdeflate 1.14 and the same undoing of filters
2.1; the first version of this, by Numba, 2.5. libdeflate fills tables for each image, and prepares
for longer streams. Daft 0.7's decoder takes twice as long as the first version, Pillow ten times.
"""

import ctypes

import numpy as np
import numpy.typing as npt

from mnist_batch._kernels import library
from mnist_batch._kernels.arguments import address
from mnist_batch.mnist import PIXELS


def decode_pngs(
    data: npt.NDArray[np.uint8],
    bounds: npt.NDArray[np.int32],
    wanted: npt.NDArray[np.bool_],
    images: npt.NDArray[np.uint8],
    decoded: npt.NDArray[np.bool_],
) -> None:
    """Decode the files that are like MNIST's and undamaged.

    Args:
        data: the files one after the other, and nothing else.
        bounds: int32 (n + 1), where each file begins and the next one.
        wanted: bool (n,), false for a file to be skipped.
        images: uint8 (n, 784), filled where `decoded`; elsewhere anything may be left in it.
        decoded: bool (n,), filled: true where the image was decoded.

    Raises:
        ValueError: an array has another type or size, or `bounds` descend.
    """
    count = len(decoded)
    if len(bounds) != count + 1 or bounds[0] < 0 or (bounds[1:] < bounds[:-1]).any():
        raise ValueError(f"bounds: expected {count + 1} ascending places")
    library.get().decode_pngs(
        address(data, np.uint8, int(bounds[-1])),
        address(bounds, np.int32, count + 1),
        address(wanted, np.bool_, count),
        ctypes.c_size_t(count),
        address(images, np.uint8, count * PIXELS, filled=True),
        address(decoded, np.bool_, count, filled=True),
    )
