"""Load a model file as a predictor, which turns images into probabilities."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.inference.classes import classes_of_network
from mnist_batch.inference.networks import GpuNetwork, Network, network_of
from mnist_batch.inference.numpy_network import DenseNetwork, blas_kernel
from mnist_batch.inference.probabilities import as_probabilities
from mnist_batch.inference.scaling import FACTORS, scale_of, scaled
from mnist_batch.mnist import PIXELS, SIDE
from mnist_batch.models.layers import Layer, colour_axis
from mnist_batch.models.model_file import DEFAULT_MODEL, AnyModelFile, read_model_file
from mnist_batch.options import BATCH_ROWS, Device, ModelOptions, PredictorChoice, Scale
from mnist_batch.remote.addresses import place_of
from mnist_batch.schema import DIGITS, Classes, Images

Array = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Predictor:
    """A network with all that it takes to predict; safe to call from several threads.

    It can be pickled: the network is built again from the content of the model file.

    Attributes:
        model: the model file.
        name: what runs the network: `numpy`, `keras` or `onnx`.
        why: why that runs it, one clause.
        scale: the range to which pixels are scaled.
        notes: what the user should know of how the file is read and the network run, one sentence
            each; one is added where memory runs out.
        classes: what the network tells apart, with the names that its file gives them.
        activation: how its outputs are taken: `softmax` as probabilities, `sigmoid`, else logits.
    """

    model: AnyModelFile
    name: PredictorChoice
    why: str
    scale: Scale
    notes: Sequence[str]
    _network: Network = field(repr=False)
    _input_scale: Scale
    activation: str
    _options: ModelOptions  # which build the same again, but for the scale
    _columns: Sequence[int] | None = None  # the class of each output, where they stand otherwise
    classes: Classes = DIGITS
    _threads: threading.local = field(default_factory=threading.local, repr=False, compare=False)

    @property
    def input_shape(self) -> tuple[int, ...]:
        """The shape of one input of the network, see `Network`."""
        return self._network.input_shape

    @property
    def block_rows(self) -> int:
        """How many rows the network gets at once, always the same, with the last block padded.

        Matrix products of another shape round differently, and Keras would trace its graph anew.
        Only its place in the block can change a row's last bit: OpenBLAS 0.3.31 on AVX2 sums two
        halves of twelve rows in different orders, and so does TensorFlow when it pools.
        """
        return self._network.block_rows

    @property
    def layers(self) -> Sequence[Layer]:
        """The layers of the network in order, without its input."""
        return self._network.layers

    @property
    def device(self) -> Device:
        """Where Keras or ONNX Runtime was asked to run the network."""
        return Device(self._options.device)

    @property
    def in_workers(self) -> bool:
        """Whether each worker runs the network on its own; Keras runs it in `threads` alone."""
        return self.name is not PredictorChoice.KERAS

    @property
    def threads(self) -> int:
        """How many threads keep Keras at work: on a GPU one copies a block there meanwhile."""
        return 2 if isinstance(self._network, GpuNetwork) else 1

    def versions(self) -> dict[str, str]:
        """Return the versions of what runs the network, beside NumPy's."""
        # Each is imported already, by what loaded the model.
        if self.name is PredictorChoice.KERAS:
            from mnist_batch.inference.keras import network

            return network.versions()
        if self.name is PredictorChoice.ONNX:
            from mnist_batch.inference.onnx import runtime

            return runtime.versions()
        return {}

    def kernels(self) -> dict[str, str]:
        """Return what computes here where that depends on the processor: each moves last bits.

        Keras and ONNX Runtime do not tell.
        """
        if self.name is not PredictorChoice.NUMPY:
            return {}
        product = isinstance(self._network, DenseNetwork) and self._network.product
        return {"first_layer": product.described() if product else "NumPy", "blas": blas_kernel()}

    def probabilities(self, images: Images) -> Array:
        """Return the probability of each class, in the order of `classes`.

        Args:
            images: uint8 (n, 28, 28), 0 black to 255 white, light strokes on black.

        Returns:
            float32 (n, classes), each row summing to 1. A row does not depend on what the
            others show. It is the same to 5e-6 however the batches are cut and whichever thread
            works.

        Raises:
            ValueError: `images` are of another type or shape.
            ModelError: Keras or ONNX Runtime cannot run the network.
        """
        _check_images(images)
        # Digits that the network does not know have a probability of 0.
        shape = (len(images), self.classes.count)
        result = (np.empty if self._columns is None else np.zeros)(shape, np.float32)
        for start in range(0, len(images), self.block_rows):
            block = images[start : start + self.block_rows]
            outputs = self._outputs(block)
            columns = slice(None) if self._columns is None else self._columns
            shares = as_probabilities(outputs, self.activation)
            result[start : start + len(block), columns] = shares
        return result

    def _outputs(self, block: Images) -> Array:
        """Return the outputs, float32 (n, class_count), for a block, uint8 (n, 28, 28)."""
        if isinstance(self._network, DenseNetwork) and self._network.product:
            return self._network.outputs_by_product(block)  # which has the scale in its weights
        if isinstance(self._network, GpuNetwork):
            return self._network.outputs_on_gpu(block, *FACTORS[self._input_scale])
        inputs = self._own_inputs()
        scaled(block, self._input_scale, out=inputs[: len(block)])
        inputs[len(block) :] = 0
        return self._network.outputs(inputs)[: len(block)]

    def at_scale(self, scale: Scale) -> "Predictor":
        """Return a predictor of the same network at another scale.

        The two share a network on Keras or ONNX Runtime; it is not built anew.
        """
        if scale is self.scale:
            return self
        if self.name is PredictorChoice.NUMPY:  # the network has the scale in its weights
            return build_predictor(self.model, predictor=self.name, scale=scale)
        return replace(self, scale=scale, _input_scale=scale, _threads=threading.local())

    def gives_nan(self) -> bool:
        """Tell whether the network gives NaN for a black image, as after training that diverged."""
        black = np.zeros((1, SIDE, SIDE), np.uint8)
        with np.errstate(over="ignore", invalid="ignore"):
            return bool(np.isnan(self.probabilities(black)).any())

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what builds the same predictor in another process."""
        return _built_again, (self.model, replace(self._options, scale=self.scale), self.classes)

    def __repr__(self) -> str:
        """Return the model's name, what runs it, and its scale."""
        scale, names = f"scale={str(self.scale)!r}", f"classes={self.classes.count}"
        return f"Predictor({self.model.file_name!r}, on={str(self.name)!r}, {scale}, {names})"

    def _own_inputs(self) -> Array:
        """Return this thread's memory for the inputs of a block, float32 (block_rows, 784)."""
        if not hasattr(self._threads, "inputs"):
            self._threads.inputs = np.empty((self.block_rows, PIXELS), np.float32)
        inputs: Array = self._threads.inputs
        return inputs


