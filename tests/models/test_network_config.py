"""What a network's JSON says, as each version of Keras since 2.1 wrote it."""

import pytest

from mnist_batch.errors import ModelError
from mnist_batch.models.layers import input_shape
from mnist_batch.models.network_config import (
    Config,
    NotAChainError,
    activation_name,
    chain,
    is_float32,
    output_activation,
    own_scale,
)
from mnist_batch.options import Scale


def layer(class_name: str, name: str, **settings: object) -> dict[str, object]:
    """Return a layer's configuration."""
    return {"class_name": class_name, "config": {"name": name, **settings}}


KERAS_2_1: Config = {
    "class_name": "Sequential",
    "config": [
        layer("Dense", "dense_1", batch_input_shape=[None, 784], units=8, activation="relu"),
        layer("Dense", "dense_2", units=10, activation="softmax"),
    ],
}

KERAS_2_FUNCTIONAL: Config = {
    "class_name": "Model",
    "config": {
        "name": "model_1",
        "layers": [
            layer("InputLayer", "input_1", batch_input_shape=[None, 28, 28], dtype="float32")
            | {"name": "input_1", "inbound_nodes": []},
            layer("Flatten", "flatten")
            | {"name": "flatten", "inbound_nodes": [[["input_1", 0, 0, {}]]]},
            layer("Dense", "dense", units=10, activation="sigmoid")
            | {"name": "dense", "inbound_nodes": [[["flatten", 0, 0, {}]]]},
        ],
        "input_layers": [["input_1", 0, 0]],
        "output_layers": [["dense", 0, 0]],
    },
}


def keras_3_functional(
    *, training: bool | None = None, outputs: object = ("dense", 0, 0)
) -> Config:
    """Return a functional model as Keras 3 writes it: input, dropout, dense."""

    def taking(source: str, **kwargs: object) -> list[object]:
        tensor = {"class_name": "__keras_tensor__", "config": {"keras_history": [source, 0, 0]}}
        return [{"args": [{**tensor, **tensor["config"]}], "kwargs": kwargs}]  # type: ignore[dict-item]

    return {
        "class_name": "Functional",
        "config": {
            "name": "functional",
            "layers": [
                layer("InputLayer", "image", batch_shape=[None, 784]) | {"inbound_nodes": []},
                layer("Dropout", "dropout", rate=0.5)
                | {"inbound_nodes": taking("image", training=training)},
                layer("Dense", "dense", units=10, activation="softmax")
                | {"inbound_nodes": taking("dropout")},
            ],
            "input_layers": ["image", 0, 0],
            "output_layers": list(outputs) if isinstance(outputs, tuple) else outputs,
        },
    }


def names(config: Config) -> list[str]:
    """Return the names of a chain's layers."""
    return [layer["config"]["name"] for layer in chain(config)]


def test_bare_list_of_keras_2_1_is_a_chain() -> None:
    """Keras before 2.2 wrote a Sequential's layers as a bare list, the shape in the first."""
    assert names(KERAS_2_1) == ["dense_1", "dense_2"]
    assert input_shape(KERAS_2_1, list(chain(KERAS_2_1))) == (784,)
    assert output_activation(KERAS_2_1) == "softmax"
    assert own_scale(KERAS_2_1) is None


def test_functional_model_of_keras_2_is_a_chain() -> None:
    """Keras 2 calls a functional model `Model` and writes tensors as [name, 0, 0, {}]."""
    assert names(KERAS_2_FUNCTIONAL) == ["input_1", "flatten", "dense"]
    assert input_shape(KERAS_2_FUNCTIONAL, list(chain(KERAS_2_FUNCTIONAL))) == (28, 28)
    assert output_activation(KERAS_2_FUNCTIONAL) == "sigmoid"


@pytest.mark.parametrize(
    "outputs", [("dense", 0, 0), [["dense", 0, 0]], {"digit": ["dense", 0, 0]}]
)
def test_functional_model_of_keras_3_is_a_chain(outputs: object) -> None:
    """A single output stands alone, in a list, or in an object under its name."""
    config = keras_3_functional(outputs=outputs)
    assert names(config) == ["image", "dropout", "dense"]
    assert output_activation(config) == "softmax"


def test_layer_called_as_in_training_is_no_chain() -> None:
    """Dropout that is called with training=True drops in prediction too, so it is no identity."""
    with pytest.raises(NotAChainError, match="as in training"):
        names(keras_3_functional(training=True))
    assert len(names(keras_3_functional(training=False))) == 3


def test_output_before_the_last_layer_is_no_chain() -> None:
    """A model whose output is taken from the middle is left to Keras."""
    with pytest.raises(NotAChainError, match="not a single chain"):
        names(keras_3_functional(outputs=("dropout", 0, 0)))


def test_subclassed_model_is_no_chain() -> None:
    """A model of a class of its own has no layers in its configuration."""
    with pytest.raises(NotAChainError, match="neither a Sequential nor a functional model"):
        names({"class_name": "MyModel", "config": {"units": 10}})


