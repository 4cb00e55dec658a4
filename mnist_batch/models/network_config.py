"""Read a network's configuration in JSON, as Keras 2.1 to 3.15 write it: layers, order, output.

These versions write the same facts in different places, and only this module knows them all.
`old_keras` translates a configuration for the installed Keras.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from mnist_batch.errors import ModelError
from mnist_batch.options import Scale

Config = Mapping[str, Any]
Shape = tuple[int, ...]


NETWORK_CLASSES = frozenset(("Sequential", "Functional", "Model"))
"""The classes of Keras whose objects are networks of layers."""

MAX_JSON = 4 * 2**20
"""Characters of JSON in a model file, at most."""


class NotAChainError(ModelError):
    """The layers of a network do not feed one another in a single line, each as in prediction."""


def parsed(text: str | bytes, what: str) -> Any:  # noqa: ANN401 - JSON
    """Parse the JSON in a model file.

    Lists that TensorFlow's Keras wraps in objects become lists: it wrote a tuple as
    {"class_name": "__tuple__", "items": [...]}, a shape as `TensorShape`. Arithmetic becomes
    layers, see `as_layer`.

    Args:
        text: the JSON.
        what: what it is, for the error.

    Raises:
        ModelError: it is too long or nested too deep.
        ValueError: it is not JSON.
    """
    if len(text) > MAX_JSON:
        raise ModelError(f"its {what} is too long, {len(text):,} characters; save it anew")
    try:
        return json.loads(text, object_hook=_plain)
    except RecursionError as error:
        raise ModelError(f"its {what} is nested too deep; save it anew") from error


def _plain(value: dict[str, Any]) -> Any:  # noqa: ANN401 - JSON
    if value.get("class_name") in ("__tuple__", "TensorShape") and "items" in value:
        return value["items"]
    if "output_layers" in value and isinstance(value.get("layers"), list):
        return {**value, "layers": [as_layer(layer) for layer in value["layers"]]}
    return value


def is_network(layer: Config) -> bool:
    """Tell whether a layer is itself a network of layers."""
    return layer["class_name"] in NETWORK_CLASSES


def layers_of(config: Config) -> Sequence[Config]:
    """Return the configurations of a network's layers; Keras before 2.2 wrote a bare list."""
    inner = config["config"]
    layers: Sequence[Config] = inner if isinstance(inner, list) else inner.get("layers", [])
    return layers


def layer_name(layer: Config) -> str:
    """Return the name of a layer in its network; empty where it has none.

    Keras before 2.2 gave none to a Sequential model within a Sequential model.
    """
    inner = layer["config"]
    return str(layer.get("name") or (inner.get("name") if isinstance(inner, dict) else "") or "")


PARTS: Mapping[str, Sequence[str]] = {
    "Bidirectional": ("forward_layer", "backward_layer"),
    "StackedRNNCells": ("cells",),
    **dict.fromkeys(("TimeDistributed", "SpectralNormalization"), ("layer",)),
    **dict.fromkeys(("RNN", "SimpleRNN", "LSTM", "GRU"), ("cell",)),
    **dict.fromkeys(("ConvLSTM1D", "ConvLSTM2D", "ConvLSTM3D"), ("cell",)),
    **dict.fromkeys(
        ("MultiHeadAttention", "GroupedQueryAttention"),
        ("query_dense", "key_dense", "value_dense", "output_dense"),
    ),
}
"""The attributes in which Keras holds the layers that a layer of some class is made of."""


def chain(config: Config) -> Iterator[Config]:
    """Yield the layers of a network, and of networks within it, in the order they are applied in.

    Raises:
        NotAChainError: while iterating, where a layer takes anything but what the one before gives.
    """
    in_order = config["class_name"] == "Sequential"
    for layer in layers_of(config) if in_order else _functional_chain(config["config"]):
        if is_network(layer):
            yield from chain(layer)
        else:
            yield layer


