"""Load a model file as a predictor, which turns images into probabilities."""

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import MissingExtraError, ModelError
from mnist_batch.inference.numpy_network import (
    DenseNetwork,
    UnsupportedNetworkError,
    blas_kernel,
    dense_network,
    softmax,
)
from mnist_batch.inputs.labelling.names import digits_of
from mnist_batch.machine import extras
from mnist_batch.mnist import PIXELS, SIDE
from mnist_batch.models.allowlist import quoted
from mnist_batch.models.layers import Layer, colour_axis
from mnist_batch.models.model_file import (
    DEFAULT_MODEL,
    AnyModelFile,
    ModelFile,
    OnnxFile,
    ScaleSource,
    read_model_file,
)
from mnist_batch.options import BATCH_ROWS, Device, ModelOptions, PredictorChoice, Scale
from mnist_batch.remote.addresses import place_of
from mnist_batch.schema import DIGITS, Classes, Images

Array = npt.NDArray[np.float32]

# The factor that scales a pixel from 0 to 255, and the offset that is then added.
_SCALES = {
    Scale.ZERO_TO_ONE: (np.float32(1 / 255), np.float32(0)),
    Scale.BYTES: (np.float32(1), np.float32(0)),
    Scale.MINUS_ONE_TO_ONE: (np.float32(2 / 255), np.float32(-1)),
    Scale.MINUS_HALF_TO_HALF: (np.float32(1 / 255), np.float32(-0.5)),
}


def scaled(images: Images, scale: Scale, out: Array | None = None) -> Array:
    """Scale images uint8 (n, 28, 28) to the inputs of a network, float32 (n, 784).

    With many images this is several times as fast where the inputs are written to `out`, because
    new memory has to be mapped and cleared first.
    """
    factor, offset = _SCALES[scale]
    inputs = np.empty((len(images), PIXELS), np.float32) if out is None else out
    inputs[:] = images.reshape(-1, PIXELS)
    if factor != 1:
        inputs *= factor
    if offset:
        inputs += offset
    return inputs


def log_losses(
    probabilities: npt.NDArray[np.floating[Any]], labels: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float64]:
    """Return the negative logarithm (base e) of the probability of each row's true class.

    Probabilities (n, classes) are clipped to [eps, 1 - eps] with eps = 2**-23, float32's, as
    scikit-learn clips float32 probabilities.
    """
    # float64, because the difference to 1 of a confident float32 has few digits left.
    truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    eps = float(np.finfo(np.float32).eps)
    losses: npt.NDArray[np.float64] = -np.log(truth.clip(eps, 1 - eps))
    return losses


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
            shares = _as_probabilities(outputs, self.activation)
            result[start : start + len(block), columns] = shares
        return result

    def _outputs(self, block: Images) -> Array:
        """Return the outputs, float32 (n, class_count), for a block, uint8 (n, 28, 28)."""
        if isinstance(self._network, DenseNetwork) and self._network.product:
            return self._network.outputs_by_product(block)  # which has the scale in its weights
        if isinstance(self._network, GpuNetwork):
            return self._network.outputs_on_gpu(block, *_SCALES[self._input_scale])
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
    wanted = _scale(file, scale, notes)
    network, name, why = _network(file, choice, device, wanted, batch_size, notes)
    if colour_axis(network.input_shape) is not None:
        notes.append("takes images in colour: it gets the grey picture three times")
    activation = network.activation
    if activation == "sigmoid":
        count = "ten" if network.class_count == DIGITS.count else network.class_count
        notes.append(f"its {count} sigmoid outputs were divided by their sum to give probabilities")
    elif activation != "softmax":
        notes.append(f"its outputs ({activation}) were taken as logits: softmax was applied")
    classes, columns = _classes(file, network.class_count, notes)
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


def _network(
    file: AnyModelFile,
    choice: PredictorChoice,
    device: Device,
    scale: Scale,
    batch_size: int,
    notes: list[str],
) -> tuple[Network, PredictorChoice, str]:
    """Return the network, what runs it, and why that does; add to the notes."""
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
    """Do what `_network` does for a model of Keras."""
    if choice is PredictorChoice.ONNX:
        why = "a model of Keras, which ONNX Runtime does not run"
        raise ModelError(f"{file.path}: {why}; pass --predictor numpy, keras or auto")
    why = "it was asked for"
    dense = None
    if choice is not PredictorChoice.KERAS:
        try:
            dense = dense_network(file, None if scale is Scale.BYTES else _SCALES[scale])
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


def _classes(
    file: AnyModelFile, count: int, notes: list[str]
) -> tuple[Classes, Sequence[int] | None]:
    """Return the classes that a network tells apart, by the names that its file gives them.

    Those of an ONNX file that are digits, in any order or some of them, are these digits: then the
    digit of each output is returned too.
    """
    names = file.class_names()
    if not isinstance(file, OnnxFile):
        if names is not None and len(names) != count:
            why = f"names {len(names):,} classes, and tells {count:,} apart"
            raise ModelError(f"{file.path}: {why}")
        return Classes.of(count, names), None
    known = len(file.labels)
    if known > 3 and count == known * (known - 1) // 2:
        raise ModelError(
            f"{file.path}: gives {count} numbers for its {known} classes, one for each pair; "
            "export one for each class: SVC(decision_function_shape='ovr')"
        )
    if names is not None and len(names) != count:  # in the metadata anything may stand
        notes.append(f"names {len(names):,} classes and tells {count:,} apart: goes without names")
        return Classes(count), None
    digits = names and digits_of(names)
    if digits:
        return DIGITS, None if digits == tuple(range(DIGITS.count)) else digits
    if names is not None:
        first = ", ".join(f"{place} is {quoted(name)}" for place, name in enumerate(names[:3]))
        notes.append(f"numbers its classes as its file names them: {first}; so do labels")
    return Classes.of(count, names), None


def _scale(file: AnyModelFile, wanted: Scale | str | None, notes: list[str]) -> Scale:
    if wanted is not None:
        try:
            return Scale(wanted)
        except ValueError as error:
            raise ValueError(f"scale {wanted!r}: expected one of {', '.join(Scale)}") from error
    scale, source = file.stated_scale() or (Scale.ZERO_TO_ONE, None)
    if source is not None and source is not ScaleSource.RECORD:
        notes.append(f"takes pixels as {scale.value}, as {source.says}")
    return scale


def _as_probabilities(outputs: Array, activation: str) -> Array:
    if activation == "softmax":
        return outputs
    if activation == "sigmoid":
        totals = outputs.sum(axis=1, keepdims=True)
        # Zeros alone tell nothing: each class is as likely as another.
        shares = np.full_like(outputs, 1 / outputs.shape[1])
        np.divide(outputs, totals, out=shares, where=totals > 0)
        return shares
    return softmax(outputs)
