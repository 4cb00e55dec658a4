"""Build a network in Keras from the configuration and arrays of a model file.

Keras itself opens no file. The network is built without numbers first: if its arrays have other
shapes than the stored ones, or if it does not classify digits, it never takes memory.
"""

import math
import re
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.machine.failures import is_out_of_memory, out_of_memory
from mnist_batch.models.formats import ArrayOrder, Weights
from mnist_batch.models.layers import check_one_of_each, count_classes, digit_shape
from mnist_batch.models.model_file import ModelFile
from mnist_batch.models.network_config import PARTS, layer_name, layers_of
from mnist_batch.models.old_keras import HARD_SIGMOID, KerasConfig, translated

MOST_VALUES = 2**24  # numbers in a layer's output for one image; VGG16 has 3 million at 224x224


def built_model(file: ModelFile, keras: ModuleType, device: str) -> Any:  # noqa: ANN401 - Keras
    """Build the network of a model file, with its arrays, as a `keras.Model` to run.

    Args:
        file: the model file.
        keras: the installed Keras.
        device: the device that keeps the arrays, by its name in Keras.

    Raises:
        ModelError: Keras cannot build it, the stored arrays do not fit, or it does not classify
            28x28 images in classes.
    """
    # Keras keeps its list of variables without numbers by thread, and the list ends with this one.
    with ThreadPoolExecutor(max_workers=1) as thread:
        return thread.submit(_built, file, keras, device).result()


def _built(file: ModelFile, keras: ModuleType, device: str) -> Any:  # noqa: ANN401 - Keras
    functions = {HARD_SIGMOID: hard_sigmoid_of_keras_2}
    with keras.device(device), keras.saving.custom_object_scope(functions):
        with keras.StatelessScope(initialize_variables=False):
            config = _translated(file, keras)
            names = [layer["config"]["name"] for layer in config["config"]["layers"]]
            model = _without_numbers(config, keras)
            _check_task(model)
            _check_sizes(model)
            layers = {layer.name: layer for layer in model.layers}
            places = list(_places([layers[name] for name in names if name in layers], file))
        with keras.StatelessScope():
            pass  # at its end Keras makes the variables that it built without numbers
        for variable, array in places:
            variable.assign(array)
        for layer in _innermost(model):
            if hasattr(layer, "finalize_state"):  # Normalization
                layer.finalize_state()
    return model


def _translated(file: ModelFile, keras: ModuleType) -> KerasConfig:
    """Translate the configuration of a model file for the installed Keras."""
    try:
        return translated(file.config, keras, file.keras_version)
    except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
        why = f"{type(error).__name__}: {cause(error)}"
        raise ModelError(f"its configuration is not as expected ({why})") from error


def _without_numbers(config: KerasConfig, keras: ModuleType) -> Any:  # noqa: ANN401 - Keras
    try:
        return keras.saving.deserialize_keras_object(config, safe_mode=True)
    except Exception as error:
        if is_out_of_memory(error):
            raise out_of_memory(error, "building this model on Keras") from error
        # Keras raises nearly any type where layers do not fit each other.
        raise ModelError(f"Keras cannot build this model: {cause(error)}") from error


def _check_task(model: Any) -> None:  # noqa: ANN401 - Keras
    try:
        inputs, outputs = model.inputs, model.outputs
    except AttributeError as error:
        why = "the file does not say the shape of the input"
        raise ModelError(f"{why}; save the model after it was built or trained") from error
    check_one_of_each(len(inputs), len(outputs))
    digit_shape(inputs[0].shape[1:])
    count_classes(outputs[0].shape[1:])


def _check_sizes(model: Any) -> None:  # noqa: ANN401 - Keras
    """Check that no layer gives more than `MOST_VALUES` numbers for an image."""
    for layer in unnested(model.layers):
        values = math.prod(size or 1 for size in output_shape(layer) or ())
        if values > MOST_VALUES:
            given = f"layer {layer.name}: gives {values:,} numbers an image"
            raise ModelError(f"{given}; expected {MOST_VALUES:,} at most")


def _places(layers: Sequence[Any], file: ModelFile) -> Iterator[tuple[Any, npt.NDArray[Any]]]:
    """Yield each variable of the network's layers, in the order of the file, with its stored array.

    Raises:
        ModelError: an array is missing, is one too many, or is of another shape.
    """
    by_layer = file.array_order is ArrayOrder.BY_LAYER
    variables = _of_parts if by_layer else _trained_first
    owners = [(layer, found) for layer in layers if (found := list(variables(layer)))]
    if len(owners) != len(file.weights):
        names = ", ".join(layer.name for layer, _ in owners)
        counted = f"arrays of {len(file.weights)} layers are stored"
        raise ModelError(f"{counted}; expected those of {len(owners)}: {names}")
    classes = {layer_name(layer): layer["class_name"] for layer in layers_of(file.config)}
    for (layer, found), stored in zip(owners, file.weights, strict=True):
        arrays = _converted(layer, found, stored, classes.get(layer.name, ""), file.backend)
        for variable, array in zip(found, arrays, strict=True):
            if array.shape != (shape := tuple(variable.shape)):
                expected = f"expected {shape} for its {variable.name}"
                raise ModelError(f"layer {layer.name}: stored array {array.shape}; {expected}")
            yield variable, array


