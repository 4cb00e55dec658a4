"""The packaged model's forward pass in a few lines of NumPy, from its file alone.

It shares no code with mnist-batch, so that it can be the reference of every benchmark, and it
needs only NumPy and h5py, so that peers run it in an environment of their own.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float32]
Images = npt.NDArray[np.uint8]

BLOCK_ROWS = 2048
"""Rows at once: few enough for the arrays to stay in a processor's cache."""


@dataclass(frozen=True)
class PlainNetwork:
    """Dense layers with relu between them.

    Attributes:
        layers: kernel (inputs, units) and bias (units,) of each.
    """

    layers: Sequence[tuple[Array, Array]]

    def logits(self, images: Images) -> Array:
        """Return what softmax would be applied to, float32 (n, 10), for uint8 (n, 28, 28)."""
        values: Array = images.reshape(len(images), -1) * np.float32(1 / 255)
        for kernel, bias in self.layers[:-1]:
            values = np.maximum(values @ kernel + bias, np.float32(0))
        kernel, bias = self.layers[-1]
        logits: Array = values @ kernel + bias
        return logits

    def digits(self, images: Images) -> npt.NDArray[np.int8]:
        """Return the most probable digit of each image, int8 (n,), for uint8 (n, 28, 28)."""
        starts = range(0, len(images), BLOCK_ROWS)
        blocks = [self.logits(images[k : k + BLOCK_ROWS]).argmax(axis=1) for k in starts]
        return np.concatenate(blocks).astype(np.int8)


def read_network(model: Path) -> PlainNetwork:
    """Read the three Dense layers of `mnist_batch/MNIST.h5` or of a file of the same layers."""
    with h5py.File(model) as file:
        weights = file["model_weights"]
        layers = []
        for name in weights.attrs["layer_names"]:
            arrays = [weights[name][path][:] for path in weights[name].attrs["weight_names"]]
            if arrays:
                layers.append((arrays[0], arrays[1]))
    return PlainNetwork(layers)
