"""Configurations of old versions of Keras, translated for the installed one; Keras builds them."""

from typing import Any

import pytest

from mnist_batch.errors import ModelError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.models.old_keras import HARD_SIGMOID, translated
from tests.support.old_keras_files import Json

keras = import_keras()


def layer(class_name: str, **settings: object) -> Json:
    """Return the configuration of a layer."""
    return {"class_name": class_name, "config": {"name": "it", **settings}}


def sequential(*layers: Json) -> Json:
    """Return the configuration of a Sequential model, as Keras 2.2 to 2.15 wrote it."""
    return {"class_name": "Sequential", "config": {"name": "s", "layers": list(layers)}}


def settings_of(config: Json, version: str = "2.4.0") -> dict[str, Any]:
    """Return the settings of the one layer of a Sequential model after translation."""
    [found] = translated(sequential(config), keras, version)["config"]["layers"]
    return {"class_name": found["class_name"], **found["config"]}


def test_an_input_layer_is_put_in_front_where_the_shape_is_known() -> None:
    """Keras 2 wrote the shape into the first layer that computes; Keras then builds the model."""
    dense = layer("Dense", units=10, batch_input_shape=[None, 784], activation="softmax")
    config = translated(sequential(dense), keras, "2.2.4")
    names = [one["class_name"] for one in config["config"]["layers"]]
    assert names == ["InputLayer", "Dense"]
    assert config["config"]["layers"][0]["config"]["batch_shape"] == [None, 784]
    model = keras.saving.deserialize_keras_object(config, safe_mode=True)
    assert model.output_shape == (None, 10)
    assert model.count_params() == 7850


@pytest.mark.parametrize(
    ("old", "expected"),
    [
        (layer("LeakyReLU", alpha=0.1), {"class_name": "LeakyReLU", "negative_slope": 0.1}),
        (layer("ThresholdedReLU", theta=2.0), {"class_name": "ReLU", "threshold": 2.0}),
        (layer("GRU", units=3), {"class_name": "GRU", "reset_after": False}),
        (layer("GRU", units=3, reset_after=True), {"class_name": "GRU", "reset_after": True}),
        (layer("CuDNNGRU", units=3), {"class_name": "GRU", "reset_after": True}),
        (layer("CuDNNLSTM", units=3), {"class_name": "LSTM", "units": 3}),
        (layer("GaussianNoise", stddev=2.5), {"class_name": "GaussianNoise", "stddev": 1.0}),
        (layer("RandomWidth", factor=0.2), {"class_name": "Rescaling", "scale": 1.0}),
        (layer("RandomShear", x_factor=[-1, 1]), {"class_name": "Rescaling", "scale": 1.0}),
        (layer("BatchNormalizationV1", axis=[3]), {"class_name": "BatchNormalization", "axis": 3}),
        (layer("Dense", units=3, kernel_initializer="ones"), {"kernel_initializer": "zeros"}),
        (layer("Dense", units=3, kernel_constraint="NonNeg"), {"kernel_constraint": None}),
    ],
    ids=lambda value: value["class_name"] if "config" in value else "",
)
def test_classes_and_settings_become_those_of_keras_3(old: Json, expected: Json) -> None:
    """Names that are gone, defaults that changed, and nothing that only training needs."""
    found = settings_of(old)
    assert {key: found[key] for key in expected} == expected


def test_hard_sigmoid_was_another_function_before_keras_3() -> None:
    """It has a name of its own here then."""
    dense = layer("Dense", units=3, activation="hard_sigmoid")
    assert settings_of(dense, "2.15.0")["activation"]["config"] == HARD_SIGMOID
    assert settings_of(dense, "3.1.0")["activation"] == "hard_sigmoid"


def test_calls_of_layers_are_written_as_keras_3_writes_them() -> None:
    """A list of [layer, call, output, settings] becomes a tensor with its history."""
    entry = layer("InputLayer", batch_input_shape=[None, 784]) | {
        "name": "a/b",
        "inbound_nodes": [],
    }
    dense = layer("Dense", units=10) | {"name": "d", "inbound_nodes": [[["a/b", 0, 0, {}]]]}
    inner = {
        "layers": [entry, dense],
        "input_layers": [["a/b", 0, 0]],
        "output_layers": [["d", 0, 0]],
    }
    config = translated({"class_name": "Model", "config": inner}, keras, "2.3.1")["config"]
    [node] = config["layers"][1]["inbound_nodes"]
    assert node["args"][0]["config"]["keras_history"] == ["a_b", 0, 0]  # no slash in Keras 3
    assert (config["input_layers"], config["output_layers"]) == ([["a_b", 0, 0]], [["d", 0, 0]])


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (sequential(layer("LocallyConnected2D", filters=3)), "is not a layer of Keras 3"),
        (sequential(layer("Dense", units=3, renorm=True)), "Dense has no setting renorm"),
        (sequential(layer("Flatten"), layer("Dense", units=3)), "two layers are named it"),
        (sequential(), "it has no layers"),
        (
            {"class_name": "Model", "config": {"layers": []}},
            "neither a Sequential nor a functional",
        ),
    ],
)
def test_what_keras_3_cannot_do_is_refused(config: Json, message: str) -> None:
    """The message names it."""
    with pytest.raises(ModelError, match=message):
        translated(config, keras, "2.4.0")
