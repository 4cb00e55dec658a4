"""Run a network that is a chain of dense layers on NumPy, straight from its model file.

Each layer follows its definition in the documentation of Keras (keras.io/api/layers), on arrays
whose first axis is the batch. All other networks are left to Keras. An operation may write its
result over its argument: to write new memory for the first time takes as long as to compute.
"""

import ctypes
import math
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch._kernels.dense import PixelProduct
from mnist_batch.errors import ModelError
from mnist_batch.mnist import PIXELS
from mnist_batch.models.formats import Weights
from mnist_batch.models.layers import Layer, as_taken, count_classes, described, input_shape
from mnist_batch.models.model_file import ModelFile
from mnist_batch.models.network_config import (
    TRAINING_ONLY,
    Config,
    NotAChainError,
    Shape,
    activation_name,
    chain,
    is_float32,
    is_network,
    layers_of,
    quantization,
)
from mnist_batch.schema import Images

Array = npt.NDArray[np.float32]
Operation = Callable[[Array], Array]
Scaling = tuple[np.float32, np.float32]

BLOCK_ROWS = 256  # NumPy is fastest at so many rows at once, as the arrays still fit the cache


class UnsupportedNetworkError(ModelError):
    """A network that NumPy does not run; Keras may."""


@dataclass(frozen=True)
class DenseNetwork:
    """A chain of operations from pixels to an output per class; see `networks.Network`."""

    input_shape: Shape
    # Applied in turn, float32 (n, *shape) to float32 (n, *next shape). One of them scales the
    # pixels, or the weights of the first do.
    operations: Sequence[Operation]
    layers: Sequence[Layer]  # with the weights that are stored
    class_count: int
    activation: str
    # That of the first dense layer, if compiled code can take images as they are, and how many of
    # the operations it does.
    product: PixelProduct | None = None
    of_product: int = 0
    block_rows: int = BLOCK_ROWS

    def outputs_by_product(self, images: Images) -> Array:
        """Return the same as `outputs`, for images uint8 (n, 28, 28), by `product`."""
        assert self.product is not None
        values = self.product(np.ascontiguousarray(images), self.block_rows)
        for operation in self.operations[self.of_product :]:
            values = operation(values)
        return values[: len(images)]

    def outputs(self, inputs: Array) -> Array:
        """Return the outputs, float32 (n, classes), for pixels of 0 to 255, float32 (n, 784).

        The pixels are lost.
        """
        values = as_taken(inputs, self.input_shape)
        for operation in self.operations:
            values = operation(values)
        return values


def dense_network(file: ModelFile, scaling: Scaling | None) -> DenseNetwork:
    """Build the chain of operations of the network in a model file.

    Args:
        file: the model file.
        scaling: the factor and the offset that scale pixels from 0 to 255 to the network's inputs;
            None where the pixels are its inputs.

    Raises:
        UnsupportedNetworkError: it has a layer, activation or arrangement that NumPy does not run.
        ModelError: the stored arrays do not fit the layers, or the network does not take 784
            values and give classes.
    """
    try:
        network, first = _built(file, scaling)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        # A damaged configuration, or one of an unknown version, on which Keras decides.
        why = f"its configuration is not as expected ({type(error).__name__}: {error})"
        raise UnsupportedNetworkError(why) from error
    return replace(network, product=PixelProduct(*first)) if first else network


def blas_kernel() -> str:
    """Return which library multiplies matrices for NumPy, and which of its kernels it chose here.

    Kernels for AVX2 and for AVX-512 round differently. The text is `OpenBLAS Haswell` or the like,
    and `unknown` where NumPy was built with another library.
    """
    # The symbols of NumPy's own OpenBLAS, of which its module is linked; threadpoolctl, which tells
    # the same, takes 20 ms to import.
    module = sys.modules.get("numpy._core._multiarray_umath")
    linked = ctypes.CDLL(module.__file__) if module else None
    name = getattr(linked, "scipy_openblas_get_corename64_", None)
    if name is None:
        return "unknown"
    name.restype = ctypes.c_char_p
    return f"OpenBLAS {name().decode()}"


