"""Configurations as Keras 2.1 to 3.15 wrote them, as the installed Keras takes them.

What they are in the file is what the layers have to compute; what only training needs goes
(initializers, regularizers, constraints). Nothing of a file names a module: classes are looked up
by name in `keras.layers`, so a file can neither import anything nor bring a class of its own.
"""

import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from types import ModuleType
from typing import Any

from mnist_batch.errors import ModelError
from mnist_batch.models.network_config import (
    Config,
    activation_name,
    is_model,
    layer_name,
    layers_of,
)

KerasConfig = dict[str, Any]

HARD_SIGMOID = "hard_sigmoid_of_keras_2"
"""What `hard_sigmoid` is called here in a model of Keras before 3: it was another function."""


def translated(config: Config, keras: ModuleType, keras_version: str) -> KerasConfig:
    """Return a model's configuration as the installed Keras takes it.

    Each layer has a name in it, in `config`, and is in the place that it has in the file, but for
    an `InputLayer` that is put first where a Sequential model has none and its shape is known.

    Args:
        config: as a file has it, checked by `config_allowlist`: its layers are harmless.
        keras: the installed Keras.
        keras_version: the one that wrote the file; empty for one before 3.

    Raises:
        ModelError: Keras has no such layer, or a layer is set in a way that it does not have.
    """
    return _Translation(keras, before_3=not keras_version.startswith("3")).model(config, "model")


class _Translation:
    """How configurations of one version of Keras are translated."""

    def __init__(self, keras: ModuleType, *, before_3: bool) -> None:
        self._keras = keras
        self._before_3 = before_3

    def model(self, config: Config, name: str) -> KerasConfig:
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
                named.insert(0, _input_layer(shape, set(names.values())))
            return _built_in("Sequential", {"name": name, "layers": named}, "keras")
        if "output_layers" not in inner:
            raise ModelError("it is neither a Sequential nor a functional model")
        graph = Graph(layers, names, inner["output_layers"])
        for layer, translation in zip(layers, named, strict=True):
            translation["name"] = translation["config"]["name"]
            translation["inbound_nodes"] = [
                graph.call(call) for call in layer.get("inbound_nodes", [])
            ]
        # `trainable` of a model is left out: Keras 3 would set it for each layer within.
        return _built_in(
            "Model",
            {
                "name": name,
                "layers": named,
                "input_layers": graph.ends(inner["input_layers"]),
                "output_layers": graph.ends(inner["output_layers"]),
            },
            "keras",
        )

    def layer(self, config: Config, name: str) -> KerasConfig:
        if is_model(config):
            return self.model(config, name)
        class_name, settings = config["class_name"], dict(config["config"])
        if class_name == "InputLayer":
            given = settings.get("batch_shape") or settings.get("batch_input_shape")
            return _input_layer(given, set(), name, settings.get("dtype"))
        class_name, settings = _RENAMED.get(class_name, _kept)(class_name, settings)
        kind = getattr(self._keras.layers, class_name, None)
        if not (inspect.isclass(kind) and issubclass(kind, self._keras.Layer)):
            raise ModelError(
                f"layer {name}: {class_name} is not a layer of Keras {self._keras.__version__}"
            )
        # A digit does not depend on those before it; and unrolled a layer gives the same.
        settings["stateful"] = settings["unroll"] = False
        accepted = _arguments(kind, self._keras.Layer)
        arguments = {}
        for key, value in settings.items():
            if key in accepted:
                arguments[key] = self._value(class_name, key, value)
            elif value and value != _NO_EFFECT.get(key) and not _passed_over(class_name, key):
                raise ModelError(
                    f"layer {name}: {class_name} has no setting {key} ({value!r}) in Keras "
                    f"{self._keras.__version__}"
                )
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
        if inspect.isclass(getattr(self._keras.layers, name, None)):
            return self.layer(value, name.lower())
        if name == "hard_sigmoid" and self._before_3:
            return {
                "module": "builtins",
                "class_name": "function",
                "config": HARD_SIGMOID,
                "registered_name": HARD_SIGMOID,
            }
        return name


