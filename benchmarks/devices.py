"""A Keras model on each device that Keras sees, for any backend; needs NumPy and Keras only."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

Inputs = npt.NDArray[np.float32]

BATCH_SIZES = (1, 16, 256, 4096, 65_536)
PARTS = ("copy", "network", "copy + network")
_LEAST_ROWS, _MOST_BATCHES = 4096, 256


class DeviceNetwork:
    """A model on one device; each call returns when the device has done its work."""

    def __init__(self, model: Path, device: str) -> None:
        """Load a model.

        Args:
            model: a Keras model of one input, 784 values in [0, 1] in any shape.
            device: `cpu` or `gpu`, one of `devices()`.
        """
        self._device = f"{device}:0"
        with _keras().device(self._device):
            self._model = _keras().models.load_model(model, compile=False)
        self._shape = self._model.input_shape[1:]

    def inputs(self, images: npt.NDArray[np.uint8]) -> Inputs:
        """Return uint8 (n, 28, 28) as the model takes it, on the host."""
        return np.float32(1 / 255) * images.reshape(-1, *self._shape)

    def pixels(self, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return uint8 (n, 28, 28) in the shape that the model takes, for `scaled`."""
        return images.reshape(-1, *self._shape)

    def scaled(self, tensor: Any) -> Any:  # noqa: ANN401 - the backend's tensor
        """Return bytes on the device as the model takes them, computed there."""
        with _keras().device(self._device):
            return _keras().ops.cast(tensor, "float32") * np.float32(1 / 255)

    def copy(self, inputs: npt.NDArray[Any]) -> Any:  # noqa: ANN401 - the backend's tensor
        """Copy from host memory to the device; on the CPU that may be no copy."""
        with _keras().device(self._device):
            tensor = _keras().ops.convert_to_tensor(inputs)
        wait_for(tensor)
        return tensor

    def pinned(self, pixels: npt.NDArray[np.uint8]) -> Any:  # noqa: ANN401 - PyTorch's tensor
        """Return pixels in memory that a GPU reads by itself; None where there is no such way."""
        if backend() != "torch" or self._device != "gpu:0":
            return None
        import torch

        return torch.from_numpy(pixels).pin_memory()

    def network(self, tensor: Any) -> Inputs:  # noqa: ANN401 - the backend's tensor
        """Run the model on inputs, and fetch the ten numbers of each: that waits for the device."""
        with _keras().device(self._device):
            outputs: Inputs = self._model.predict_on_batch(tensor)
        return outputs

    def parts(self, inputs: Inputs) -> Mapping[str, Callable[[], Any]]:
        """Return what is timed, by `PARTS`."""
        tensor = self.copy(inputs)
        return {
            "copy": lambda: self.copy(inputs),
            "network": lambda: self.network(tensor),
            "copy + network": lambda: self.network(self.copy(inputs)),
        }


def devices() -> list[str]:
    """Return the kinds of device that Keras can use: `cpu`, and `gpu` where there is one."""
    return ["cpu", "gpu"] if _sees_gpu() else ["cpu"]


def _sees_gpu() -> bool:
    if backend() == "torch":  # on which Keras 3.15 lists no devices
        import torch

        return bool(torch.cuda.is_available())
    try:
        return bool(_keras().distribution.list_devices("gpu"))
    except RuntimeError:  # what JAX raises where there is none
        return False


def backend() -> str:
    """Return the backend that Keras runs on."""
    name: str = _keras().backend.backend()
    return name


def sweep_rows(batch_size: int) -> int:
    """Return how many images a round of the sweep has: small batches are called often."""
    return batch_size * min(_MOST_BATCHES, max(1, _LEAST_ROWS // batch_size))


def sweep_images(images: npt.NDArray[Any], batch_size: int) -> list[npt.NDArray[Any]]:
    """Return the batches of a round, of images (n, ...) repeated as often as it takes."""
    rows = sweep_rows(batch_size)
    return np.split(np.take(images, np.arange(rows), axis=0, mode="wrap"), rows // batch_size)


def wait_for(tensor: Any) -> None:  # noqa: ANN401 - the backend's tensor
    """Return when the device has done its work: backends return before."""
    if backend() == "tensorflow":
        import tensorflow as tf

        tf.test.experimental.sync_devices()
    elif backend() == "torch":
        import torch

        if tensor.is_cuda:
            torch.cuda.synchronize()
    else:
        tensor.block_until_ready()


def _keras() -> Any:  # noqa: ANN401 - Keras has no types
    # It takes seconds to import.
    import keras

    return keras
