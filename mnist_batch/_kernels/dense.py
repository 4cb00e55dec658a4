"""The product of images and the weights of a network's first layer; see `dense.c`.

In us an image, 784 by 128 units, on one core of a shared EPYC with AVX-512 (2026-11-27): 0.73 for
MNIST's digits, a fifth of whose pixels are inked; 1.05 by NumPy, which takes pixels as float32 and
packs them and the weights first; 1.85 by NumPy where OpenBLAS has AVX2 alone. An image with half of
its pixels inked takes 1.6. Keeping the weights of a block of pixels in the first cache is a fifth
of the gain; a panel of 16 lanes for AVX-512 would take 0.55, for a third library in each wheel.
"""

import ctypes

import numpy as np
import numpy.typing as npt

from mnist_batch import _kernels
from mnist_batch._kernels import library
from mnist_batch._kernels.arguments import address
from mnist_batch.mnist import PIXELS

Array = npt.NDArray[np.float32]

_LINE = 64
"""Bytes of a cache line: a read across two takes twice as long."""


_LEAST_UNITS = 64
"""Units that take NumPy longer."""

_ROUNDING = 1
"""Raised with every change of `dense.c` that moves last bits: an output has those of one alone."""


class PixelProduct:
    """The product of pixels and weights, and a bias: of images, most of whose pixels are black."""

    def __init__(self, kernel: Array, bias: Array | None = None) -> None:
        """Arrange the weights, float32 (784, units), and the bias, float32 (units,)."""
        panel = library.get().panel_units()
        self.units = kernel.shape[1]
        panels = -(-self.units // panel)
        self._padded = panels * panel
        self._weights = _aligned(panels * PIXELS * panel)
        self._bias = _aligned(self._padded)
        self._bias[: self.units] = 0 if bias is None else bias
        columns = np.zeros((PIXELS, self._padded), np.float32)
        columns[:, : self.units] = kernel
        # Panel by panel: the weights that meet a pixel lie together.
        by_panel = columns.reshape(PIXELS, panels, panel).transpose(1, 0, 2)
        self._weights.reshape(panels, PIXELS, panel)[:] = by_panel

    @staticmethod
    def described() -> str:
        """Return which code multiplies, and in which version: each moves last bits."""
        return f"{library.described()}, rounding {_ROUNDING}"

    @staticmethod
    def pays(kernel: Array) -> bool:
        """Tell whether it is there, right, and faster than NumPy, which it is not for few units.

        A black pixel times NaN or infinity is NaN, which it would leave out.
        """
        fits = kernel.shape[0] == PIXELS and kernel.shape[1] >= _LEAST_UNITS
        return _kernels.ready() and fits and bool(np.isfinite(kernel).all())

    def __call__(self, images: npt.NDArray[np.uint8], rows: int) -> Array:
        """Return the sums of each unit, float32 (rows, units): of each image, and zeros after them.

        Args:
            images: uint8 (n, 28, 28).
            rows: n at least.

        Raises:
            ValueError: the images are of another type or size, or more.
        """
        count = len(images)
        sums = np.empty((rows, self._padded), np.float32)
        sums[count:] = 0
        library.get().multiply_pixels(
            address(images, np.uint8, count * PIXELS),
            ctypes.c_size_t(count),
            address(self._weights, np.float32, self._weights.size),
            address(self._bias, np.float32, self._padded),
            ctypes.c_size_t(self._padded),
            address(sums, np.float32, count * self._padded, filled=True),
        )
        return sums[:, : self.units]


def _aligned(size: int) -> Array:
    """Return zeros, float32 (size,), from the beginning of a cache line on."""
    memory = np.zeros(size + _LINE // 4, np.float32)
    start = -memory.ctypes.data % _LINE // 4
    return memory[start : start + size]
