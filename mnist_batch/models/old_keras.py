"""Translate configurations of Keras 2.1 to 3.15 for the installed Keras.

Settings that only training needs go (initializers, regularizers, constraints). No text of a file
names a module: classes are looked up by name in `keras.layers`, so a file can neither import
anything nor bring a class of its own.
"""

import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from mnist_batch.errors import ModelError
from mnist_batch.models.allowlist import quoted
from mnist_batch.models.network_config import (
    TRAINING_ONLY,
    Config,
    activation_name,
    is_network,
    layer_name,
    layers_of,
)

KerasConfig = dict[str, Any]

HARD_SIGMOID = "hard_sigmoid_of_keras_2"
"""The name of `hard_sigmoid` here in a network of Keras before 3: it was another function."""


def translated(config: Config, keras: ModuleType, keras_version: str) -> KerasConfig:
    """Translate the configuration of a network for the installed Keras.

    Each layer gets a name, in its `config`. The layers keep their order; a Sequential model without
    an `InputLayer` gets one in front where the shape of its input is known.

    Args:
        config: the configuration in a file, checked by `allowlist`: its layers are harmless.
        keras: the installed Keras.
        keras_version: the version that wrote the file; empty for one before 3.

    Raises:
        ModelError: Keras has no such layer, or a layer has no such setting.
    """
    return _Translator(keras, not keras_version.startswith("3")).network(config, "model")


@dataclass(frozen=True)
class _Translator:
    """Translates the configurations that one version of Keras wrote."""

    keras: ModuleType
    before_3: bool

    def network(self, config: Config, name: str) -> KerasConfig:
        inner = config["config"] if isinstance(config["config"], dict) else {}
        frozen = inner.get("trainable") is False
        layers = layers_of(config)
        names = _names(layers)
        named = [
            self.layer(_frozen(layer) if frozen else layer, name)
            for layer, name in zip(layers, names.values(), strict=True)
        ]
        if config["class_name"] == "Sequential":
            shape = _batch_shape(config)
            if shape and layers[0]["class_name"] != "InputLayer":
                named.insert(0, _input_layer(_unused("input", names.values()), shape))
            return _built_in("Sequential", {"name": name, "layers": named}, "keras")
        if "output_layers" not in inner:
            raise ModelError("it is neither a Sequential nor a functional model")
        graph = _Graph(layers, names, inner["output_layers"])
        for layer, translation in zip(layers, named, strict=True):
            translation["name"] = translation["config"]["name"]
            translation["inbound_nodes"] = list(map(graph.call, layer.get("inbound_nodes", [])))
        ends = {key: graph.ends(inner[key]) for key in ("input_layers", "output_layers")}
        # `trainable` of a network is left out: Keras 3 would set it for each layer within.
        return _built_in("Model", {"name": name, "layers": named, **ends}, "keras")

    def layer(self, config: Config, name: str) -> KerasConfig:
        if is_network(config):
            return self.network(config, name)
        class_name, settings = config["class_name"], dict(config["config"])
        if class_name == "InputLayer":
            given = settings.get("batch_shape") or settings.get("batch_input_shape")
            return _input_layer(name, given, settings.get("dtype"))
        class_name, settings = _renamed(class_name, settings)
        kind = getattr(self.keras.layers, class_name, None)
        if not (inspect.isclass(kind) and issubclass(kind, self.keras.Layer)):
            version = self.keras.__version__
            raise ModelError(f"layer {name}: {class_name} is not a layer of Keras {version}")
        # No digit depends on the one before it, and an unrolled layer gives the same.
        settings["stateful"] = settings["unroll"] = False
        accepted = _arguments(kind, self.keras.Layer)
        arguments = {}
        for key, value in settings.items():
            if key in accepted:
                arguments[key] = self._value(class_name, key, value)
            elif value and value != _DEFAULTS.get(key) and not _is_ignored(class_name, key):
                setting = f"{class_name} has no setting {key} ({quoted(value)})"
                raise ModelError(f"layer {name}: {setting} in Keras {self.keras.__version__}")
        return _built_in(class_name, {**arguments, "name": name}, "keras.layers")

    def _value(self, class_name: str, key: str, value: Any) -> Any:  # noqa: ANN401 - JSON
        if key.endswith("_initializer"):
            return "zeros"  # the arrays of the file follow
        if key.endswith(("_regularizer", "_constraint")):
            return None
        if key == "dtype":
            return _policy(value)
        if key.endswith("activation") and class_name != "ActivityRegularization":
            return self._activation(value)
        if key in ("layer", "backward_layer", "cell") and isinstance(value, dict):
            return self.layer(value, layer_name(value) or key)
        if key == "cells":
            return [self.layer(cell, layer_name(cell) or key) for cell in value]
        if key == "axis" and class_name == "BatchNormalization" and isinstance(value, list):
            [axis] = value
            return axis
        return value

    def _activation(self, value: Any) -> Any:  # noqa: ANN401 - JSON
        name = activation_name(value)
        if inspect.isclass(getattr(self.keras.layers, name, None)):
            return self.layer(value, name.lower())
        if name == "hard_sigmoid" and self.before_3:
            names = {"module": "builtins", "class_name": "function"}
            return {**names, "config": HARD_SIGMOID, "registered_name": HARD_SIGMOID}
        return name


