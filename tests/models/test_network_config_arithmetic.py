"""Arithmetic as versions of Keras wrote it, in the words of layers."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_batch.inference.predictors import load_model
from mnist_batch.models.network_config import as_layer
from mnist_batch.synthetic.generator import draw_digits
from tests.support.old_keras_files import Json, called, functional, old, write_hdf5

IMAGES, _ = draw_digits(20, seed=3)
TENSOR = ["x", 0, 0]
OTHER = ["z", 1, 0]


def of_2_15(function: str, first: list[Any], y: object) -> Json:
    """Return an operator as Keras 2.4 to 2.15 wrote it."""
    config = {"name": "op", "trainable": True, "dtype": "float32", "function": function}
    calls = [[*first, {"y": y, "name": None}]]
    return {"class_name": "TFOpLambda", "config": config, "name": "op", "inbound_nodes": calls}


def of_2_3(operation: str, tensors: list[list[Any]], constants: Json) -> Json:
    """Return an operator as TensorFlow 2.0 to 2.3 wrote it."""
    config = {"name": "op", "node_def": {"op": operation}, "constants": constants}
    calls = [[[*tensor, {}] for tensor in tensors]]
    return {
        "class_name": "TensorFlowOpLayer",
        "config": config,
        "name": "op",
        "inbound_nodes": calls,
    }


def tensor_of_3(name: str) -> Json:
    """Return a tensor as Keras 3 writes it."""
    config = {"shape": [None, 784], "dtype": "float32", "keras_history": [name, 0, 0]}
    return {"class_name": "__keras_tensor__", "config": config}


def of_3(class_name: str, *operands: object) -> Json:
    """Return an operator as Keras 3 writes it."""
    calls = [{"args": list(operands), "kwargs": {}}]
    config = {"name": "op"}
    return {"class_name": class_name, "config": config, "name": "op", "inbound_nodes": calls}


X = tensor_of_3("x")


@pytest.mark.parametrize(
    ("layer", "scale", "offset"),
    [
        (of_2_15("math.truediv", TENSOR, 255.0), 1 / 255, 0),
        (of_2_15("math.multiply", TENSOR, 2), 2, 0),
        (of_2_15("math.multiply", ["_CONSTANT_VALUE", -1, 2.0], TENSOR), 2, 0),
        (of_2_15("math.subtract", TENSOR, 0.5), 1, -0.5),
        (of_2_15("math.subtract", ["_CONSTANT_VALUE", -1, 1.0], TENSOR), -1, 1),
        (of_2_15("__operators__.add", TENSOR, 3), 1, 3),
        (of_2_3("RealDiv", [TENSOR], {"1": 255.0}), 1 / 255, 0),
        (of_2_3("Sub", [TENSOR], {"1": 1.0}), 1, -1),
        (of_2_3("Sub", [TENSOR], {"0": 1.0}), -1, 1),
        (of_2_3("AddV2", [TENSOR], {"1": 1.0}), 1, 1),
        (of_3("TrueDivide", X, 255.0), 1 / 255, 0),
        (of_3("Subtract", 1.0, X), -1, 1),
        (of_3("Multiply", X, 2), 2, 0),
    ],
)
def test_a_tensor_and_a_number_are_a_rescaling(layer: Json, scale: float, offset: float) -> None:
    """Under the operator's name, of the one tensor."""
    found = as_layer(layer)
    assert found["class_name"] == "Rescaling"
    assert found["config"] == {"name": "op", "scale": scale, "offset": offset}
    [call] = found["inbound_nodes"]
    assert call in ([[*TENSOR, {}]], {"args": [X], "kwargs": {}})


@pytest.mark.parametrize(
    ("layer", "class_name"),
    [
        (of_2_15("__operators__.add", TENSOR, OTHER), "Add"),
        (of_2_15("math.multiply", TENSOR, OTHER), "Multiply"),
        (of_2_3("Sub", [TENSOR, OTHER], {}), "Subtract"),
        (of_3("Add", X, tensor_of_3("z")), "Add"),
    ],
)
def test_two_tensors_are_merged(layer: Json, class_name: str) -> None:
    """In their order."""
    found = as_layer(layer)
    assert found["class_name"] == class_name
    [call] = found["inbound_nodes"]
    assert call in (
        [[*TENSOR, {}], [*OTHER, {}]],
        {"args": [[X, tensor_of_3("z")]], "kwargs": {}},
    )


@pytest.mark.parametrize(
    "layer",
    [
        of_2_15("math.truediv", TENSOR, 0),
        of_2_15("math.truediv", TENSOR, OTHER),
        of_2_15("math.truediv", ["_CONSTANT_VALUE", -1, 1.0], TENSOR),
        of_2_15("math.add", TENSOR, [1.0, 2.0]),
        of_2_15("io.write_file", TENSOR, 1.0),
        of_2_3("WriteFile", [TENSOR], {"1": 1.0}),
        of_3("Add", [X, tensor_of_3("z")]),
        of_3("Add", X, None),
        {"class_name": "Add", "config": {"name": "op"}},
        {"class_name": "TensorFlowOpLayer", "config": {"node_def": 5}, "inbound_nodes": [[]]},
        {"class_name": "TFOpLambda", "config": {"function": "add"}, "inbound_nodes": [5]},
        {"class_name": ["Add"], "config": {}},
        {"config": {}},
        [],
        "Add",
    ],
)
def test_anything_else_stays_as_it_is(layer: object) -> None:
    """Layers that merge, other functions, other things."""
    assert as_layer(layer) is layer


def test_a_model_with_arithmetic_runs_and_says_its_scale(tmp_path: Path) -> None:
    """`(image - 127.5) / 127.5` and a Dense layer, by NumPy here and there."""
    random = np.random.default_rng(2)
    kernel, bias = random.normal(0, 0.1, (784, 10)), random.normal(0, 1, 10)
    layers = [
        called(old("InputLayer", "x", batch_input_shape=[None, 784])),
        {**of_2_15("math.subtract", TENSOR, 127.5), "name": "minus"},
        {**of_2_15("math.truediv", ["minus", 0, 0], 127.5), "name": "over"},
        called(old("Dense", "dense", units=10, activation="softmax"), [("over", 0, 0)]),
    ]
    config = functional("model", layers, ("dense", 0, 0), "Functional")
    arrays = {"dense": [kernel.astype(np.float32), bias.astype(np.float32)]}
    predictor = load_model(write_hdf5(tmp_path / "model.h5", config, arrays, "2.9.0"))
    assert (predictor.name, predictor.scale) == ("numpy", "0-255")
    exponentials = np.exp((IMAGES.reshape(-1, 784) - 127.5) / 127.5 @ kernel + bias)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(predictor.probabilities(IMAGES), expected, rtol=0, atol=1e-5)
