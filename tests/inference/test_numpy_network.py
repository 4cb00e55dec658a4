"""Every layer that NumPy runs gives what Keras gives, from both file formats."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from threadpoolctl import threadpool_info

from mnist_batch._kernels import library
from mnist_batch.errors import ModelError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.numpy_network import (
    DenseNetwork,
    UnsupportedNetworkError,
    blas_kernel,
    dense_network,
    softmax,
)
from mnist_batch.inference.predictors import load_model
from mnist_batch.options import PredictorChoice, Scale
from mnist_batch.synthetic.generator import draw_digits
from tests.support.model_files import keras_file

pytestmark = pytest.mark.usefixtures("models_read_here")

keras = import_keras()
layers = keras.layers
Input, Sequential = keras.Input, keras.Sequential
Dense, Flatten, Rescaling = layers.Dense, layers.Flatten, layers.Rescaling
BatchNormalization = layers.BatchNormalization

IMAGES, _ = draw_digits(300, seed=11)
FORMATS = [".h5", ".keras"]


def filled(model: Any, seed: int = 0) -> Any:  # noqa: ANN401 - Keras has no types
    """Give each array of a model random values: nothing is 0 or 1, as after training."""
    rng = np.random.default_rng(seed)
    for variable in model.weights:
        spread = 1.5 / np.sqrt(max(variable.shape[0], 1)) if len(variable.shape) > 1 else 0.3
        values = rng.normal(0, spread, variable.shape)
        variable.assign(np.abs(values) + 0.3 if "variance" in variable.path else values)
    return model


def functional(shape: tuple[int, ...], *chain: Any) -> Any:  # noqa: ANN401 - Keras
    """Return a functional model: a chain of layers."""
    tensor = entry = Input(shape)
    for layer in chain:
        tensor = layer(tensor)
    return keras.Model(entry, tensor)


def named(inputs: bool) -> Any:  # noqa: ANN401 - Keras
    """Return a functional model whose input, or output, has a name in an object."""
    entry = Input((784,), name="image")
    tensor = Dense(10, "softmax")(entry)
    return (
        keras.Model({"image": entry}, tensor) if inputs else keras.Model(entry, {"digit": tensor})
    )


def ended(*chain: Any) -> Any:  # noqa: ANN401 - Keras
    """Return a Sequential on 784 pixels: some layers between two Dense, then softmax."""
    return Sequential([Input((784,)), Dense(24), *chain, Dense(10, "softmax")])


def frozen(layer: Any) -> Any:  # noqa: ANN401 - Keras
    """Return a layer that is not trained."""
    layer.trainable = False
    return layer


def built_by_use() -> Any:  # noqa: ANN401 - Keras
    """Return a Sequential without Input, that took its shape from the first images."""
    model = Sequential([Flatten(), Dense(16, "relu"), Dense(10, "softmax")])
    model(np.zeros((1, 28, 28), np.float32))
    return model


MODELS: dict[str, Callable[[], Any]] = {
    "dense": lambda: Sequential([Input((784,)), Dense(10, "softmax")]),
    "dense without bias": lambda: ended(Dense(9, use_bias=False)),
    "dense on rows of pixels": lambda: Sequential(
        [Input((28, 28)), Dense(6, "tanh"), Flatten(), Dense(10, "softmax")]
    ),
    "frozen dense": lambda: ended(frozen(Dense(9, "relu"))),
    "linear": lambda: ended(Dense(9, "linear")),
    "relu": lambda: ended(Dense(9, "relu")),
    "sigmoid": lambda: ended(Dense(9, "sigmoid")),
    "tanh": lambda: ended(Dense(9, "tanh")),
    "softmax": lambda: ended(Dense(9, "softmax")),
    "activation layers": lambda: ended(
        *(layers.Activation(name) for name in ("linear", "tanh", "relu", "sigmoid", "softmax"))
    ),
    "softmax layer": lambda: Sequential([Input((784,)), Dense(10), layers.Softmax()]),
    "relu layer": lambda: ended(layers.ReLU()),
    "relu with a top": lambda: ended(layers.ReLU(max_value=0.5)),
    "relu with a slope": lambda: ended(layers.ReLU(negative_slope=0.2)),
    "relu with a threshold": lambda: ended(layers.ReLU(threshold=0.4)),
    "relu with all": lambda: ended(
        layers.ReLU(max_value=0.9, negative_slope=0.3, threshold=0.25),
        layers.ReLU(max_value=0.7, negative_slope=0.1, threshold=0.1),
    ),
    "dropout": lambda: ended(layers.Dropout(0.5)),
    "reshape": lambda: ended(
        layers.Reshape((4, 6)), Dense(5), layers.Reshape((-1, 2)), Dense(3), layers.Reshape((30,))
    ),
    "flatten 28x28": lambda: Sequential([Input((28, 28)), Flatten(), Dense(10, "softmax")]),
    "flatten 28x28x1": lambda: Sequential([Input((28, 28, 1)), Flatten(), Dense(10, "softmax")]),
    "batch normalization": lambda: ended(BatchNormalization(epsilon=0.1)),
    "batch normalization, no scale": lambda: ended(BatchNormalization(scale=False)),
    "batch normalization, no center": lambda: ended(BatchNormalization(center=False)),
    "batch normalization, neither": lambda: ended(BatchNormalization(scale=False, center=False)),
    "batch normalization, frozen": lambda: ended(frozen(BatchNormalization())),
    "batch normalization of an image": lambda: Sequential(
        [Input((28, 28)), BatchNormalization(), Flatten(), Dense(10, "softmax")]
    ),
    "rescaling": lambda: Sequential(
        [Input((784,)), Rescaling(1 / 127.5, offset=-1), Dense(10, "softmax")]
    ),
    "rescaling behind flatten": lambda: Sequential(
        [Input((28, 28, 1)), Flatten(), Rescaling(1 / 255), Dense(10, "softmax")]
    ),
    "rescaling to a wider range": lambda: Sequential(
        [Input((784,)), Rescaling(2.0, offset=-1), Dense(10, "softmax")]
    ),
    "functional": lambda: functional(
        (28, 28, 1), Flatten(), Dense(9, "relu"), Dense(10, "softmax")
    ),
    "functional, lists": lambda: (
        lambda entry: keras.Model([entry], [Dense(10, "softmax")(entry)])
    )(Input((784,))),
    "functional, named input": lambda: named(inputs=True),
    "functional, named output": lambda: named(inputs=False),
    "functional, nested": lambda: functional(
        (28, 28),
        Flatten(),
        functional((784,), Dense(12, "relu"), Dense(9, use_bias=False)),
        Dense(10, "softmax"),
    ),
    "sequential, nested": lambda: Sequential(
        [
            Input((28, 28)),
            Sequential([Input((28, 28)), Flatten(), Dense(9, "tanh"), Dense(8)]),
            Sequential([Dense(12, "relu"), Dense(10, "softmax")]),
        ]
    ),
    "sequential in a functional": lambda: functional(
        (784,), Sequential([Dense(12), Dense(11, "relu")]), Dense(10), layers.Softmax()
    ),
    "built by use": built_by_use,
}

# Those whose first layer is wide enough for compiled code.
WIDE: dict[str, Callable[[], Any]] = {
    "wide": lambda: functional((28, 28), Flatten(), Dense(100, "tanh"), Dense(10, "softmax")),
    "wide, as many units as pixels": lambda: Sequential(
        [Input((784,)), Dense(784, "relu"), Dense(784, "relu"), Dense(10, "softmax")]
    ),
    "wide, without bias": lambda: Sequential(
        [Input((28, 28, 1)), Flatten(), Dense(64, "relu", use_bias=False), Dense(10, "softmax")]
    ),
    "wide, rescaling": lambda: Sequential(
        [Input((28, 28)), Rescaling(1 / 255), Flatten(), Dense(70, "relu"), Dense(10, "softmax")]
    ),
    "wide, rescaling with an offset, without bias": lambda: Sequential(
        [
            Input((784,)),
            Rescaling(1 / 127.5, offset=-1),
            Dense(64, "relu", use_bias=False),
            Dense(10, "softmax"),
        ]
    ),
}
MODELS |= WIDE


def random_chain(seed: int) -> Any:  # noqa: ANN401 - Keras
    """Return a model of three to seven layers, drawn at random with their settings."""
    rng = np.random.default_rng(seed)
    draws: list[Callable[[], Any]] = [
        lambda: Dense(
            int(rng.integers(3, 40)),
            rng.choice(["relu", "tanh", "sigmoid", "linear", "softmax"]),
            use_bias=bool(rng.integers(2)),
        ),
        lambda: BatchNormalization(scale=bool(rng.integers(2)), center=bool(rng.integers(2))),
        lambda: layers.ReLU(
            max_value=[None, 0.8][rng.integers(2)],
            negative_slope=float(rng.uniform(0, 0.5)),
            threshold=float(rng.uniform(0, 0.5)),
        ),
        lambda: layers.Dropout(0.3),
        lambda: layers.Activation(rng.choice(["relu", "tanh", "sigmoid"])),
        lambda: Rescaling(float(rng.uniform(0.5, 2)), offset=float(rng.uniform(-1, 1))),
    ]
    shape = [(784,), (28, 28), (28, 28, 1)][seed % 3]
    chain = [Flatten(), Dense(32, "relu")]
    chain += [draws[rng.integers(len(draws))]() for _ in range(rng.integers(1, 6))]
    chain += [Dense(10, "softmax")]
    return functional(shape, *chain) if seed % 2 else Sequential([Input(shape), *chain])


MODELS |= {f"random {seed}": lambda seed=seed: random_chain(seed) for seed in range(12)}  # type: ignore[misc]

_FACTORS = {"0-1": 255.0, "0-255": 1.0}


def keras_outputs(model: Any, scale: str) -> npt.NDArray[np.float32]:  # noqa: ANN401 - Keras
    """Return what Keras itself gives for the images, scaled by dividing."""
    inputs = (IMAGES / _FACTORS[scale]).astype(np.float32)
    [outputs] = keras.tree.flatten(
        model(
            keras.tree.map_structure(
                lambda _: inputs.reshape(-1, *model.input_shape[1:]), getattr(model, "input", 0)
            )
        )
    )
    return keras.ops.convert_to_numpy(outputs)  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", MODELS)
def test_numpy_agrees_with_keras(name: str, tmp_path: Path) -> None:
    """A model gives the same probabilities to 1e-5, and the same digits, from both formats."""
    model = filled(MODELS[name](), seed=len(name))
    scale = "0-255" if "rescaling" in name and "wider" not in name else "0-1"
    expected = keras_outputs(model, scale)
    assert np.ptp(expected, axis=0).max() > 1e-3  # the images matter
    for suffix in FORMATS:
        model.save(tmp_path / f"model{suffix}")
        predictor = load_model(tmp_path / f"model{suffix}", predictor="numpy")
        assert predictor.scale == scale
        probabilities = predictor.probabilities(IMAGES)
        assert probabilities.dtype == np.float32
        np.testing.assert_allclose(probabilities, expected, rtol=0, atol=1e-5)
        np.testing.assert_array_equal(probabilities.argmax(axis=1), expected.argmax(axis=1))


@pytest.mark.parametrize("name", WIDE)
@pytest.mark.parametrize("scale", [Scale.ZERO_TO_ONE, Scale.MINUS_ONE_TO_ONE])
def test_compiled_code_gives_what_numpy_gives(name: str, scale: Scale, tmp_path: Path) -> None:
    """The chain stays whole beside the product of its first layer, which does a part of it."""
    filled(WIDE[name]()).save(tmp_path / "model.keras")
    scale = Scale.BYTES if "rescaling" in name else scale
    network = load_model(tmp_path / "model.keras", predictor="numpy", scale=scale)._network
    assert isinstance(network, DenseNetwork)
    assert network.product
    found = network.outputs_by_product(IMAGES[:100])
    expected = network.outputs(IMAGES[:100].reshape(-1, 784).astype(np.float32))
    np.testing.assert_allclose(found, expected, rtol=0, atol=5e-6)


UNSUPPORTED: dict[str, tuple[Callable[[], Any], str]] = {
    "convolution": (
        lambda: Sequential([Input((28, 28, 1)), layers.Conv2D(1, 28), Flatten(), Dense(10)]),
        "Conv2D is not a layer that NumPy runs",
    ),
    "activation": (lambda: ended(Dense(9, "gelu")), "activation gelu is not one that NumPy runs"),
    "layer as activation": (
        lambda: ended(Dense(9, activation=layers.ReLU(max_value=0.1))),
        "activation ReLU is not one that NumPy runs",
    ),
    "half precision": (
        lambda: ended(Dense(9, dtype="mixed_float16")),
        "Dense does not compute in float32",
    ),
    "renorm": (lambda: ended(BatchNormalization(renorm=True)), "arrays are stored where"),
    "axis": (
        lambda: functional((28, 28), BatchNormalization(axis=1), Flatten(), Dense(10)),
        "batch normalization on another axis than the last",
    ),
    "softmax axis": (
        lambda: functional((28, 28), layers.Softmax(axis=1), Flatten(), Dense(10)),
        "Softmax over another axis",
    ),
    "channels first": (
        lambda: functional((28, 28), Flatten(data_format="channels_first"), Dense(10)),
        "Flatten with channels first",
    ),
    "array in the configuration": (
        lambda: ended(Rescaling(np.full(24, 0.5))),
        "its configuration is not as expected (TypeError",
    ),
    "nested and partly frozen": (
        lambda: ended(Sequential([Input((24,)), frozen(Dense(4)), Dense(4)])),
        "arrays that are not trained, in a model within the model",
    ),
    "nested moving statistics": (
        lambda: ended(Sequential([Input((24,)), BatchNormalization()])),
        "arrays that are not trained, in a model within the model",
    ),
}


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("name", UNSUPPORTED)
def test_what_numpy_does_not_run_is_named(name: str, suffix: str, tmp_path: Path) -> None:
    """A setting that NumPy would get wrong is refused by its name, and Keras offered."""
    make, reason = UNSUPPORTED[name]
    path = tmp_path / f"model{suffix}"
    make().save(path)
    with pytest.raises(UnsupportedNetworkError) as caught:
        dense_network(keras_file(path), None)
    assert reason in str(caught.value)
    with pytest.raises(ModelError) as caught_outside:
        load_model(path, predictor=PredictorChoice.NUMPY)
    assert str(caught_outside.value).startswith(f"{path}: ")
    assert str(caught_outside.value).endswith('; pass predictor="keras"')


def test_a_network_of_another_task_is_refused_here(tmp_path: Path) -> None:
    """Keras need not be asked what it is."""
    functional((784,), Dense(784)).save(tmp_path / "model.h5")
    with pytest.raises(ModelError, match=r"^gives 784 values, an image as an autoencoder does"):
        dense_network(keras_file(tmp_path / "model.h5"), None)


def test_softmax_survives_large_values() -> None:
    """Softmax does not overflow, by hand: exp(-1) / (1 + exp(-1)) beside 1000 and 999."""
    row = softmax(np.array([[1000, 999, -1000]], np.float32))
    share = np.exp(-1) / (1 + np.exp(-1))
    np.testing.assert_allclose(row, [[1 - share, share, 0]], rtol=1e-6)


def test_a_failure_of_compiled_code_says_nothing_of_the_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """As of a library without a function: the model would be said to need Keras."""
    monkeypatch.setattr(library, "get", lambda: ctypes.CDLL(None))
    with pytest.raises(AttributeError, match="panel_units"):
        load_model(predictor=PredictorChoice.NUMPY)


def test_the_kernel_that_multiplies_is_the_one_threadpoolctl_finds() -> None:
    """It reads the same from the loaded library, in another way."""
    found = [one for one in threadpool_info() if "numpy" in one["filepath"]]
    assert [f"OpenBLAS {one['architecture']}" for one in found] == [blas_kernel()]