def _names(layers: Sequence[Config]) -> dict[str, str]:
    """Map each layer's name in the file to its name in Keras 3, which allows no slash."""
    names: dict[str, str] = {}
    for number, layer in enumerate(layers):
        name = layer_name(layer) or f"layer_{number}"
        if name in names:
            raise ModelError(f"two layers are named {name}")
        names[name] = _unused(name.replace("/", "_"), names.values())
    return names


def _unused(name: str, taken: Collection[str]) -> str:
    while name in taken:
        name += "_"
    return name


def _frozen(layer: Config) -> Config:
    inner = layer["config"]
    return {**layer, "config": {**inner, "trainable": False}} if isinstance(inner, dict) else layer


def _batch_shape(config: Config) -> Sequence[int | None] | None:
    """Return the shape of a network's input, the batch first; None where the file tells none."""
    layers = layers_of(config)
    inner = config["config"] if isinstance(config["config"], dict) else {}
    if config["class_name"] != "Sequential":
        layers = [layer for layer in layers if layer["class_name"] == "InputLayer"]
    if not layers:
        raise ModelError("it has no layers")
    if is_network(layers[0]):
        first = _batch_shape(layers[0])
    else:
        settings = layers[0]["config"]
        first = settings.get("batch_shape") or settings.get("batch_input_shape")
    if first:
        return first
    built = inner.get("build_input_shape") or config.get("build_config", {}).get("input_shape")
    return [None, *built[1:]] if built else None


def _input_layer(name: str, batch_shape: object, dtype: object = None) -> KerasConfig:
    settings = {"batch_shape": batch_shape, "name": name, "dtype": _policy(dtype)}
    return _built_in("InputLayer", settings, "keras.layers")


def _built_in(class_name: str, settings: KerasConfig, module: str) -> KerasConfig:
    """Return the configuration of an object of one of Keras's own classes."""
    names = {"module": module, "class_name": class_name, "registered_name": None}
    return {**names, "config": settings}