def _built(file: ModelFile, scaling: Scaling | None) -> tuple[DenseNetwork, Weights]:
    """Return the chain, and the arrays of the first dense layer if `PixelProduct` is to do it."""
    layers = _supported_layers(file.config)
    shape = inputs = input_shape(file.config, layers)
    operations: list[Operation] = []
    first: Weights = []
    of_product, is_plain = 0, True  # whether pixels are as they were, but for a pending scaling
    shown: list[Layer] = []
    for layer, arrays in zip(layers, _arrays_by_layer(file, layers), strict=True):
        name, stored = layer["class_name"], arrays
        if scaling and name == "Dense":
            arrays, scaling = _with_scaling(_name(layer["config"], name), arrays, *scaling), None
        elif scaling and name not in _ONLY_SHAPE:
            operations.append(_scaling(*scaling))
            scaling, is_plain = None, False
        taken = shape
        operation, shape = _LAYERS[name](layer["config"], arrays, taken)
        if name == "Rescaling" and is_plain and (scaling := _same_for_all(layer["config"])):
            operation = None
        if operation is not None:
            operations.append(operation)
        if name == "Dense":
            if is_plain and taken == (PIXELS,) and PixelProduct.pays(arrays[0]):
                first, of_product = arrays, len(operations)
            operations.append(_activation(layer["config"].get("activation")))
        is_plain &= name in _ONLY_SHAPE or scaling is not None
        if name != "InputLayer":
            shown.append(described(layer, shape, stored))
    if scaling:
        operations.append(_scaling(*scaling))
    classes = count_classes(shape)
    if shape != (classes,):
        raise UnsupportedNetworkError(f"its outputs are of shape {shape}")
    network = DenseNetwork(
        inputs, operations, shown, classes, file.activation, of_product=of_product
    )
    return network, first


def _with_scaling(name: str, weights: Weights, factor: np.float32, offset: np.float32) -> Weights:
    """Put the scaling of its inputs into a dense layer's arrays: once, not for each image."""
    kernel, *biases = weights
    _check_shapes(name, biases, [kernel.shape[1:]])  # before one of another shape is stretched
    if offset:
        added = offset * kernel.sum(axis=0)
        biases = [biases[0] + added if biases else added]
    return [kernel * factor, *biases]


def _same_for_all(rescaling: Config) -> Scaling | None:
    """Return what a Rescaling layer does to the pixels, if it is the same for each."""
    factor, offset = (
        np.asarray(rescaling.get(name, 0), np.float32) for name in ("scale", "offset")
    )
    return None if factor.ndim or offset.ndim else (np.float32(factor), np.float32(offset))


def _scaling(factor: np.float32, offset: np.float32) -> Operation:
    def operation(values: Array) -> Array:
        values *= factor
        values += offset
        return values

    return operation


def _supported_layers(config: Config) -> list[Config]:
    try:
        layers = list(chain(config))
    except NotAChainError as error:
        raise UnsupportedNetworkError(str(error)) from error
    for layer in layers:
        if layer["class_name"] not in _LAYERS:
            raise UnsupportedNetworkError(f"{layer['class_name']} is not a layer that NumPy runs")
        if mode := quantization(layer["config"]):
            raise UnsupportedNetworkError(f"{layer['class_name']} is quantized ({mode})")
        if not is_float32(layer["config"]):
            raise UnsupportedNetworkError(f"{layer['class_name']} does not compute in float32")
    return layers


def _arrays_by_layer(file: ModelFile, layers: Sequence[Config]) -> Iterator[Weights]:
    """Yield the arrays of each layer.

    Raises:
        UnsupportedNetworkError: more or fewer arrays are stored than the layers have; or a network
            within the network has arrays that are not trained. HDF5 files have those after the
            trained ones of all its layers, so the order does not tell whose they are.
    """
    if any(map(is_network, layers_of(file.config))) and not all(
        layer["config"].get("trainable", True) and layer["class_name"] != "BatchNormalization"
        for layer in layers
    ):
        raise UnsupportedNetworkError("arrays that are not trained, in a model within the model")
    counts = [_array_count(layer) for layer in layers]
    arrays = [array for stored in file.weights for array in stored]
    if len(arrays) != sum(counts):
        found = f"{len(arrays)} arrays are stored"
        raise UnsupportedNetworkError(f"{found} where {sum(counts)} were expected")
    remaining = iter(arrays)
    for count in counts:
        yield list(islice(remaining, count))


def _array_count(layer: Config) -> int:
    settings, count = layer["config"], 0
    if layer["class_name"] == "Dense":
        count = 1 + settings.get("use_bias", True)
    elif layer["class_name"] == "BatchNormalization":
        count = 2 + settings.get("scale", True) + settings.get("center", True)
    return count


def _dense(config: Config, weights: Weights, shape: Shape) -> tuple[Operation, Shape]:
    expected: list[Shape] = [(shape[-1], config["units"]), (config["units"],)]
    _check_shapes(_name(config, "Dense"), weights, expected)
    kernel = np.ascontiguousarray(weights[0])
    bias = weights[1] if len(weights) == 2 else None

    def operation(values: Array) -> Array:
        product = values @ kernel
        if bias is not None:
            product += bias
        return product

    return operation, (*shape[:-1], config["units"])