def _functional_chain(config: Config) -> list[Config]:
    """Return the layers of a functional model that feed one another in a single line."""
    if "output_layers" not in config:
        raise NotAChainError("it is neither a Sequential nor a functional model")
    previous: list[str] = []
    for layer in config["layers"]:
        nodes = layer.get("inbound_nodes", [])
        if list(_sources(nodes)) != previous or len(nodes) > 1:
            raise NotAChainError("the layers are not a single chain")
        if '"training": true' in json.dumps(nodes):
            raise NotAChainError("a layer is called as in training")
        previous = [layer_name(layer)]
    if list(_sources(config["output_layers"])) != previous:
        raise NotAChainError("the layers are not a single chain")
    return list(config["layers"])


def _sources(tensors: Any) -> Iterator[str]:  # noqa: ANN401 - JSON
    """Yield the names of the layers that give some tensors.

    Args:
        tensors: what a layer takes, or a network's outputs. Keras 3 writes a tensor that a layer
            takes as an object with `keras_history`, Keras 2 as [name, 0, 0, {}]; both write an
            output as [name, 0, 0]. They stand alone, in lists or in objects.
    """
    if isinstance(tensors, dict):
        if "keras_history" in tensors:
            yield tensors["keras_history"][0]
        else:
            for value in tensors.values():
                yield from _sources(value)
    elif isinstance(tensors, list):
        if len(tensors) >= 3 and isinstance(tensors[0], str):
            yield tensors[0]
        else:
            for value in tensors:
                yield from _sources(value)


def is_float32(config: Config) -> bool:
    """Tell whether a layer computes in plain float32, by its settings."""
    policy = config.get("dtype") or "float32"
    name = policy if isinstance(policy, str) else policy.get("config", {}).get("name", "float32")
    return bool(name == "float32") and not config.get("quantization_config")


def activation_name(value: Any) -> str:  # noqa: ANN401 - JSON
    """Return the name of an activation that is written as text, as an object, or null for linear.

    A layer as activation keeps its class name, as `ReLU`: unlike the function it has settings.
    """
    if isinstance(value, dict):
        inner = value.get("config")
        value = inner if isinstance(inner, str) else value.get("class_name")
    name = str(value) if value else "linear"
    return "softmax" if name == "softmax_v2" else name  # TensorFlow 1.14 to 2.0 says it so


def output_activation(config: Config) -> str:
    """Return the name of the activation that a network ends with; `linear` if none."""
    layers = layers_of(config)
    if config["class_name"] != "Sequential" and "output_layers" in config["config"]:
        last = set(_sources(config["config"]["output_layers"]))
        layers = [layer for layer in layers if layer["config"].get("name") in last]
    for layer in reversed(layers):
        if is_network(layer):
            return output_activation(layer)
        if layer["class_name"] == "Softmax":
            return "softmax"
        if layer["class_name"] not in _PASSING:
            return activation_name(layer["config"].get("activation")).lower()
    return "linear"


_PASSING = frozenset(("Dropout", "Flatten", "Reshape"))


def own_scale(config: Config) -> Scale | None:
    """Return the scale of pixels that a network's first layers take, None if they do not tell.

    They take bytes if the input is of whole numbers, or if Rescaling layers at the start multiply
    it by less than 1; before and between these may be layers that only move pixels.
    """
    factor = 1.0
    try:
        for layer in unnested(config):
            name, inner = layer["class_name"], layer["config"]
            if name == "InputLayer" and "int" in str(inner.get("dtype")):
                return Scale.BYTES
            if name == "Rescaling":
                if not isinstance(inner["scale"], int | float):
                    return Scale.BYTES
                factor *= abs(inner["scale"])
            elif name not in _BEFORE_RESCALING and not name.startswith("Random"):
                break
    except (AttributeError, LookupError, TypeError):
        return None  # the configuration is damaged, and whoever builds the network says so
    return Scale.BYTES if factor < 1 else None


def unnested(config: Config) -> Iterator[Config]:
    """Yield the layers of a network, and of networks within it, in the order of the file."""
    for layer in layers_of(config):
        if is_network(layer):
            yield from unnested(layer)
        else:
            yield layer


_BEFORE_RESCALING = frozenset(("InputLayer", "Flatten", "Reshape"))