def _policy(dtype: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a policy of number types by its name, unless it is for quantized numbers."""
    if isinstance(dtype, dict) and dtype.get("class_name") in ("Policy", "DTypePolicy"):
        return dtype["config"]["name"]
    return dtype


def _arguments(kind: type, base: type) -> set[str]:
    """Return the names of all arguments that a class of layers takes, those of its bases too."""
    names: set[str] = set()
    for one in kind.__mro__:
        if "__init__" in vars(one):
            parameters = inspect.signature(vars(one)["__init__"]).parameters.values()
            names.update(parameter.name for parameter in parameters)
            passes_on = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
            if one is base or not passes_on:
                break
    return names


def _is_ignored(class_name: str, key: str) -> bool:
    """Tell whether predictions do not depend on a setting that Keras no longer has."""
    return (
        key in _WITHOUT_EFFECT
        or key.endswith(("_initializer", "_regularizer", "_constraint"))
        or class_name in TRAINING_ONLY
        or (class_name == "BatchNormalization" and key.startswith("renorm_"))
    )


# Settings for speed or training, and shapes that other parts of the configuration tell too.
_WITHOUT_EFFECT = (
    *("autocast", "batch_input_shape", "batch_size", "fused", "implementation", "input_dim"),
    *("input_dtype", "input_length", "input_shape", "key_shape", "query_shape", "synchronized"),
    *("trainable", "value_shape", "virtual_batch_size"),
)

_DEFAULTS = {"groups": 1}  # values of settings that change nothing, besides those that are false


def _renamed(class_name: str, settings: KerasConfig) -> tuple[str, KerasConfig]:
    """Return the class and settings that do in Keras 3 what a class of older versions does."""
    match class_name:
        case "BatchNormalizationV1" | "BatchNormalizationV2" | "SyncBatchNormalization":
            return "BatchNormalization", settings  # V1 and V2: TensorFlow 1.13 to 2.0
        case "LeakyReLU" if "alpha" in settings:
            settings["negative_slope"] = settings.pop("alpha")
        case "ThresholdedReLU":
            if "theta" in settings:
                settings["threshold"] = settings.pop("theta")
            return "ReLU", settings
        case "GRU":  # Keras before 2.1.3 had no other, and did not write it
            return "GRU", {"reset_after": False, **settings}
        case "CuDNNLSTM":  # gone in Keras 3; `keras/builder` converts the arrays of both
            return "LSTM", settings
        case "CuDNNGRU":
            return "GRU", {**settings, "reset_after": True}
        case "GaussianNoise":  # active in training only; Keras 3 allows no more than 1
            return class_name, {**settings, "stddev": min(settings["stddev"], 1.0)}
        case "Pipeline" if all(one["class_name"] in TRAINING_ONLY for one in settings["layers"]):
            return "Rescaling", {"scale": 1.0, "offset": 0.0, "dtype": settings.get("dtype")}
        # Keras 3 has none of two of these, and does not take back RandomShear's own settings.
        case _ if class_name in TRAINING_ONLY and not class_name.endswith(_PASSES_MASKS_ON):
            return "Rescaling", {"scale": 1.0, "offset": 0.0, "dtype": settings.get("dtype")}
    return class_name, settings


# These pass on masks too, which Rescaling does not.
_PASSES_MASKS_ON = ("Dropout", "Noise", "Dropout1D", "Dropout2D", "Dropout3D")


class _Graph:
    """The calls of the layers of a functional model, translated from any version for Keras 3.

    A tensor is [name of the layer in the file, number of its call, number of its output]. Keras
    before 3 wrote the calls of a layer as lists of tensors. It often counted the call that made a
    network within the network, but not always; as it wrote only calls that something uses, the
    smallest number in use is that of the first. Keras 3 counts that call only in the outputs of a
    network, and only of a functional model.
    """

    def __init__(self, layers: Sequence[Config], names: Mapping[str, str], outputs: object) -> None:
        self._names = names
        calls = [node for layer in layers for node in layer.get("inbound_nodes", [])]
        self._before_3 = any(isinstance(call, list) for call in calls)
        self._first: dict[str, int] = {}
        networks = {layer_name(layer): layer["class_name"] for layer in layers if is_network(layer)}
        for name, call, *_ in self._references([calls, outputs] if self._before_3 else []):
            if name in networks:
                self._first[name] = min(call, self._first.get(name, call))
        self._functional = {name for name, kind in networks.items() if kind != "Sequential"}

    def call(self, call: Any) -> Any:  # noqa: ANN401 - JSON
        """Translate a call of a layer."""
        if not isinstance(call, list):
            return call
        entries = [call] if call and isinstance(call[0], str) else call
        tensors = [self._tensor(entry) for entry in entries]
        settings = entries[0][3] if entries and len(entries[0]) > 3 else {}
        given = {
            key: self._tensor(value) if self._is_reference(value) else value
            for key, value in settings.items()
            if value is not None
        }
        return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": given}

    def ends(self, tensors: Any) -> Any:  # noqa: ANN401 - JSON
        """Translate the inputs or the outputs of the network."""
        if isinstance(tensors, dict):
            return {key: self.ends(value) for key, value in tensors.items()}
        if not self._is_reference(tensors):
            return [self.ends(value) for value in tensors]
        name, call, output = tensors
        if self._before_3:
            call += (name in self._functional) - self._first.get(name, 0)
        return [self._name(name), call, output]

    def _tensor(self, reference: Sequence[Any]) -> KerasConfig:
        name, call, output = reference[:3]
        history = [self._name(name), call - self._first.get(name, 0), output]
        # Keras finds the tensor by its history, and takes shape and type from there.
        config = {"shape": [1], "dtype": "float32", "keras_history": history}
        return {"class_name": "__keras_tensor__", "config": config}

    def _name(self, name: str) -> str:
        if name not in self._names:
            raise ModelError(f"something takes what layer {name} gives, but there is no such layer")
        return self._names[name]

    def _references(self, value: Any) -> Iterator[Sequence[Any]]:  # noqa: ANN401 - JSON
        if self._is_reference(value):
            yield value
        if isinstance(value, list | dict):
            for inner in value if isinstance(value, list) else value.values():
                yield from self._references(inner)

    def _is_reference(self, value: Any) -> bool:  # noqa: ANN401 - JSON
        return (
            isinstance(value, list)
            and len(value) in (3, 4)
            and isinstance(value[0], str)
            and value[0] in self._names
            and isinstance(value[1], int)
        )
