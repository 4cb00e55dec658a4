"""A network that can be run, and what runs that of a model file."""

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import MissingExtraError, ModelError
from mnist_batch.inference.numpy_network import UnsupportedNetworkError, dense_network
from mnist_batch.inference.scaling import FACTORS
from mnist_batch.machine import extras
from mnist_batch.models.layers import Layer
from mnist_batch.models.model_file import AnyModelFile, ModelFile, OnnxFile
from mnist_batch.options import Device, PredictorChoice, Scale
from mnist_batch.schema import Images

Array = npt.NDArray[np.float32]


class Network(Protocol):
    """A network that can be run."""

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input, 784 values, or three times as many for a colour image."""

    @property
    def layers(self) -> Sequence[Layer]:
        """The layers in order, those of networks within it too, without its input."""

    @property
    def class_count(self) -> int:
        """How many classes it tells apart."""

    @property
    def activation(self) -> str:
        """The activation of its outputs, as `softmax`; `linear` for none."""

    @property
    def block_rows(self) -> int:
        """How many rows `outputs` takes."""

    def outputs(self, inputs: Array) -> Array:
        """Return the outputs, float32 (n, class_count), for scaled pixels, float32 (n, 784)."""


@runtime_checkable
class GpuNetwork(Protocol):
    """A network on a GPU, to which pixels are copied as they are."""

    def outputs_on_gpu(self, images: Images, factor: np.float32, offset: np.float32) -> Array:
        """Return the outputs, float32 (n, class_count), for images uint8 (n, 28, 28).

        Each pixel is multiplied by a factor, then an offset is added, on the GPU.
        """


def network_of(
    file: AnyModelFile,
    choice: PredictorChoice,
    device: Device,
    scale: Scale,
    batch_size: int,
    notes: list[str],
) -> tuple[Network, PredictorChoice, str]:
    """Return the network of a model file, what runs it, and why that does; add to the notes.

    Raises:
        ModelError: nothing that was asked for runs it.
        MissingExtraError: what runs it is not installed.
    """
    if isinstance(file, OnnxFile):
        if choice not in (PredictorChoice.AUTO, PredictorChoice.ONNX):
            raise ModelError(f"{file.path}: an ONNX file, not run by {choice}; {_ONNX_RUNS}")
        from mnist_batch.inference.onnx.network import OnnxNetwork

        found = OnnxNetwork(file, device, batch_size, notes.append)
        return found, PredictorChoice.ONNX, "it is an ONNX file"
    return _keras_or_numpy(file, choice, device, scale, batch_size, notes)


_ONNX_RUNS = "pass --predictor onnx or auto"


def _keras_or_numpy(
    file: ModelFile,
    choice: PredictorChoice,
    device: Device,
    scale: Scale,
    batch_size: int,
    notes: list[str],
) -> tuple[Network, PredictorChoice, str]:
    """Do what `network_of` does for a model of Keras."""
    if choice is PredictorChoice.ONNX:
        why = "a model of Keras, which ONNX Runtime does not run"
        raise ModelError(f"{file.path}: {why}; pass --predictor numpy, keras or auto")
    why = "it was asked for"
    dense = None
    if choice is not PredictorChoice.KERAS:
        try:
            dense = dense_network(file, None if scale is Scale.BYTES else FACTORS[scale])
        except UnsupportedNetworkError as error:
            why = str(error)
            if choice is PredictorChoice.NUMPY:
                raise ModelError(f"{file.path}: {why}; pass --predictor keras") from error
            notes.insert(0, f"runs on Keras: {why}")
        except ModelError as error:
            raise ModelError(f"{file.path}: {error}") from error
        else:
            if device is not Device.GPU:
                return dense, PredictorChoice.NUMPY, "all of its layers are ones that NumPy runs"
            why = "the GPU was asked for; NumPy runs it too, on the CPU"
            notes.insert(0, f"runs on Keras: {why}")
    needing = f"its network ({why})" if dense is None else "--device gpu"
    if choice is PredictorChoice.KERAS:
        needing = "--predictor keras"
    # Keras takes seconds to import; a Dense network gets here on a GPU alone.
    try:
        extras.require(f"{file.path}: {needing}", *extras.for_keras())
        from mnist_batch.inference.keras.gpu import keras_network

        network = keras_network(file, device, batch_size, notes.append)
    except (ModelError, MissingExtraError) as error:
        if dense is None:
            raise
        way = "with --device cpu NumPy runs this model, without Keras"
        raise type(error)(f"{error.args[0]}; {way}") from error
    return network, PredictorChoice.KERAS, why