def as_layer(layer: Any) -> Any:  # noqa: ANN401 - JSON
    """Replace an operator on tensors in a functional model, as `image / 255`, by a layer.

    Keras writes an operator as a layer of a class of its own, each version another:
    `TensorFlowOpLayer` (TensorFlow 2.0 to 2.3), `TFOpLambda` (2.4 to 2.15), the name of the
    function (Keras 3).

    Args:
        layer: the configuration of any layer, or something else.

    Returns:
        The configuration of a Rescaling layer for a tensor and a number; of an Add, Subtract or
        Multiply layer for two tensors; `layer` itself where it is no such operator.
    """
    if not isinstance(layer, dict) or not isinstance(layer.get("config"), dict):
        return layer
    operator = _operator(layer)
    calls = layer.get("inbound_nodes")
    if operator is None or not isinstance(calls, list) or len(calls) != 1:
        return layer
    operands = _operands(calls[0], layer["config"])
    if len(operands) != 2:
        return layer
    tensors = [operand for operand in operands if not isinstance(operand, int | float)]
    if len(tensors) == 1:
        found = _rescaling(operator, *operands)
    else:
        found = (_MERGING[operator], {}) if operator in _MERGING and len(tensors) == 2 else None
    if found is None:
        return layer
    class_name, settings = found
    name = layer.get("name") or layer["config"].get("name")
    return {
        "class_name": class_name,
        "config": {"name": name, **settings},
        "name": name,
        "inbound_nodes": [_call(tensors)],
    }


def _operator(layer: Config) -> str | None:
    """Return the operator that a layer applies, as Python writes it; None for another layer."""
    config = layer["config"]
    match layer.get("class_name"):
        case "TFOpLambda":
            return _FUNCTIONS.get(str(config.get("function")).rpartition(".")[2])
        case "TensorFlowOpLayer":
            definition = config.get("node_def")
            return _NODES.get(str(definition.get("op"))) if isinstance(definition, dict) else None
        case name:
            return _CLASSES.get(str(name))


_FUNCTIONS = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/", "truediv": "/"}
_NODES = {"Add": "+", "AddV2": "+", "Sub": "-", "Mul": "*", "RealDiv": "/"}
_CLASSES = {"Add": "+", "Subtract": "-", "Multiply": "*", "Divide": "/", "TrueDivide": "/"}
_MERGING = {"+": "Add", "-": "Subtract", "*": "Multiply"}


def _operands(call: Any, config: Config) -> list[Any]:  # noqa: ANN401 - JSON
    """Return the tensors and numbers that an operator takes, in order; none if they are unclear.

    A merging layer takes one list of tensors instead.
    """
    if isinstance(call, dict):
        values = call.get("args")
    elif isinstance(call, list) and call and isinstance(call[0], str):  # TFOpLambda
        settings = call[3] if len(call) > 3 and isinstance(call[3], dict) else {}
        values = [call[2] if call[0] == "_CONSTANT_VALUE" else call[:3], settings.get("y")]
    elif isinstance(call, list) and isinstance(config.get("constants"), dict):  # TensorFlowOpLayer
        values = [entry[:3] for entry in call]
        for place, number in config["constants"].items():
            values.insert(int(place), number)
    else:
        return []
    return values if isinstance(values, list) and all(map(_is_operand, values)) else []


def _is_operand(value: Any) -> bool:  # noqa: ANN401 - JSON
    if isinstance(value, list):
        return len(value) == 3 and isinstance(value[0], str)
    if isinstance(value, dict):
        return value.get("class_name") == "__keras_tensor__"
    return isinstance(value, int | float)


def _rescaling(operator: str, left: Any, right: Any) -> tuple[str, Config] | None:  # noqa: ANN401
    """Return class and settings of the layer that applies an operator to a tensor and a number."""
    number_first = isinstance(left, int | float)
    number = float(left if number_first else right)
    if operator == "+":
        scale, offset = 1.0, number
    elif operator == "-":
        scale, offset = (-1.0, number) if number_first else (1.0, -number)
    elif operator == "*":
        scale, offset = number, 0.0
    elif number and not number_first:
        scale, offset = 1 / number, 0.0
    else:
        return None
    return "Rescaling", {"scale": scale, "offset": offset}


def _call(tensors: list[Any]) -> Any:  # noqa: ANN401 - JSON
    """Return a call of a layer, in the form of the version that wrote the tensors."""
    if isinstance(tensors[0], dict):
        return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": {}}
    return [[*tensor, {}] for tensor in tensors]
