"""What a configuration may name: honest layers pass, code, foreign modules and sizes do not."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import pytest

from mnist_batch.errors import ModelError
from mnist_batch.models.allowlist import (
    MAX_DEPTH,
    MAX_NUMBER,
    check_record,
    checked_config,
    compilations,
    foreign_names,
)
from tests.support.model_files import CONFIG, DENSE, config_of

LAMBDA = {
    "class_name": "Lambda",
    "module": "keras.layers",
    "config": {"name": "evil", "function": {"class_name": "__lambda__", "config": {"code": "4w"}}},
}
TFSM = {"class_name": "TFSMLayer", "config": {"name": "evil", "filepath": "/tmp/program"}}
CUSTOM = {"class_name": "Mine", "module": "mine", "registered_name": "p>Mine", "config": {}}


def dense(**settings: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return a Dense layer with settings of its own."""
    return {"class_name": "Dense", "config": {**DENSE["config"], **settings}}  # type: ignore[dict-item]


def refusal(config: object) -> str:
    """Return why a configuration is refused."""
    with pytest.raises(ModelError) as caught:
        checked_config(config)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_an_honest_configuration_comes_back() -> None:
    """As it was, but for what says how it was compiled."""
    assert checked_config(CONFIG) == CONFIG
    compiled = {**CONFIG, "compile_config": {"optimizer": "adam", "loss": "mse"}}
    assert checked_config(compiled) == CONFIG
    nested = config_of({**compiled, "config": {**CONFIG["config"], "name": "inner"}})
    assert "compile_config" not in json.dumps(checked_config(nested))


@pytest.mark.parametrize(
    ("layer", "why"),
    [
        (LAMBDA, "layer 'evil' (Lambda) would run code that is in the file"),
        (TFSM, "layer 'evil' (TFSMLayer) would run a TensorFlow program"),
        (CUSTOM, "layer Mine has the class 'Mine', which is none of those known"),
        ({**DENSE, "module": "os"}, "layer 'd' (Dense) takes 'Dense' from the module 'os'"),
        ({**DENSE, "module": "keras_hub.layers"}, "from the module 'keras_hub.layers'"),
        ({**DENSE, "module": "keras.layers;os"}, "from the module 'keras.layers;os'"),
        ({**DENSE, "module": ["os"]}, "from the module ['os']"),
        ({**DENSE, "registered_name": "p>Dense"}, "takes 'Dense' as 'p>Dense', not from Keras"),
        ({**DENSE, "extra": 1}, "layer 'd' (Dense) has the unknown key 'extra'"),
        ({**DENSE, "class_name": ["Dense"]}, "has a class_name that is not text"),
        (dense(function="x"), "layer 'd' (Dense) has the unknown setting 'function'"),
        (dense(filepath="x"), "has the unknown setting 'filepath'"),
        (dense(units=10**9), "layer 'd' (Dense) has units 1000000000; expected at most 1,000,000"),
        (dense(units=1e9), "has units 1000000000.0"),
        (dense(units=float("nan")), "has units nan"),
        (dense(units=[10, {"n": 2000}]), "has n 2000; expected at most 1,024"),
        (dense(activation="os.system"), "layer 'd' (Dense) has the activation 'os.system'"),
        (dense(activation=LAMBDA), "layer 'd' (Dense) would run code that is in the file"),
        (dense(activation=CUSTOM), "layer 'd' (Dense) has the class 'Mine'"),
        (
            dense(activation={"class_name": "function", "config": "system", "module": "builtins"}),
            "layer 'd' (Dense) names the function 'system'",
        ),
        (
            dense(activation={"class_name": "function", "config": "relu", "module": "os"}),
            "takes 'function' from the module 'os'",
        ),
        (dense(kernel_initializer=CUSTOM), "layer 'd' (Dense) has the class 'Mine'"),
        (dense(kernel_initializer="mine"), "has the kernel_initializer 'mine'"),
        (dense(kernel_regularizer="mine"), "has the kernel_regularizer 'mine'"),
        (dense(bias_constraint="mine"), "has the bias_constraint 'mine'"),
        (dense(dtype="string"), "has the dtype 'string'"),
        (dense(dtype=CUSTOM), "has the class 'Mine'"),
        (dense(name="d\x1b[2J"), "holds the text 'd\\x1b[2J'"),
        (dense(name="d" * 1001), "too long"),
        ({"class_name": "TimeDistributed", "config": {"layer": LAMBDA}}, "layer 'evil' (Lambda)"),
        ({"class_name": "Bidirectional", "config": {"backward_layer": TFSM}}, "(TFSMLayer)"),
        ({"class_name": "RNN", "config": {"cell": [DENSE, LAMBDA]}}, "layer 'evil' (Lambda)"),
        (config_of(config_of(LAMBDA)), "layer 'evil' (Lambda)"),
        ({**DENSE, "inbound_nodes": [["d", 0, 0, {"fn": LAMBDA}]]}, "layer 'evil' (Lambda)"),
        ({**DENSE, "build_config": {"a": [LAMBDA]}}, "layer 'evil' (Lambda)"),
        ({**DENSE, "config": {"dtype": {"class_name": "GPTQDTypePolicy"}}}, "is quantized by GPTQ"),
        ({"class_name": "QuantizeWrapperV2", "config": {}}, "by TensorFlow Model Optimization"),
        ({"class_name": "TFOpLambda", "config": {"function": "io.read_file"}}, "'TFOpLambda'"),
    ],
)
def test_what_is_not_allowed_is_refused_by_its_layer(layer: Mapping[str, Any], why: str) -> None:
    """The layer is named, and what is wrong with it, in one line."""
    assert why in refusal(config_of(copy.deepcopy(layer), DENSE))