def _check_images(images: object) -> None:
    """Refuse what is no batch of images, by type and shape alone."""
    if (
        isinstance(images, np.ndarray)
        and images.dtype == np.uint8
        and images.ndim == 3
        and images.shape[1:] == (SIDE, SIDE)
    ):
        return
    got = type(images).__name__
    if isinstance(images, np.ndarray):
        got = f"{images.dtype} {images.shape}"
        if images.shape == (SIDE, SIDE):
            got += ", one image: pass images[None]"
        elif images.dtype.kind == "f":
            got += ": pass (255 * images).round().astype('uint8') of values from 0 to 1"
    raise ValueError(
        f"images: expected uint8 (n, {SIDE}, {SIDE}), 0 black to 255 white, got {got}; "
        "predict_images takes pictures of other kinds"
    )


def _built_again(file: AnyModelFile, options: ModelOptions, classes: Classes) -> Predictor:
    return replace(build_predictor(file, **vars(options)), classes=classes)


def load_model(
    path: str | Path | None = None,
    *,
    predictor: PredictorChoice | str = PredictorChoice.AUTO,
    scale: Scale | str | None = None,
    device: Device | str = Device.AUTO,
    batch_size: int = BATCH_ROWS,
) -> Predictor:
    """Load a model file.

    Args:
        path: a model file of Keras, `.h5` or `.keras`, or of ONNX; None for the one of this
            package.
        predictor: `numpy`, `keras` or, for an ONNX file, `onnx`; `auto` takes NumPy for a model of
            Keras where it can run it.
        scale: the range to which the network wants its pixels scaled; None for the one that the
            file tells, or else 0-1.
        device: where Keras or ONNX Runtime runs it; with `gpu`, `auto` does not take NumPy.
        batch_size: how many images Keras, or ONNX Runtime on a GPU, runs at once, at least 1; Keras
            half as many each time that memory runs out. A network that was saved for a fixed number
            gets that number.

    Raises:
        ModelError: the file cannot be read; its network does not classify 28x28 images,
            gives NaN, or cannot be run in the way that was asked for.
        MissingExtraError: what runs it is not installed.
        ValueError: `batch_size` is below 1, or `scale` is none of `Scale`.
    """
    file = read_model_file(place_of(path) if path else DEFAULT_MODEL)
    loaded = build_predictor(
        file, predictor=predictor, scale=scale, device=device, batch_size=batch_size
    )
    if loaded.gives_nan():
        why = "the network gives NaN for a black image: its training went wrong; train it anew"
        raise ModelError(f"{file.path}: {why}")
    return loaded


def build_predictor(
    file: AnyModelFile,
    *,
    predictor: PredictorChoice | str = PredictorChoice.AUTO,
    scale: Scale | str | None = None,
    device: Device | str = Device.AUTO,
    batch_size: int = BATCH_ROWS,
) -> Predictor:
    """Do what `load_model` does with a file that is read already, even if its network gives NaN.

    Raises:
        ModelError: as there, but for what is wrong with the file and for NaN.
        MissingExtraError: what runs it is not installed.
        ValueError: `batch_size` is below 1.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size {batch_size}: expected at least 1")
    choice, device = PredictorChoice(predictor), Device(device)
    if device is Device.GPU and choice is PredictorChoice.NUMPY:
        raise ModelError("--predictor numpy has no --device gpu; pass --predictor keras")
    notes = list(file.notes)
    wanted = scale_of(file, scale, notes)
    network, name, why = network_of(file, choice, device, wanted, batch_size, notes)
    if colour_axis(network.input_shape) is not None:
        notes.append("takes images in colour: it gets the grey picture three times")
    activation = network.activation
    if activation == "sigmoid":
        count = "ten" if network.class_count == DIGITS.count else network.class_count
        notes.append(f"its {count} sigmoid outputs were divided by their sum to give probabilities")
    elif activation != "softmax":
        notes.append(f"its outputs ({activation}) were taken as logits: softmax was applied")
    classes, columns = classes_of_network(file, network.class_count, notes)
    return Predictor(
        model=file,
        name=name,
        why=why,
        scale=wanted,
        notes=notes,
        _network=network,
        # A network on NumPy has the scale in its weights.
        _input_scale=Scale.BYTES if name is PredictorChoice.NUMPY else wanted,
        activation=activation,
        _options=ModelOptions(name, wanted, device, batch_size),
        _columns=columns,
        classes=classes,
    )