def _names(layers: Sequence[Config]) -> dict[str, str]:
    """Return the name of each layer for Keras 3, which allows no slash in it, by that in the file.

    Raises:
        ModelError: two layers have the same name.
    """
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
    if not isinstance(layer["config"], dict):
        return layer
    return {**layer, "config": {**layer["config"], "trainable": False}}


def _batch_shape(config: Config) -> Sequence[int | None] | None:
    """Return the shape of what a model takes, the batch first; None where the file says none."""
    layers = layers_of(config)
    inner = config["config"] if isinstance(config["config"], dict) else {}
    if config["class_name"] != "Sequential":
        layers = [layer for layer in layers if layer["class_name"] == "InputLayer"]
    if not layers:
        raise ModelError("it has no layers")
    if is_model(layers[0]):
        first = _batch_shape(layers[0])
    else:
        settings = layers[0]["config"]
        first = settings.get("batch_shape") or settings.get("batch_input_shape")
    if first:
        return first
    built = inner.get("build_input_shape") or config.get("build_config", {}).get("input_shape")
    return [None, *built[1:]] if built else None


def _input_layer(
    batch_shape: Sequence[int | None] | None,
    taken: Collection[str],
    name: str = "input",
    dtype: Any = None,  # noqa: ANN401 - JSON
) -> KerasConfig:
    settings = {"batch_shape": batch_shape, "name": _unused(name, taken), "dtype": _policy(dtype)}
    return _built_in("InputLayer", settings, "keras.layers")


def _built_in(class_name: str, settings: KerasConfig, module: str) -> KerasConfig:
    return {
        "module": module,
        "class_name": class_name,
        "config": settings,
        "registered_name": None,
    }


def _policy(dtype: Any) -> Any:  # noqa: ANN401 - JSON
    """Return a policy of number types: by its name, unless it is one of quantized numbers."""
    if isinstance(dtype, dict) and dtype.get("class_name") in ("Policy", "DTypePolicy"):
        return dtype["config"]["name"]
    return dtype


def _arguments(kind: type, base: type) -> set[str]:
    """Return the names of all arguments that a class of layers takes by itself and its bases."""
    names: set[str] = set()
    for one in kind.__mro__:
        if "__init__" in vars(one):
            parameters = inspect.signature(vars(one)["__init__"]).parameters.values()
            names.update(parameter.name for parameter in parameters)
            passes_on = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
            if one is base or not passes_on:
                break
    return names


def _passed_over(class_name: str, key: str) -> bool:
    """Tell whether a setting that Keras no longer has makes no difference to predictions."""
    return (
        key in _ONLY_MATTERS_ELSEWHERE
        or key.endswith(("_initializer", "_regularizer", "_constraint"))
        or class_name.startswith("Random")
        or class_name.endswith(("Dropout", "Noise", "Dropout1D", "Dropout2D", "Dropout3D"))
        or (class_name == "BatchNormalization" and key.startswith("renorm_"))
    )


# Speed, training, and shapes that are known from elsewhere.
_ONLY_MATTERS_ELSEWHERE = frozenset(
    (
        "autocast",
        "batch_input_shape",
        "batch_size",
        "fused",
        "implementation",
        "input_dim",
        "input_dtype",
        "input_length",
        "input_shape",
        "key_shape",
        "query_shape",
        "synchronized",
        "trainable",
        "value_shape",
        "virtual_batch_size",
    )
)

_NO_EFFECT = {"groups": 1}
"""Settings of old that changed nothing at these values, besides those at which nothing is set."""

_Renaming = Callable[[str, KerasConfig], tuple[str, KerasConfig]]


def _kept(class_name: str, settings: KerasConfig) -> tuple[str, KerasConfig]:
    return class_name, settings


def _setting(old: str, new: str, class_name: str) -> _Renaming:
    """Return a renaming of a setting, of a layer that is now of some class."""

    def renamed(_: str, settings: KerasConfig) -> tuple[str, KerasConfig]:
        if old in settings:
            settings[new] = settings.pop(old)
        return class_name, settings

    return renamed