def _converted(
    layer: Any,  # noqa: ANN401 - Keras
    variables: Sequence[Any],
    stored: Weights,
    class_name: str,
    backend: str,
) -> Weights:
    """Convert the stored arrays of a layer for Keras 3 on TensorFlow."""
    name = f"layer {layer.name}"
    if len(stored) != len(variables):
        raise ModelError(f"{name}: {len(stored)} arrays are stored; expected {len(variables)}")
    try:
        arrays = _as_keras_3(class_name, stored)
    except ValueError as error:
        raise ModelError(f"{name}: its arrays are not those of {class_name}") from error
    if backend != "theano":
        return arrays
    # Theano convolves where TensorFlow correlates (Keras 2.2): kernels start at the other end of
    # each spatial axis. Inputs and outputs are the last two axes.
    flipped = ("Conv1D", "Conv2D", "Conv3D", "Conv2DTranspose")
    kernels = {id(part.kernel) for part in _innermost(layer) if type(part).__name__ in flipped}
    return [
        np.flip(array, tuple(range(array.ndim - 2))) if id(variable) in kernels else array
        for variable, array in zip(variables, arrays, strict=True)
    ]


def _trained_first(layer: Any) -> Iterator[Any]:  # noqa: ANN401 - Keras
    """Yield the variables of a layer or network in the order of HDF5 files."""
    yield from (*layer.trainable_weights, *layer.non_trainable_weights)


def _of_parts(layer: Any) -> Iterator[Any]:  # noqa: ANN401 - Keras
    """Yield the variables of a layer or network in the order of Keras v3 files."""
    for part in _innermost(layer):
        own: dict[str, Any] = {}
        part.save_own_variables(own)
        yield from own.values()


def _innermost(layer: Any) -> Iterator[Any]:  # noqa: ANN401 - Keras
    """Yield the layers of a network, each before those that it is made of."""
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
    """Yield the layers of a network, and of networks within it."""
    for layer in layers:
        if hasattr(layer, "layers"):
            yield from unnested(layer.layers)
        else:
            yield layer


def output_shape(layer: Any) -> tuple[int | None, ...] | None:  # noqa: ANN401 - Keras
    """Return the shape of a layer's output for one image, None where Keras does not know it."""
    try:
        shape = layer.output.shape
    except (AttributeError, ValueError):  # called from code of the model's own, or several times
        return None
    return tuple(shape[1:])


def cause(error: Exception) -> str:
    """Return the line of an exception's message that tells most, without colours."""
    text = re.sub(r"\x1b\[\d*m", "", str(error)).rsplit("Exception encountered: ", 1)[-1]
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    # Keras first says in which layer it happened, TensorFlow that it happened in a graph.
    headings = ("Exception encountered when calling", "Graph execution error")
    said = [line for line in lines if not line.startswith(headings)]
    return (said or lines or [type(error).__name__])[0]


# Keras looks it up by its own name too, which therefore is `HARD_SIGMOID`.
def hard_sigmoid_of_keras_2(values: Any) -> Any:  # noqa: ANN401 - a tensor
    """Return 0.2 x + 0.5, clipped to 0 and 1; Keras 3 has x / 6 + 0.5 (keras.io/2/api)."""
    import keras

    return keras.ops.clip(0.2 * values + 0.5, 0.0, 1.0)


def _as_keras_3(class_name: str, arrays: Weights) -> Weights:
    """Convert the arrays of a cuDNN layer for the layer that replaces it in Keras 3.

    cuDNN holds each gate's kernel in the shape of its transpose, and two biases, for the inputs and
    for the state (`preprocess_weights_for_loading` of Keras 2). Arrays of other layers stay.

    Raises:
        ValueError: they are not of the number or shapes that the layer has.
    """
    gates = {"CuDNNLSTM": 4, "CuDNNGRU": 3}.get(class_name)
    if gates is None:
        return arrays
    kernel, recurrent, biases = arrays
    biases = biases.reshape(2, -1)
    return [
        np.hstack([part.reshape(part.shape[::-1]).T for part in np.hsplit(kernel, gates)]),
        np.hstack([part.T for part in np.hsplit(recurrent, gates)]),
        biases.sum(axis=0) if class_name == "CuDNNLSTM" else biases,
    ]
