"""Run a network by Keras on a GPU, which scales pixels, while the next block is copied there."""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.inference.keras.network import KerasNetwork, sees_gpu
from mnist_batch.machine.failures import is_out_of_memory
from mnist_batch.models.layers import COLOURS, colour_axis
from mnist_batch.models.model_file import ModelFile
from mnist_batch.options import Device
from mnist_batch.schema import Images

Array = npt.NDArray[np.float32]


def keras_network(
    file: ModelFile, device: Device, batch_size: int, note: Callable[[str], None]
) -> KerasNetwork:
    """Return the network of a model file where it runs; arguments and errors are its class's."""
    on_gpu = device is not Device.CPU and sees_gpu()
    return (KerasGpuNetwork if on_gpu else KerasNetwork)(file, device, batch_size, note)


class KerasGpuNetwork(KerasNetwork):
    """A network on a GPU that also takes pixels as they are, a quarter of the bytes to be copied.

    Two threads keep it at work: one copies its block while the network runs on the other's.
    """

    def outputs_on_gpu(self, images: Images, factor: np.float32, offset: np.float32) -> Array:
        """Return the outputs, float32 (n, classes), for images, uint8 (n, 28, 28).

        Args:
            images: at most `block_rows`.
            factor: by which each pixel is multiplied, on the GPU.
            offset: is added then.

        Raises:
            ModelError: the network raises an exception.
            MachineError: memory is too small for the smallest batch.
        """
        block = np.zeros((self.block_rows, *self._grey_shape()), np.uint8)
        block.reshape(self.block_rows, -1)[: len(images)] = images.reshape(len(images), -1)
        values = self._whole(block, factor, offset)
        if values is not None:
            return values[: len(images)]
        # Memory ran out, now or before: smaller batches take what the host scales.
        inputs = block.reshape(self.block_rows, -1) * factor + offset
        return self.outputs(inputs)[: len(images)]

    def _whole(
        self, block: npt.NDArray[np.uint8], factor: np.float32, offset: np.float32
    ) -> Array | None:
        """Return the outputs of a full block, or None where memory does not do for it."""
        if self._rows < self.block_rows:
            return None
        sent = self._sent(block)
        with self._lock:
            # Memory may have run out on the other thread meanwhile.
            if sent is None or self._rows < self.block_rows:
                return None
            return self._run(lambda: self._scaled(sent, factor, offset))

    def _grey_shape(self) -> tuple[int, ...]:
        """Return the shape of an image as the network takes it, but with one colour."""
        axis, shape = colour_axis(self.input_shape), list(self.input_shape)
        if axis is not None:
            shape[axis] = 1
        return tuple(shape)

    def _sent(self, block: npt.NDArray[np.uint8]) -> Any:  # noqa: ANN401 - the backend's tensor
        """Copy a block to the GPU; return None where its memory runs out.

        Raises:
            ModelError: the GPU's driver fails in another way.
        """
        try:
            with self._keras.device(self._device):
                return self._keras.ops.convert_to_tensor(block, dtype="uint8")
        except Exception as error:
            if not is_out_of_memory(error):
                raise self._failure(error) from error
            return None

    def _scaled(self, sent: Any, factor: np.float32, offset: np.float32) -> Any:  # noqa: ANN401
        """Return what the network takes, computed where the block is."""
        ops = self._keras.ops
        inputs = ops.cast(sent, "float32") * factor + offset
        axis = colour_axis(self.input_shape)
        return inputs if axis is None else ops.repeat(inputs, COLOURS, axis=axis + 1)