def test_models_within_a_model_are_unfolded() -> None:
    """The layers of a nested Sequential take its place, and its first layer gives the shape."""
    inner = {
        "class_name": "Sequential",
        "config": {
            "name": "inner",
            "layers": [
                layer("InputLayer", "i", batch_shape=[None, 28, 28, 1]),
                layer("Rescaling", "r", scale=1 / 255),
            ],
        },
    }
    last = {
        "class_name": "Sequential",
        "config": {"name": "last", "layers": [layer("Softmax", "s")]},
    }
    outer: Config = {
        "class_name": "Sequential",
        "config": {"name": "outer", "layers": [inner, layer("Flatten", "f"), last]},
    }
    assert names(outer) == ["i", "r", "f", "s"]
    assert input_shape(outer, list(chain(outer))) == (28, 28, 1)
    assert own_scale(outer) is Scale.BYTES
    assert output_activation(outer) == "softmax"


def test_build_input_shape_is_the_last_resort() -> None:
    """A Sequential that was built without an InputLayer says its shape beside its layers."""
    config: Config = {
        "class_name": "Sequential",
        "config": {"layers": [layer("Dense", "d")], "build_input_shape": [None, 784]},
    }
    assert input_shape(config, list(chain(config))) == (784,)


@pytest.mark.parametrize("shape", [[None, 32, 32, 3], [None, 28], [None, None, 784]])
def test_input_of_another_size_is_an_error(shape: list[int | None]) -> None:
    """An input that is not 784 values is refused with its shape and the one expected."""
    config: Config = {
        "class_name": "Sequential",
        "config": {"layers": [layer("InputLayer", "i", batch_shape=shape)]},
    }
    with pytest.raises(ModelError, match=r"takes .*; expected grey images of 28x28"):
        input_shape(config, list(chain(config)))


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "linear"),
        ("relu", "relu"),
        ({"module": "builtins", "class_name": "function", "config": "tanh"}, "tanh"),
        ({"class_name": "ReLU", "config": {"max_value": 6.0}}, "ReLU"),
    ],
)
def test_activation_is_text_or_object(value: object, name: str) -> None:
    """A layer as activation is not mistaken for the function of the same name."""
    assert activation_name(value) == name


def test_output_activation_sees_through_layers_that_keep_values() -> None:
    """Dropout, Flatten and Reshape behind the softmax do not hide it; a Dense does."""

    def model(*layers: Config) -> Config:
        return {"class_name": "Sequential", "config": {"layers": layers}}

    softmax = layer("Dense", "d", activation={"class_name": "Softmax", "config": {"axis": -1}})
    assert output_activation(model(softmax, layer("Reshape", "r"))) == "softmax"
    assert output_activation(model(softmax, layer("Dense", "e", activation=None))) == "linear"
    assert output_activation(model(layer("Activation", "a", activation="sigmoid"))) == "sigmoid"
    assert output_activation(model()) == "linear"


@pytest.mark.parametrize(
    ("layers", "scale"),
    [
        ([layer("Rescaling", "r", scale=1 / 255)], Scale.BYTES),
        ([layer("Rescaling", "r", scale=1 / 127.5, offset=-1)], Scale.BYTES),
        ([layer("Rescaling", "r", scale=2.0, offset=-1)], None),
        ([layer("Rescaling", "r", scale=1 / 255), layer("Rescaling", "s", scale=2)], Scale.BYTES),
        ([layer("Rescaling", "r", scale=1 / 255), layer("Rescaling", "s", scale=255)], None),
        ([layer("RandomRotation", "x"), layer("Rescaling", "r", scale=1 / 255)], Scale.BYTES),
        ([layer("Flatten", "f"), layer("Rescaling", "r", scale=[1 / 255])], Scale.BYTES),
        ([layer("Dense", "d"), layer("Rescaling", "r", scale=1 / 255)], None),
        ([layer("InputLayer", "i", dtype="uint8"), layer("Dense", "d")], Scale.BYTES),
        ([layer("InputLayer", "i", dtype="float32")], None),
    ],
)
def test_first_layers_say_the_scale(layers: list[Config], scale: Scale | None) -> None:
    """A first Rescaling that shrinks, or an input of whole numbers, means pixels from 0 to 255."""
    assert own_scale({"class_name": "Sequential", "config": {"layers": layers}}) is scale


@pytest.mark.parametrize(
    ("policy", "plain"),
    [
        (None, True),
        ("float32", True),
        ("mixed_float16", False),
        ({"class_name": "DTypePolicy", "config": {"name": "float32"}}, True),
        ({"class_name": "Policy", "config": {"name": "mixed_float16"}}, False),
    ],
)
def test_policy_of_numbers_is_text_or_object(policy: object, plain: bool) -> None:
    """Keras 2 and 3 write the policy of number types as text or as an object."""
    assert is_float32({"dtype": policy}) is plain
