"""Decode many PNG images like MNIST's at once; see `png.c`.

Why our own decoder, in images/s on one thread and on two, on two cores of an EPYC: the first
version of this 380,000 and 600,000; the same loops around zlib's `uncompress` 260,000 and 430,000,
and zlib has to be found on each system; Daft 0.7's decoder 180,000 and 280,000, and Daft refuses
pyarrow 26; Pillow 30,000 and 15,000.
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
        MemoryError: there is no room for the decoder's tables.
    """
    count = len(decoded)
    if len(bounds) != count + 1 or bounds[0] < 0 or (np.diff(bounds) < 0).any():
        raise ValueError(f"bounds: expected {count + 1} ascending places")
    failed = library.get().decode_pngs(
        address(data, np.uint8, int(bounds[-1])),
        address(bounds, np.int32, count + 1),
        address(wanted, np.bool_, count),
        ctypes.c_size_t(count),
        address(images, np.uint8, count * PIXELS, filled=True),
        address(decoded, np.bool_, count, filled=True),
    )
    if failed:
        raise MemoryError("no memory for the tables of the PNG decoder")