def _batch_normalization(config: Config, weights: Weights, shape: Shape) -> tuple[Operation, Shape]:
    axis = config["axis"][0] if isinstance(config["axis"], list) else config["axis"]
    if axis not in (-1, len(shape)):
        raise UnsupportedNetworkError("batch normalization on another axis than the last")
    _check_shapes(_name(config, "BatchNormalization"), weights, [(shape[-1],)] * len(weights))
    arrays = list(weights)
    gamma = arrays.pop(0) if config.get("scale", True) else np.float32(1)
    beta = arrays.pop(0) if config.get("center", True) else np.float32(0)
    mean, variance = arrays
    factor = (gamma / np.sqrt(variance + np.float32(config["epsilon"]))).astype(np.float32)
    offset = (beta - mean * factor).astype(np.float32)
    return lambda values: values * factor + offset, shape


def _flatten(config: Config, _: Weights, shape: Shape) -> tuple[Operation, Shape]:
    if config.get("data_format") == "channels_first" and len(shape) > 1:
        raise UnsupportedNetworkError("Flatten with channels first")
    size = math.prod(shape)
    return lambda values: values.reshape(-1, size), (size,)


def _reshape(config: Config, _: Weights, shape: Shape) -> tuple[Operation, Shape]:
    target = tuple(config["target_shape"])
    rest = math.prod(size for size in target if size != -1)
    known = tuple(math.prod(shape) // rest if size == -1 else size for size in target)
    if math.prod(known) != math.prod(shape):
        raise ModelError(f"layer {_name(config, 'Reshape')}: {shape} cannot become {target}")
    return lambda values: values.reshape(-1, *known), known


def _relu_layer(config: Config, _: Weights, shape: Shape) -> tuple[Operation, Shape]:
    top = config.get("max_value")
    slope = np.float32(config.get("negative_slope") or 0)
    threshold = np.float32(config.get("threshold") or 0)

    def operation(values: Array) -> Array:
        below = slope * (values - threshold)
        result = np.where(values >= threshold, values, below)
        return result if top is None else np.minimum(result, np.float32(top))

    return operation, shape


def _softmax_layer(config: Config, _: Weights, shape: Shape) -> tuple[Operation, Shape]:
    if config.get("axis", -1) not in (-1, [-1], len(shape)):
        raise UnsupportedNetworkError("Softmax over another axis than the last")
    return softmax, shape


def _rescaling(config: Config, _: Weights, shape: Shape) -> tuple[Operation, Shape]:
    factor = np.asarray(config["scale"], np.float32)
    offset = np.asarray(config.get("offset", 0), np.float32)
    return lambda values: values * factor + offset, shape


def _name(config: Config, class_name: str) -> str:
    return str(config.get("name") or class_name)


def _check_shapes(layer: str, weights: Weights, expected: Sequence[Shape]) -> None:
    for array, shape in zip(weights, expected, strict=False):
        if array.shape != shape:
            raise ModelError(f"layer {layer}: stored array {array.shape}; expected {shape}")


_LAYERS: Mapping[str, Callable[[Config, Weights, Shape], tuple[Operation | None, Shape]]] = {
    "InputLayer": lambda _config, _weights, shape: (None, shape),
    "Dense": _dense,
    "Flatten": _flatten,
    "Reshape": _reshape,
    **dict.fromkeys(TRAINING_ONLY, lambda _config, _weights, shape: (None, shape)),
    "Activation": lambda config, _, shape: (_activation(config["activation"]), shape),
    "ReLU": _relu_layer,
    "Softmax": _softmax_layer,
    "Rescaling": _rescaling,
    "BatchNormalization": _batch_normalization,
}

_ONLY_SHAPE = TRAINING_ONLY | {"InputLayer", "Flatten", "Reshape"}  # numbers stay the same


def softmax(values: Array) -> Array:
    """Return exp(x) over its sum along the last axis, shifted by the maximum to avoid overflow."""
    # The classes first: NumPy reduces a short last axis row by row, in four times as long.
    by_class = values.swapaxes(0, -1).copy()
    by_class -= by_class.max(axis=0)
    np.exp(by_class, out=by_class)
    by_class /= by_class.sum(axis=0)
    return by_class.swapaxes(0, -1)


def _sigmoid(values: Array) -> Array:
    # tanh saturates where exp would overflow.
    halves: Array = np.tanh(np.float32(0.5) * values)
    return np.float32(0.5) * halves + np.float32(0.5)


_ACTIVATIONS: Mapping[str, Operation] = {
    "linear": lambda values: values,
    "relu": lambda values: np.maximum(values, np.float32(0), out=values),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
    "softmax": softmax,
}


def _activation(value: Any) -> Operation:  # noqa: ANN401 - JSON
    name = activation_name(value)
    if name not in _ACTIVATIONS:
        raise UnsupportedNetworkError(f"activation {name} is not one that NumPy runs")
    return _ACTIVATIONS[name]
