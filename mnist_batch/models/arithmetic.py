"""Arithmetic in a functional model, as `image / 255`, in the words of layers.

Keras writes an operator on a tensor as a layer of a kind of its own, each version another:
`TensorFlowOpLayer` (TensorFlow 2.0 to 2.3), `TFOpLambda` (2.4 to 2.15), the name of the function
(Keras 3). What has an equal among the layers (Rescaling, Add, Subtract, Multiply) becomes that, so
that nothing else has to know of them.
"""

from collections.abc import Mapping
from typing import Any

Json = Mapping[str, Any]


def as_layer(layer: Any) -> Any:  # noqa: ANN401 - JSON
    """Return the layer that does what an operator in a functional model does.

    Args:
        layer: the configuration of any layer, or something else.

    Returns:
        That of a Rescaling layer for a tensor and a number, of a merging layer for two tensors;
        what was given where it is something else.
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


def _operator(layer: Json) -> str | None:
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


def _operands(call: Any, config: Json) -> list[Any]:  # noqa: ANN401 - JSON
    """Return what an operator takes, tensors and numbers in order; nothing where that is unclear.

    A layer that merges takes one list of tensors.
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


def _rescaling(operator: str, left: Any, right: Any) -> tuple[str, Json] | None:  # noqa: ANN401
    number_first = isinstance(left, int | float)
    number = float(left if number_first else right)
    match operator, number_first:
        case "+", _:
            scale, offset = 1.0, number
        case "-", False:
            scale, offset = 1.0, -number
        case "-", True:
            scale, offset = -1.0, number
        case "*", _:
            scale, offset = number, 0.0
        case "/", False if number:
            scale, offset = 1 / number, 0.0
        case _:
            return None
    return "Rescaling", {"scale": scale, "offset": offset}


def _call(tensors: list[Any]) -> Any:  # noqa: ANN401 - JSON
    if isinstance(tensors[0], dict):
        return {"args": tensors if len(tensors) == 1 else [tensors], "kwargs": {}}
    return [[*tensor, {}] for tensor in tensors]