@pytest.mark.parametrize(
    "layer",
    [
        dense(activation=None, kernel_initializer=None, dtype=None),
        dense(activation={"class_name": "function", "config": "relu", "module": "builtins"}),
        dense(activation={"class_name": "LeakyReLU", "config": {"negative_slope": 0.1}}),
        dense(kernel_initializer={"class_name": "HeNormal", "config": {"seed": 2**40}}),
        dense(dtype={"class_name": "DTypePolicy", "config": {"name": "mixed_float16"}}),
        dense(kernel_regularizer="l2", bias_constraint="max_norm"),
        {**DENSE, "module": "keras.src.layers.core.dense", "registered_name": "Dense"},
        {**DENSE, "module": "tensorflow.python.keras.layers.core"},
        {"class_name": "Rescaling", "config": {"scale": 1 / 255, "offset": -MAX_NUMBER}},
        config_of(DENSE),
    ],
)
def test_what_keras_writes_is_allowed(layer: dict[str, Any]) -> None:
    """Settings as text or as objects, modules of all versions, models in models."""
    config = config_of(layer)
    assert checked_config(config) == config


@pytest.mark.parametrize("config", [None, [], "Sequential", {}, {"class_name": 5}])
def test_json_that_is_no_model_is_refused(config: object) -> None:
    """Whatever it is."""
    assert "not that of a Keras model" in refusal(config)


@pytest.mark.parametrize("name", ["Dense", "MyModel", "Lambda"])
def test_a_model_of_a_class_of_its_own_is_refused(name: str) -> None:
    """How it computes is in no file."""
    assert f"its class '{name}' is code that no model file holds" in refusal(
        {"class_name": name, "config": {}}
    )


def test_nesting_has_a_limit() -> None:
    """A list in a list costs a level each."""
    value: list[Any] = []
    for _ in range(MAX_DEPTH):
        value = [value]
    assert f"is nested more than {MAX_DEPTH} deep" in refusal(config_of(dense(units=value)))


@pytest.mark.parametrize(
    "value", [LAMBDA, TFSM, CUSTOM, {"class_name": "function", "config": "mine", "module": "mine"}]
)
def test_what_a_network_was_compiled_with_is_left_out_whatever_it_names(value: object) -> None:
    """Nothing is built of it, so it may be anything."""
    compiled = {**CONFIG, "compile_config": {"loss": value, "x" * 2000: [10**9]}}
    nested = config_of({**compiled, "config": {**CONFIG["config"], "name": "inner"}})
    assert checked_config(compiled) == CONFIG
    assert "compile_config" not in json.dumps(checked_config(nested))
    assert compilations(nested) == [compiled["compile_config"]]


def function(name: str) -> dict[str, Any]:
    """Return a function as Keras 3 writes it."""
    return {"module": "builtins", "class_name": "function", "config": name}


@pytest.mark.parametrize(
    ("compilation", "names"),
    [
        ({}, []),
        ({"loss": "any_name", "metrics": ["accuracy"], "optimizer_config": None}, []),
        ({"loss": function("sparse_categorical_crossentropy")}, []),
        ({"optimizer_config": {"class_name": "Custom>Adam", "config": {"decay": "x"}}}, []),
        ({"metrics": [[{"class_name": "MeanMetricWrapper", "config": {"fn": "accuracy"}}]]}, []),
        ({"optimizer": {"class_name": "Adam", "config": {"r": {"class_name": "L2"}}}}, []),
        ({"loss": function("my_loss")}, ["my_loss"]),
        ({"loss": LAMBDA, "metrics": [[CUSTOM], CUSTOM]}, ["Lambda", "Mine", "__lambda__"]),
        ({"optimizer": {"class_name": "Adam", "config": {"schedule": CUSTOM}}}, ["Mine"]),
        ({"optimizer_config": {"class_name": "Addons>Yogi"}}, ["Addons>Yogi"]),
        ({"loss": {"class_name": ["a"]}}, []),
        ("text", []),
    ],
)
def test_losses_metrics_and_optimizers_that_are_not_of_keras_are_named(
    compilation: object, names: list[str]
) -> None:
    """For a note; plain names in text may be those of Keras."""
    assert foreign_names(compilation) == names


def test_a_random_layer_may_have_settings_of_any_version() -> None:
    """They do nothing when one predicts; what it might run is refused as anywhere."""
    layer = {"class_name": "RandomShear", "config": {"name": "s", "new": [0.1, "x"]}}
    assert checked_config(config_of(layer, DENSE)) == config_of(layer, DENSE)
    layer["config"] = {"name": "s", "new": LAMBDA}
    assert "would run code" in refusal(config_of(layer, DENSE))


def test_a_record_is_shown_and_must_be_printable() -> None:
    """Escape sequences would reach the terminal."""
    check_record({"data": {"name": "mnist"}})
    check_record({"class_name": "any", "config": 10**9})
    for record in ({"name": "\x1b[2J"}, {"\x1b": 1}, {"a": [{"b": "\x00"}]}):
        with pytest.raises(ModelError, match="control characters"):
            check_record(record)