def _class(class_name: str) -> _Renaming:
    return lambda _, settings: (class_name, settings)


def _gru(_: str, settings: KerasConfig) -> tuple[str, KerasConfig]:
    return "GRU", {"reset_after": False, **settings}


def _cudnn_gru(_: str, settings: KerasConfig) -> tuple[str, KerasConfig]:
    return "GRU", {**settings, "reset_after": True}


def _noise(class_name: str, settings: KerasConfig) -> tuple[str, KerasConfig]:
    return class_name, {**settings, "stddev": min(settings["stddev"], 1.0)}


def _identity(_: str, settings: KerasConfig) -> tuple[str, KerasConfig]:
    return "Identity", {"dtype": settings.get("dtype")}


_RENAMED: Mapping[str, _Renaming] = {
    "BatchNormalizationV1": _class("BatchNormalization"),  # TensorFlow 1.13 to 2.0
    "BatchNormalizationV2": _class("BatchNormalization"),
    "SyncBatchNormalization": _class("BatchNormalization"),
    "LeakyReLU": _setting("alpha", "negative_slope", "LeakyReLU"),
    "ThresholdedReLU": _setting("theta", "threshold", "ReLU"),
    "GRU": _gru,  # Keras before 2.1.3 had no other, and did not write it
    "CuDNNLSTM": _class("LSTM"),  # gone in Keras 3; `old_arrays` turns their arrays
    "CuDNNGRU": _cudnn_gru,
    "GaussianNoise": _noise,  # active in training only; Keras 3 allows no more than 1
    "RandomHeight": _identity,  # gone in Keras 3, and active in training only
    "RandomWidth": _identity,
}


class Graph:
    """The layers of a functional model by their names in the file, and the calls of them.

    A tensor is [layer, number of its call, number of its output]. Keras before 3 wrote the calls
    of a layer as lists of tensors; the call with which a model within the model was made it
    counted as well, but not always. It wrote only calls that something uses, so the least number
    in use is that of the first. Keras 3 counts that call only in the outputs of a model, and only
    of a functional one.
    """

    def __init__(
        self,
        layers: Sequence[Config],
        names: Mapping[str, str],
        outputs: Any,  # noqa: ANN401
    ) -> None:
        self._names = names
        calls = [node for layer in layers for node in layer.get("inbound_nodes", [])]
        self._before_3 = any(isinstance(call, list) for call in calls)
        self._first: dict[str, int] = {}
        models = {layer_name(layer) for layer in layers if is_model(layer)}
        for name, call, *_ in self._references([calls, outputs] if self._before_3 else []):
            if name in models:
                self._first[name] = min(call, self._first.get(name, call))
        self._functional = {
            layer_name(layer)
            for layer in layers
            if is_model(layer) and layer["class_name"] != "Sequential"
        }

    def call(self, call: Any) -> Any:  # noqa: ANN401 - JSON
        """Return a call of a layer as Keras 3 writes it."""
        if not isinstance(call, list):
            return call
        entries = [call] if call and isinstance(call[0], str) else call
        tensors = [self._tensor(entry) for entry in entries]
        settings = entries[0][3] if entries and len(entries[0]) > 3 else {}
        return {
            "args": tensors if len(tensors) == 1 else [tensors],
            "kwargs": {
                key: self._tensor(value) if self._is_reference(value) else value
                for key, value in settings.items()
                if value is not None
            },
        }

    def ends(self, tensors: Any) -> Any:  # noqa: ANN401 - JSON
        """Return the inputs or the outputs of the model as Keras 3 writes them."""
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
        # Keras finds the tensor by its history; its true shape and type are those of that.
        return {
            "class_name": "__keras_tensor__",
            "config": {
                "shape": [1],
                "dtype": "float32",
                "keras_history": [self._name(name), call - self._first.get(name, 0), output],
            },
        }

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
