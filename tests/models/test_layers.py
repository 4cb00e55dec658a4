"""What is told of layers: what Keras itself says of them, and what is odd about weights."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.predictors import load_model
from mnist_batch.models.layers import Layer
from mnist_batch.options import PredictorChoice

pytestmark = pytest.mark.usefixtures("models_read_here")

keras = import_keras()
layers = keras.layers
Input, Sequential, Dense = keras.Input, keras.Sequential, layers.Dense

WEIGHTS = np.random.default_rng(2).normal(size=(20, 4)).astype(np.float32)


def dense() -> Any:  # noqa: ANN401 - Keras
    """Return a network that NumPy runs, a model within it."""
    inner = Sequential([Input((784,)), Dense(12, "tanh", use_bias=False), layers.Dropout(0.5)])
    outer = [Input((28, 28)), layers.Rescaling(1 / 255), layers.Flatten(), inner]
    return Sequential([*outer, Dense(10), layers.Softmax()])


def normalised() -> Any:  # noqa: ANN401 - Keras
    """Return a network with arrays that are not trained."""
    return Sequential([Input((784,)), layers.BatchNormalization(), Dense(10, "softmax")])


def convolutional() -> Any:  # noqa: ANN401 - Keras
    """Return a network that only Keras runs, open in its size, a model within it."""
    inner = Sequential([Input((None, None, 3)), layers.GlobalAveragePooling2D(), Dense(10)])
    entry = Input((None, None, 1))
    found = layers.Conv2D(3, 5, activation="relu")(entry)
    return keras.Model(entry, layers.Softmax()(inner(found)))


# Class, shape and parameters: a kernel has inputs x units values, a bias one per unit.
MODELS: dict[str, tuple[Any, list[tuple[str, tuple[int | None, ...], int]]]] = {
    "dense": (
        dense,
        [
            ("Rescaling", (28, 28), 0),
            ("Flatten", (784,), 0),
            ("Dense", (12,), 784 * 12),
            ("Dropout", (12,), 0),
            ("Dense", (10,), 12 * 10 + 10),
            ("Softmax", (10,), 0),
        ],
    ),
    "normalised": (
        normalised,
        [("BatchNormalization", (784,), 4 * 784), ("Dense", (10,), 784 * 10 + 10)],
    ),
    "convolutional": (
        convolutional,
        [
            ("Conv2D", (None, None, 3), 5 * 5 * 3 + 3),
            ("GlobalAveragePooling2D", (3,), 0),
            ("Dense", (10,), 3 * 10 + 10),
            ("Softmax", (10,), 0),
        ],
    ),
}


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("name", MODELS)
def test_layers_are_told_in_order(name: str, suffix: str, tmp_path: Path) -> None:
    """With their sizes, those of a model within the model too; and so many values Keras counts."""
    make, expected = MODELS[name]
    model = make()
    model.save(tmp_path / f"model{suffix}")
    found = load_model(tmp_path / f"model{suffix}").layers
    assert [(layer.kind, layer.output_shape, layer.parameters) for layer in found] == expected
    assert sum(layer.parameters or 0 for layer in found) == model.count_params()


def test_layers_have_their_names(tmp_path: Path) -> None:
    """Those that whoever made the model gave them."""
    model = Sequential([Input((784,)), Dense(3, name="first"), Dense(10, name="last")])
    model.save(tmp_path / "model.keras")
    for predictor in ("numpy", "keras"):
        found = load_model(tmp_path / "model.keras", predictor=predictor).layers
        assert [layer.name for layer in found] == ["first", "last"]


@pytest.mark.parametrize("predictor", ["numpy", "keras"])
def test_activations_are_named(predictor: PredictorChoice, tmp_path: Path) -> None:
    """`linear` where a layer could have one; none where layers of its kind have none."""
    dense().save(tmp_path / "model.h5")
    found = load_model(tmp_path / "model.h5", predictor=predictor).layers
    assert [layer.activation for layer in found] == [None, None, "tanh", None, "linear", None]


def oddities(*weights: np.ndarray) -> list[str]:
    """Return what is odd about the weights of a layer."""
    return list(Layer("layer", "Dense", (4,), "relu", list(weights)).oddities())


def test_weights_that_learned_are_not_odd() -> None:
    """Nor are a bias of 0, a layer without arrays, and one whose arrays are not known."""
    assert oddities(WEIGHTS, np.zeros(4, np.float32)) == []
    assert oddities() == []
    assert list(Layer("layer", "Conv2D", None, None, None).oddities()) == []


def test_numbers_that_are_none_are_counted() -> None:
    """In kernels and in biases."""
    broken = WEIGHTS.copy()
    broken[0, :3] = np.nan, np.inf, -np.inf
    assert oddities(broken, np.full(4, np.nan)) == [
        "3 of an array's 80 weights are NaN or infinite",
        "4 of an array's 4 weights are NaN or infinite",
    ]


def test_dead_units_are_counted() -> None:
    """Those that no input moves; inputs that move no unit, as pixels at an edge, are not odd."""
    kernel = WEIGHTS.copy()
    kernel[:5] = 0
    assert oddities(kernel) == []
    kernel[:, :2] = 0
    assert oddities(kernel) == ["2 of 4 units have no weight but 0"]
    assert oddities(kernel.reshape(2, 5, 2, 4)) == ["2 of 4 units have no weight but 0"]
    assert oddities(0 * kernel) == [
        "a kernel is 0 throughout: what it gives does not depend on the image"
    ]


def test_huge_weights_are_odd() -> None:
    """In a kernel, of either sign; the variance that a normalisation keeps may be huge."""
    kernel = WEIGHTS.copy()
    kernel[3, 3] = -12_345
    assert oddities(kernel) == ["weights of up to 12,345, as training that diverged leaves them"]
    assert oddities(np.full(4, 1e6, np.float32)) == []


def test_a_layer_is_json() -> None:
    """Its arrays only by their number of values."""
    layer = Layer("conv", "Conv2D", (None, None, 8), "relu", [WEIGHTS])
    assert layer.record() == {
        "name": "conv",
        "type": "Conv2D",
        "output_shape": [None, None, 8],
        "activation": "relu",
        "parameters": 80,
    }
    unknown = Layer("", "Conv2D", None, None, None).record()
    assert (unknown["output_shape"], unknown["parameters"]) == (None, None)
