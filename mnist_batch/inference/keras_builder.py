"""A Keras model built from a configuration and arrays; Keras itself opens no file.

The model is built without numbers first: where its arrays are of other shapes than the stored
ones, or where it is no classifier of digits, it is refused before memory is taken for it.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.models.file import ModelFile
from mnist_batch.models.formats import ArrayOrder, Origin, Weights
from mnist_batch.models.layers import check_one_of_each, check_ten_classes, digit_shape
from mnist_batch.models.network_config import PARTS, layer_name, layers_of
from mnist_batch.models.old_keras import HARD_SIGMOID, KerasConfig, translated

MOST_VALUES = 2**24
"""Values that a layer may give for one image; VGG16 gives 3 million, of one of 224x224 pixels."""


def built_model(file: ModelFile, keras: ModuleType, device: str) -> Any:  # noqa: ANN401 - Keras
    """Return the model of a file, with its arrays, to be run and not to be trained.

    Args:
        file: the model.
        keras: the installed Keras.
        device: what Keras calls the device that the arrays are kept on.

    Raises:
        ModelError: Keras cannot build it, the stored arrays are not those that it has, or it is no
            classifier of 28x28 images in ten classes.
    """
    # What Keras notes of variables without numbers belongs to the thread, and ends with it.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(_built, file, keras, device).result()


def _built(file: ModelFile, keras: ModuleType, device: str) -> Any:  # noqa: ANN401 - Keras
    with (
        keras.device(device),
        keras.saving.custom_object_scope({HARD_SIGMOID: hard_sigmoid_of_keras_2}),
    ):
        with keras.StatelessScope(initialize_variables=False):
            config = _translated(file, keras)
            names = [layer["config"]["name"] for layer in config["config"]["layers"]]
            model = _without_numbers(config, keras)
            _check_task(model)
            _check_sizes(model)
            layers = {layer.name: layer for layer in model.layers}
            places = list(_places([layers[name] for name in names if name in layers], file))
        with keras.StatelessScope():
            pass  # at its end variables are made of what was built without
        for variable, array in places:
            variable.assign(array)
        for layer in _innermost(model):
            if hasattr(layer, "finalize_state"):  # Normalization
                layer.finalize_state()
    return model


def _translated(file: ModelFile, keras: ModuleType) -> KerasConfig:
    try:
        return translated(file.config, keras, file.origin.keras_version)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        raise ModelError(
            f"its configuration is not as expected ({type(error).__name__}: {cause(error)})"
        ) from error


def _without_numbers(config: KerasConfig, keras: ModuleType) -> Any:  # noqa: ANN401 - Keras
    try:
        return keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:
        # Keras raises nearly any type where layers do not fit each other.
        raise ModelError(f"Keras cannot build this model: {cause(error)}") from error


def _check_task(model: Any) -> None:  # noqa: ANN401 - Keras
    try:
        inputs, outputs = model.inputs, model.outputs
    except AttributeError as error:
        raise ModelError(
            "the file does not say the shape of the input; "
            "save the model after it was built or trained"
        ) from error
    check_one_of_each(len(inputs), len(outputs))
    digit_shape(inputs[0].shape[1:])
    check_ten_classes(outputs[0].shape[1:])


def _check_sizes(model: Any) -> None:  # noqa: ANN401 - Keras
    """Check that no layer gives more numbers for an image than any honest one."""
    for layer in unnested(model.layers):
        shape = output_shape(layer)
        values = math.prod(size or 1 for size in shape or ())
        if values > MOST_VALUES:
            raise ModelError(
                f"layer {layer.name}: gives {values:,} numbers an image; expected {MOST_VALUES:,} "
                "at most"
            )


def _places(
    layers: Sequence[Any], file: ModelFile
) -> Iterator[tuple[Any, npt.NDArray[np.generic]]]:
    """Yield each variable of some layers with the stored array that belongs to it.

    Args:
        layers: those of the model, in the order of the file.
        file: what is stored.

    Raises:
        ModelError: an array is missing, is one too many, or is of another shape.
    """
    by_layer = file.origin.array_order is ArrayOrder.BY_LAYER
    variables = _of_parts if by_layer else _trained_first
    owners = [(layer, found) for layer in layers if (found := list(variables(layer)))]
    if len(owners) != len(file.weights):
        raise ModelError(
            f"arrays of {len(file.weights)} layers are stored; expected those of {len(owners)}: "
            f"{', '.join(layer.name for layer, _ in owners)}"
        )
    classes = {layer_name(layer): layer["class_name"] for layer in layers_of(file.config)}
    for (layer, found), stored in zip(owners, file.weights, strict=True):
        arrays = _converted(layer, found, stored, classes.get(layer.name, ""), file.origin)
        for variable, array in zip(found, arrays, strict=True):
            if array.shape != tuple(variable.shape):
                raise ModelError(
                    f"layer {layer.name}: stored array {array.shape}; expected "
                    f"{tuple(variable.shape)} for its {variable.name}"
                )
            yield variable, array


def _converted(
    layer: Any,  # noqa: ANN401 - Keras
    variables: Sequence[Any],
    stored: Weights,
    class_name: str,
    origin: Origin,
) -> Weights:
    """Return the stored arrays of a layer as Keras 3 has them."""
    if len(stored) != len(variables):
        raise ModelError(
            f"layer {layer.name}: {len(stored)} arrays are stored; expected {len(variables)}"
        )
    try:
        arrays = as_keras_3(class_name, stored)
    except ValueError as error:
        raise ModelError(f"layer {layer.name}: its arrays are not those of {class_name}") from error
    if origin.backend != "theano":
        return arrays
    kernels = {id(part.kernel) for part in _innermost(layer) if type(part).__name__ in _TURNED}
    return [
        turned(array) if id(variable) in kernels else array
        for variable, array in zip(variables, arrays, strict=True)
    ]


_TURNED = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")
"""Layers whose kernels Theano turns: it convolves where TensorFlow correlates (Keras 2.2)."""


def _trained_first(layer: Any) -> Iterator[Any]:  # noqa: ANN401 - Keras
    """Yield the variables of a layer or model as HDF5 files have them."""
    yield from layer.trainable_weights
    yield from layer.non_trainable_weights


def _of_parts(layer: Any) -> Iterator[Any]:  # noqa: ANN401 - Keras
    """Yield the variables of a layer or model as Keras v3 files have them."""
    for part in _innermost(layer):
        own: dict[str, Any] = {}
        part.save_own_variables(own)
        yield from own.values()


def _innermost(layer: Any) -> Iterator[Any]:  # noqa: ANN401 - Keras
    """Yield the layers of a model, each before those that it is made of."""
    if hasattr(layer, "layers"):
        for inner in layer.layers:
            yield from _innermost(inner)
        return
    yield layer
    for name in PARTS.get(type(layer).__name__, ()):
        part = getattr(layer, name)
        for inner in part if isinstance(part, list | tuple) else [part]:
            yield from _innermost(inner)


def unnested(layers: Sequence[Any]) -> Iterator[Any]:
    """Yield the layers of a Keras model, and of models within it."""
    for layer in layers:
        if hasattr(layer, "layers"):
            yield from unnested(layer.layers)
        else:
            yield layer


def output_shape(layer: Any) -> tuple[int | None, ...] | None:  # noqa: ANN401 - Keras
    """Return the shape of what a layer gives for one image, None where Keras does not know it."""
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):  # called from code of the model's own, or several times
        return None
    return tuple(shape[1:])


def cause(error: Exception) -> str:
    """Return the line of an exception's message that says most, without colours."""
    text = re.sub(r"\x1b\[\d*m", "", str(error)).rsplit("Exception encountered: ", 1)[-1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # Keras first says in which layer it happened, TensorFlow that it happened in a graph.
    headings = ("Exception encountered when calling", "Graph execution error")
    said = [line for line in lines if not line.startswith(headings)]
    return (said or lines or [type(error).__name__])[0]


def hard_sigmoid_of_keras_2(values: Any) -> Any:  # noqa: ANN401 - a tensor
    """Return 0.2 x + 0.5, cut off at 0 and 1; Keras 3 takes x / 6 + 0.5 (keras.io/2/api)."""
    import keras

    return keras.ops.clip(0.2 * values + 0.5, 0.0, 1.0)


_Array = npt.NDArray[np.float32]


def as_keras_3(class_name: str, arrays: Weights) -> Weights:
    """Return the arrays of a layer as the layer has them that does the same in Keras 3.

    Args:
        class_name: the layer's class in the file.
        arrays: those stored.

    Raises:
        ValueError: they are not of the number or shapes that the layer has.
    """
    return _CONVERTED[class_name](arrays) if class_name in _CONVERTED else arrays


def turned(kernel: _Array) -> _Array:
    """Return a kernel of Theano's convolution: that starts at the other end of each spatial axis.

    Args:
        kernel: height and width, or other spatial axes, then inputs and outputs.
    """
    return np.flip(kernel, axis=tuple(range(kernel.ndim - 2)))


def _of_cudnn(gates: int, bias: Callable[[_Array], _Array]) -> Callable[[Weights], Weights]:
    """Return what converts a layer of the cuDNN library: it has a row for each unit of a gate.

    As `preprocess_weights_for_loading` of Keras 2 says. It holds each gate's kernel in the shape
    of its transpose, and two biases, for the inputs and for the state.
    """

    def converted(arrays: Weights) -> Weights:
        kernel, recurrent, biases = arrays
        return [
            np.hstack([part.reshape(part.shape[::-1]).T for part in np.hsplit(kernel, gates)]),
            np.hstack([part.T for part in np.hsplit(recurrent, gates)]),
            bias(biases),
        ]

    return converted


_CONVERTED: Mapping[str, Callable[[Weights], Weights]] = {
    "CuDNNLSTM": _of_cudnn(4, lambda biases: biases.reshape(2, -1).sum(axis=0)),
    "CuDNNGRU": _of_cudnn(3, lambda biases: biases.reshape(2, -1)),
}
