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


def words(text: str) -> frozenset[str]:
    """Return the words of a text, a list that is easy to read."""
    return frozenset(text.split())


NETWORK_CLASSES = frozenset(("Sequential", "Functional", "Model"))
"""The classes of Keras whose objects are networks of layers."""

TRAINING_ONLY = words("""
    AlphaDropout AugMix CutMix Dropout GaussianDropout GaussianNoise MixUp RandAugment
    RandomBrightness RandomColorDegeneration RandomColorJitter RandomContrast
    RandomElasticTransform RandomErasing RandomFlip RandomGaussianBlur RandomGrayscale
    RandomHeight RandomHue RandomInvert RandomPerspective RandomPosterization RandomRotation
    RandomSaturation RandomSharpness RandomShear RandomTranslation RandomWidth RandomZoom
    Solarization SpatialDropout1D SpatialDropout2D SpatialDropout3D
    """)
"""The classes of layers that pass on what they take when one predicts; RandomCrop crops then."""

MAX_JSON = 4 * 2**20  # characters of JSON in a model file, at most


class NotAChainError(ModelError):
    """The layers of a network do not feed one another in a single line, each as in prediction."""


def parsed(text: str | bytes, what: str) -> Any:  # noqa: ANN401 - JSON
    """Parse the JSON in a model file, which errors call `what`.

    Lists that TensorFlow's Keras wraps in objects become lists: it wrote a tuple as
    {"class_name": "__tuple__", "items": [...]}, a shape as `TensorShape`. Arithmetic becomes
    layers, see `as_layer`.

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
    """Yield the names of the layers that give the tensors that a layer takes or a network gives.

    Keras 3 writes a tensor that a layer takes as an object with `keras_history`, Keras 2 as
    [name, 0, 0, {}]; both write an output as [name, 0, 0]. They stand alone, in lists or in
    objects.
    """
    if isinstance(tensors, dict) and "keras_history" in tensors:
        yield tensors["keras_history"][0]
    elif isinstance(tensors, list) and len(tensors) >= 3 and isinstance(tensors[0], str):
        yield tensors[0]
    elif isinstance(tensors, dict | list):
        for value in tensors.values() if isinstance(tensors, dict) else tensors:
            yield from _sources(value)


def is_float32(config: Config) -> bool:
    """Tell whether a layer computes in plain float32, by its settings."""
    policy = config.get("dtype") or "float32"
    name = policy if isinstance(policy, str) else policy.get("config", {}).get("name", "float32")
    return bool(name == "float32")


def quantization(config: Config) -> str | None:
    """Return how the numbers of a layer are quantized, as `int8`; None where they are not."""
    policy = config.get("dtype")
    mode = policy.get("config", {}).get("mode") if isinstance(policy, dict) else None
    return str(mode) if mode else ("unknown" if config.get("quantization_config") else None)


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
        if layer["class_name"] not in ("Dropout", "Flatten", "Reshape"):
            return activation_name(layer["config"].get("activation")).lower()
    return "linear"


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
            elif name not in TRAINING_ONLY | {"InputLayer", "Flatten", "Reshape", "RandomCrop"}:
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


def as_layer(layer: Any) -> Any:  # noqa: ANN401 - JSON
    """Replace an operator on tensors in a functional model, as `image / 255`, by a layer.

    Keras writes an operator as a layer of a class of its own, each version another:
    `TensorFlowOpLayer` (TensorFlow 2.0 to 2.3), `TFOpLambda` (2.4 to 2.15), the name of the
    function (Keras 3). A tensor and a number become a Rescaling layer, two tensors an Add, Subtract
    or Multiply layer; anything else is returned as it is.
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
    class_name = "Rescaling" if len(tensors) == 1 else _MERGING.get(operator)
    settings = _rescaling(operator, *operands) if len(tensors) == 1 else {}
    if not tensors or class_name is None or settings is None:
        return layer
    name = layer.get("name") or layer["config"].get("name")
    called = {"name": name, "inbound_nodes": [_call(tensors)]}
    return {"class_name": class_name, "config": {"name": name, **settings}, **called}


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


def _rescaling(operator: str, left: Any, right: Any) -> Config | None:  # noqa: ANN401 - JSON
    """Return the settings of the Rescaling layer that combines a tensor and a number, if any."""
    number_first = isinstance(left, int | float)
    number = float(left if number_first else right)
    match operator:
        case "+":
            return {"scale": 1.0, "offset": number}
        case "-":
            scale, offset = (-1.0, number) if number_first else (1.0, -number)
            return {"scale": scale, "offset": offset}
        case "*":
            return {"scale": number, "offset": 0.0}
    return {"scale": 1 / number, "offset": 0.0} if number and not number_first else None


def _call(tensors: list[Any]) -> Any:  # noqa: ANN401 - JSON
    """Return a call of a layer, in the form of the version that wrote the tensors."""
    if isinstance(tensors[0], dict):
        return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": {}}
    return [[*tensor, {}] for tensor in tensors]
