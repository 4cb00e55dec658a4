"""Models of old files, built anew: they predict what an equal network does, made by hand here."""

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from mnist_batch.errors import ModelError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.predictors import build_predictor, load_model
from mnist_batch.models.model_file import read_model_file
from mnist_batch.synthetic.generator import draw_digits
from tests.support.old_keras_files import Json, called, functional, old, write_hdf5, write_zip

pytestmark = pytest.mark.usefixtures("models_read_here")

keras = import_keras()
layers = keras.layers
Input, Sequential = keras.Input, keras.Sequential

IMAGES, _ = draw_digits(20, seed=3)
PIXELS = (IMAGES / 255).astype(np.float32)
FORMATS = [".h5", ".keras"]

Arrays = list[npt.NDArray[np.float32]]


def filled(network: Any, spread: float = 0.1) -> Any:  # noqa: ANN401 - Keras
    """Give a network arrays at random; those of a variance have to be positive."""
    random = np.random.default_rng(1)
    for variable in network.weights:
        values = random.normal(0, spread, variable.shape)
        variable.assign(np.abs(values) if "variance" in variable.path else values)
    return network


def arrays_of(network: Any, *names: str) -> dict[str, Arrays]:  # noqa: ANN401 - Keras
    """Return the arrays of some layers by their names."""
    return {name: network.get_layer(name).get_weights() for name in names}


def check(path: Path, network: Any) -> None:  # noqa: ANN401 - Keras
    """Check that a file predicts what a network does."""
    predictor = load_model(path, predictor="keras")
    shape = [size or 28 for size in network.inputs[0].shape[1:]]
    expected = keras.ops.convert_to_numpy(network(PIXELS.reshape(-1, *shape)))
    assert expected.std(axis=0).max() > 1e-4  # it tells the images apart
    np.testing.assert_allclose(predictor.probabilities(IMAGES), expected, rtol=0, atol=2e-6)


def refusal(path: Path) -> str:
    """Return the message with which Keras' side refuses a model, without the path."""
    with pytest.raises(ModelError) as caught:
        load_model(path, predictor="keras")
    message = str(caught.value)
    assert "\n" not in message
    assert message.startswith(f"{path}: ")
    return message.removeprefix(f"{path}: ")


def convolution() -> Any:  # noqa: ANN401 - Keras
    """Return a network with arrays that are trained and such that are not."""
    return filled(
        Sequential(
            [
                Input((28, 28, 1)),
                layers.Conv2D(3, 3, activation="relu", name="conv"),
                layers.BatchNormalization(name="norm"),
                layers.MaxPooling2D(name="pool"),
                layers.Flatten(name="flat"),
                layers.Dense(10, "softmax", name="dense"),
            ]
        )
    )


def old_convolution(**first: object) -> list[Json]:
    """Return the layers of `convolution` as Keras before 3 had them."""
    return [
        old("Conv2D", "conv", filters=3, kernel_size=[3, 3], activation="relu", **first),
        old("BatchNormalization", "norm"),
        old("MaxPooling2D", "pool"),
        old("Flatten", "flat"),
        old("Dense", "dense", units=10, activation="softmax"),
    ]


# Sequential models


@pytest.mark.parametrize("name", ["model.h5", "MODEL.H5", "model"])
def test_keras_2_1_wrote_a_bare_list_of_layers(name: str, tmp_path: Path) -> None:
    """With the shape of the input in the first of them, and arrays in the attributes' order."""
    network = convolution()
    config = {
        "class_name": "Sequential",
        "config": old_convolution(batch_input_shape=[None, 28, 28, 1], dtype="float32"),
    }
    arrays = arrays_of(network, "conv", "norm", "pool", "flat", "dense")
    check(write_hdf5(tmp_path / name, config, arrays), network)


@pytest.mark.parametrize(
    "shape",
    [[None, 28, 28, 1], {"class_name": "__tuple__", "items": [None, 28, 28, 1]}],
    ids=["list", "tuple"],
)
def test_the_shape_of_the_input_may_stand_beside_the_layers(shape: object, tmp_path: Path) -> None:
    """As in Keras 2.3 to 2.15; TensorFlow's Keras wrote a tuple as an object."""
    network = convolution()
    inner = {"name": "s", "layers": old_convolution(), "build_input_shape": shape}
    config = {"class_name": "Sequential", "config": inner}
    arrays = arrays_of(network, "conv", "norm", "dense")
    check(write_hdf5(tmp_path / "model.h5", config, arrays, "2.4.0"), network)


def test_a_shape_from_a_first_batch_does_not_fix_the_batch(tmp_path: Path) -> None:
    """That a network was built by a call with 32 images does not mean it takes 32."""
    inner = {"name": "s", "layers": old_convolution(), "build_input_shape": [32, 28, 28, 1]}
    arrays = arrays_of(convolution(), "conv", "norm", "dense")
    path = tmp_path / "model.h5"
    write_hdf5(path, {"class_name": "Sequential", "config": inner}, arrays, "2.4.0")
    assert load_model(path, batch_size=7).block_rows == 7


def test_a_sequential_model_within_one_may_have_no_name(tmp_path: Path) -> None:
    """In Keras 2.1: then the layers' order tells whose arrays they are."""
    network = convolution()
    *body, last = old_convolution(batch_input_shape=[None, 28, 28, 1])
    config = {
        "class_name": "Sequential",
        "config": [{"class_name": "Sequential", "config": body}, last],
    }
    conv, (gamma, beta, mean, variance), dense = arrays_of(
        network, "conv", "norm", "dense"
    ).values()
    arrays = {"sequential_1": [*conv, gamma, beta, mean, variance], "dense": dense}
    check(write_hdf5(tmp_path / "model.h5", config, arrays), network)


# Functional models


def branching() -> Any:  # noqa: ANN401 - Keras
    """Return a network of branches, and of layers that are called twice."""
    entry = Input((28, 28, 1), name="image")
    inner_entry = Input((28, 28, 1), name="inner_image")
    inner = layers.BatchNormalization(name="norm")(layers.Conv2D(2, 5, name="conv")(inner_entry))
    encoder = keras.Model(inner_entry, inner, name="encoder")
    head = Sequential(
        [Input((24, 24, 4)), layers.Flatten(), layers.Dense(10, name="dense")], name="head"
    )
    turned = layers.Permute((2, 1, 3), name="turned")(entry)
    both = layers.Concatenate(name="both")([encoder(entry), encoder(turned)])
    added = layers.Add(name="added")([both, layers.Activation("tanh", name="tanh")(both)])
    return filled(keras.Model(entry, layers.Softmax(name="softmax")(head(added))))


def old_branching(class_name: str) -> Json:
    """Return the same as Keras before 3 had it: calls of models are counted from 1."""
    image = old("InputLayer", "image", batch_input_shape=[None, 28, 28, 1], ragged=False)
    inner_image = old("InputLayer", "inner_image", batch_input_shape=[None, 28, 28, 1])
    encoder = functional(
        "encoder",
        [
            called(inner_image),
            called(
                old("Conv2D", "conv", filters=2, kernel_size=[5, 5], groups=1),
                [("inner_image", 0, 0)],
            ),
            called(old("BatchNormalization", "norm", axis=[3]), [("conv", 0, 0)]),
        ],
        ("norm", 0, 0),
        class_name,
    )
    head = {
        "class_name": "Sequential",
        "config": {
            "name": "head",
            "layers": [
                old("InputLayer", "head_input", batch_input_shape=[None, 24, 24, 4]),
                old("Flatten", "flatten"),
                old("Dense", "dense", units=10),
            ],
        },
    }
    return functional(
        "model",
        [
            called(image),
            called(old("Permute", "turned", dims=[2, 1, 3]), [("image", 0, 0)]),
            called(encoder, [("image", 0, 0)], [("turned", 0, 0)]),
            called(old("Concatenate", "both", axis=-1), [("encoder", 1, 0), ("encoder", 2, 0)]),
            called(old("Activation", "tanh", activation="tanh"), [("both", 0, 0)]),
            called(old("Add", "added"), [("both", 0, 0), ("tanh", 0, 0)]),
            called(head, [("added", 0, 0)]),
            called(old("Softmax", "softmax", axis=-1), [("head", 1, 0)]),
        ],
        ("softmax", 0, 0),
        class_name,
    )


def test_functional_models_of_keras_2_in_hdf5(tmp_path: Path) -> None:
    """`Model` in Keras 2.3: arrays of a model within come as trained ones, then the others."""
    network = branching()
    inner = arrays_of(network.get_layer("encoder"), "conv", "norm")
    arrays = {
        "encoder": [*inner["conv"], *inner["norm"]],
        "head": network.get_layer("head").get_weights(),
    }
    config = old_branching("Model")
    check(write_hdf5(tmp_path / "model.h5", config, arrays, "2.3.1"), network)


def test_functional_models_of_keras_2_15_in_a_zip(tmp_path: Path) -> None:
    """With the modules of its own source, which the installed Keras does not have."""
    network = branching()
    inner = arrays_of(network.get_layer("encoder"), "conv", "norm")
    arrays = {
        "layers/functional/layers/conv2d": inner["conv"],
        "layers/functional/layers/batch_normalization": inner["norm"],
        "layers/sequential/layers/dense": network.get_layer("head").get_weights(),
    }
    config = {
        "module": "keras.src.engine.functional",
        **old_branching("Functional"),
        "registered_name": "Functional",
        "compile_config": {"optimizer": {"class_name": "Yogi"}, "loss": "my_loss"},
    }
    check(write_zip(tmp_path / "model.keras", config, arrays), network)


@pytest.mark.parametrize("within", ["Model", "Sequential"])
def test_a_model_within_may_come_last(within: str, tmp_path: Path) -> None:
    """Then the outputs name a call of it, from 1 in Keras 2."""
    network = convolution()
    image = called(old("InputLayer", "image", batch_input_shape=[None, 28, 28, 1]))
    body = old_convolution()
    names = ["image", *(layer["config"]["name"] for layer in body)]
    if within == "Model":
        calls = [
            called(layer, [(name, 0, 0)]) for layer, name in zip(body, names[:-1], strict=True)
        ]
        inner = functional("body", [image, *calls], ("dense", 0, 0))
    else:
        inner = {"class_name": within, "config": {"name": "body", "layers": body}}
    config = functional("model", [image, called(inner, [("image", 0, 0)])], ("body", 1, 0))
    conv, (gamma, beta, mean, variance), last = arrays_of(network, "conv", "norm", "dense").values()
    arrays = {"body": [*conv, gamma, beta, *last, mean, variance]}
    check(write_hdf5(tmp_path / "model.h5", config, arrays, "2.3.1"), network)


def test_layers_may_be_stored_in_another_order(tmp_path: Path) -> None:
    """Names tell whose arrays they are: versions of Keras sort functional models differently."""
    network = branching()
    inner = arrays_of(network.get_layer("encoder"), "conv", "norm")
    arrays = {
        "head": network.get_layer("head").get_weights(),
        "encoder": [*inner["conv"], *inner["norm"]],
    }
    check(write_hdf5(tmp_path / "model.h5", old_branching("Model"), arrays, "2.3.1"), network)


def test_names_with_a_slash_are_allowed_as_they_were(tmp_path: Path) -> None:
    """Keras 3 takes none; `block/conv` and `block_conv` are two layers all the same."""
    network = filled(
        Sequential(
            [
                Input((28, 28, 1)),
                layers.Conv2D(3, 3, name="block_conv"),
                layers.Conv2D(3, 3, name="other"),
                layers.Flatten(),
                layers.Dense(10, "softmax", name="dense"),
            ]
        )
    )
    conv = {"filters": 3, "kernel_size": [3, 3]}
    config = {
        "class_name": "Sequential",
        "config": [
            old("Conv2D", "block/conv", batch_input_shape=[None, 28, 28, 1], **conv),
            old("Conv2D", "block_conv", **conv),
            old("Flatten", "flat"),
            old("Dense", "dense", units=10, activation="softmax"),
        ],
    }
    first, second, dense = arrays_of(network, "block_conv", "other", "dense").values()
    arrays = {"block/conv": first, "block_conv": second, "dense": dense}
    check(write_hdf5(tmp_path / "model.h5", config, arrays), network)


# Layers that are frozen


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_frozen_layer_within_a_model_keeps_its_arrays(suffix: str, tmp_path: Path) -> None:
    """HDF5 files have its arrays behind those that are trained: four of one shape."""
    inner = Sequential(
        [
            Input((28, 28, 1)),
            layers.Conv2D(3, 3),
            layers.BatchNormalization(trainable=False),
            layers.BatchNormalization(),
        ]
    )
    network = filled(
        Sequential([Input((28, 28, 1)), inner, layers.Flatten(), layers.Dense(10, "softmax")])
    )
    network.save(tmp_path / f"model{suffix}")
    check(tmp_path / f"model{suffix}", network)


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_frozen_model_within_a_functional_one_keeps_its_arrays(
    suffix: str, tmp_path: Path
) -> None:
    """And one layer of which is trained; Keras 3.15 itself thaws the rest on loading HDF5."""
    entry = Input((28, 28, 1))
    hidden = layers.Conv2D(3, 3)(entry)
    frozen = layers.BatchNormalization()(hidden)
    inner = keras.Model(entry, layers.BatchNormalization()(frozen))
    inner.layers[2].trainable = False
    image = Input((28, 28, 1))
    network = keras.Model(image, layers.Dense(10, "softmax")(layers.Flatten()(inner(image))))
    filled(network).save(tmp_path / f"model{suffix}")
    check(tmp_path / f"model{suffix}", network)


def test_a_model_that_is_frozen_as_a_whole_is_stored_layer_by_layer(tmp_path: Path) -> None:
    """A layer within that is not has no effect on that in Keras 3."""
    inner = Sequential([Input((28, 28, 1)), layers.BatchNormalization(), layers.Conv2D(1, 1)])
    inner.trainable = False
    inner.layers[1].trainable = True
    network = filled(
        Sequential([Input((28, 28, 1)), inner, layers.Flatten(), layers.Dense(10, "softmax")])
    )
    network.save(tmp_path / "model.h5")
    check(tmp_path / "model.h5", network)


# Layers that changed


def test_hard_sigmoid_was_another_function_in_keras_2(tmp_path: Path) -> None:
    """0.2 x + 0.5 between 0 and 1, in a LSTM computed here step by step."""
    random = np.random.default_rng(4)
    kernel, recurrent = random.normal(0, 0.5, (28, 8)), random.normal(0, 0.5, (2, 8))
    bias, last = random.normal(0, 0.5, 8), random.normal(0, 3, (2, 10))
    state = cell = np.zeros((20, 2))
    for row in PIXELS.astype(np.float64).transpose(1, 0, 2):
        gates = np.split(row @ kernel + state @ recurrent + bias, 4, axis=1)
        into, forget, out = (np.clip(0.2 * gates[gate] + 0.5, 0, 1) for gate in (0, 1, 3))
        cell = forget * cell + into * np.tanh(gates[2])
        state = out * np.tanh(cell)
    exponentials = np.exp(state @ last)
    expected = exponentials / exponentials.sum(axis=1, keepdims=True)
    config = {
        "class_name": "Sequential",
        "config": [
            old(
                "LSTM",
                "lstm",
                units=2,
                recurrent_activation="hard_sigmoid",
                batch_input_shape=[None, 28, 28],
            ),
            old("Dense", "dense", units=10, use_bias=False, activation="softmax_v2"),
        ],
    }
    arrays = {"lstm": [kernel, recurrent, bias], "dense": [last]}
    path = write_hdf5(tmp_path / "model.h5", config, arrays)
    given = load_model(path).probabilities(IMAGES)
    np.testing.assert_allclose(given, expected, rtol=0, atol=1e-5)
    path = write_hdf5(tmp_path / "model.h5", config, arrays, "3.0.0")
    assert np.abs(load_model(path).probabilities(IMAGES) - expected).max() > 1e-3


def test_a_layer_of_two_directions_in_a_zip(tmp_path: Path) -> None:
    """Its arrays lie under the layers it is made of; `hard_sigmoid` reaches both."""

    def hard(values: Any) -> Any:  # noqa: ANN401 - a tensor
        return keras.ops.clip(0.2 * values + 0.5, 0, 1)

    both = layers.Bidirectional(layers.LSTM(3), name="both")
    network = filled(Sequential([Input((28, 28)), both, layers.Dense(10, "softmax", name="dense")]))
    both.forward_layer.cell.recurrent_activation = hard
    both.backward_layer.cell.recurrent_activation = hard
    inner = old("LSTM", "lstm", units=3, recurrent_activation="hard_sigmoid")
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "s",
            "layers": [
                old("InputLayer", "image", batch_input_shape=[None, 28, 28], sparse=False),
                old("Bidirectional", "both", merge_mode="concat", layer=inner),
                old("Dense", "dense", units=10, activation="softmax"),
            ],
        },
    }
    arrays = {
        "layers/bidirectional": [],
        "layers/bidirectional/forward_layer/cell": both.forward_layer.get_weights(),
        "layers/bidirectional/backward_layer/cell": both.backward_layer.get_weights(),
        "layers/bidirectional/layer/cell": [],
        "layers/dense": network.get_layer("dense").get_weights(),
    }
    check(write_zip(tmp_path / "model.keras", config, arrays), network)


@pytest.mark.parametrize("suffix", FORMATS)
def test_layers_that_are_made_of_layers(suffix: str, tmp_path: Path) -> None:
    """Cells in a stack, another layer for the way back, a layer for each row."""
    network = Sequential(
        [
            Input((28, 28)),
            layers.TimeDistributed(layers.Dense(5, "tanh")),
            layers.Bidirectional(
                layers.LSTM(3, return_sequences=True),
                backward_layer=layers.GRU(3, return_sequences=True, go_backwards=True),
            ),
            layers.RNN([layers.LSTMCell(3), layers.GRUCell(2), layers.LSTMCell(2)]),
            layers.Dense(10, "softmax"),
        ]
    )
    filled(network, spread=1).save(tmp_path / f"model{suffix}")
    check(tmp_path / f"model{suffix}", network)


@pytest.mark.parametrize("suffix", FORMATS)
def test_what_was_measured_of_the_data_is_applied(suffix: str, tmp_path: Path) -> None:
    """A Normalization layer has mean and variance among its arrays."""
    normalization = layers.Normalization(axis=None)
    normalization.adapt(PIXELS[..., None])
    network = Sequential(
        [Input((28, 28, 1)), normalization, layers.Flatten(), layers.Dense(10, "softmax")]
    )
    network.save(tmp_path / f"model{suffix}")
    check(tmp_path / f"model{suffix}", network)


def test_gru_of_keras_2_1_had_one_bias(tmp_path: Path) -> None:
    """`reset_after` came later, and is the default now."""
    network = filled(
        Sequential(
            [
                Input((28, 28)),
                layers.GRU(3, reset_after=False, name="gru"),
                layers.Dense(10, "softmax", name="dense"),
            ]
        ),
        spread=0.4,
    )
    config = {
        "class_name": "Sequential",
        "config": [
            old("GRU", "gru", units=3, implementation=1, batch_input_shape=[None, 28, 28]),
            old("Dense", "dense", units=10, activation="softmax"),
        ],
    }
    check(write_hdf5(tmp_path / "model.h5", config, arrays_of(network, "gru", "dense")), network)


def test_arrays_of_cudnn_are_turned(tmp_path: Path) -> None:
    """Each gate's kernels are stored in the shape of their transpose, and two biases are added."""
    network = filled(
        Sequential(
            [
                Input((28, 28)),
                layers.LSTM(3, return_sequences=True, name="lstm"),
                layers.GRU(2, name="gru"),
                layers.Dense(10, "softmax", name="dense"),
            ]
        ),
        spread=0.4,
    )
    lstm, gru, dense = arrays_of(network, "lstm", "gru", "dense").values()

    def stored(arrays: Arrays, gates: int, biases: npt.NDArray[np.float32]) -> Arrays:
        kernels = [part.T.reshape(part.shape) for part in np.split(arrays[0], gates, axis=1)]
        recurrent = [part.T for part in np.split(arrays[1], gates, axis=1)]
        return [np.concatenate(kernels, 1), np.concatenate(recurrent, 1), biases]

    half = np.linspace(-1, 1, 12, dtype=np.float32)
    arrays = {
        "lstm": stored(lstm, 4, np.concatenate([half, lstm[2] - half])),
        "gru": stored(gru, 3, gru[2].reshape(-1)),
        "dense": dense,
    }
    config = {
        "class_name": "Sequential",
        "config": [
            old(
                "CuDNNLSTM",
                "lstm",
                units=3,
                return_sequences=True,
                unit_forget_bias=True,
                batch_input_shape=[None, 28, 28],
            ),
            old("CuDNNGRU", "gru", units=2),
            old("Dense", "dense", units=10, activation="softmax"),
        ],
    }
    check(write_hdf5(tmp_path / "model.h5", config, arrays), network)


def test_kernels_of_theano_are_turned(tmp_path: Path) -> None:
    """It convolved where TensorFlow correlates: its kernels start at the other corner."""
    network = convolution()
    arrays = arrays_of(network, "conv", "norm", "dense")
    arrays["conv"][0] = arrays["conv"][0][::-1, ::-1]
    config = {
        "class_name": "Sequential",
        "config": old_convolution(batch_input_shape=[None, 28, 28, 1]),
    }
    path = tmp_path / "model.h5"
    check(write_hdf5(path, config, arrays, backend="theano"), network)


def test_settings_that_are_gone_and_layers_of_other_names(tmp_path: Path) -> None:
    """PReLU and layers of two kernels from Keras 2.15; a LeakyReLU's slope was its alpha."""
    network = filled(
        Sequential(
            [
                Input((28, 28, 1)),
                layers.SeparableConv2D(3, 3, name="separable"),
                layers.PReLU(shared_axes=[1, 2], name="p"),
                layers.DepthwiseConv2D(3, name="depthwise"),
                layers.LeakyReLU(negative_slope=0.2, name="leaky"),
                layers.Conv2DTranspose(2, 2, name="transpose"),
                layers.ReLU(threshold=0.001, name="above"),
                layers.Flatten(),
                layers.Dense(10, "softmax", name="dense"),
            ]
        ),
        spread=0.4,
    )
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "s",
            "layers": [
                old("InputLayer", "image", batch_input_shape=[None, 28, 28, 1]),
                old("SeparableConv2D", "separable", filters=3, kernel_size=[3, 3], groups=1),
                old("PReLU", "p", shared_axes=[1, 2], alpha_initializer={"class_name": "Zeros"}),
                old("SpatialDropout2D", "drop", rate=0.5, noise_shape=None, seed=None),
                old(
                    "DepthwiseConv2D",
                    "depthwise",
                    kernel_size=[3, 3],
                    groups=1,
                    depth_multiplier=1,
                    dtype={"class_name": "Policy", "config": {"name": "float32"}},
                ),
                old("LeakyReLU", "leaky", alpha=0.2),
                old("Conv2DTranspose", "transpose", filters=2, kernel_size=[2, 2], groups=1),
                old("ThresholdedReLU", "above", theta=0.001),
                old("GaussianNoise", "noise", stddev=9.0, seed=None),
                old("Flatten", "flat"),
                old("Dense", "dense", units=10, activation="softmax"),
            ],
        },
    }
    stored = arrays_of(network, "separable", "p", "depthwise", "transpose", "dense")
    arrays = {
        "layers/separable_conv2d": stored["separable"],
        "layers/p_re_lu": stored["p"],
        "layers/depthwise_conv2d": stored["depthwise"],
        "layers/conv2d_transpose": stored["transpose"],
        "layers/dense": stored["dense"],
    }
    check(write_zip(tmp_path / "model.keras", config, arrays), network)
    check(write_hdf5(tmp_path / "model.h5", config, stored, "2.15.0"), network)


def test_attention_with_tensors_among_its_settings(tmp_path: Path) -> None:
    """Keras 2.15 wrote the value of an attention so, and its parts under private names."""
    entry = Input((28, 28), name="image")
    seen = layers.MultiHeadAttention(2, 3, name="attention")(entry, entry)
    pooled = layers.GlobalAveragePooling1D(name="pooled")(seen)
    network = filled(keras.Model(entry, layers.Dense(10, "softmax", name="dense")(pooled)))
    attention = old("MultiHeadAttention", "attention", num_heads=2, key_dim=3, query_shape=[None])
    attention = called(attention, [("image", 0, 0)])
    attention["inbound_nodes"][0][0][3] |= {"value": ["image", 0, 0], "gone": None}
    config = functional(
        "model",
        [
            called(old("InputLayer", "image", batch_input_shape=[None, 28, 28])),
            attention,
            called(old("GlobalAveragePooling1D", "pooled"), [("attention", 0, 0)]),
            called(old("Dense", "dense", units=10, activation="softmax"), [("pooled", 0, 0)]),
        ],
        ("dense", 0, 0),
        "Functional",
    )
    layer = network.get_layer("attention")
    arrays = {
        f"layers/multi_head_attention/_{part}_dense": getattr(layer, f"{part}_dense").get_weights()
        for part in ("query", "key", "value", "output")
    }
    arrays["layers/dense"] = network.get_layer("dense").get_weights()
    check(write_zip(tmp_path / "model.keras", config, arrays), network)


def test_layers_that_act_in_training_only_are_passed(tmp_path: Path) -> None:
    """At the head of a network that takes bytes; some of them Keras 3 does not have."""
    network = filled(
        Sequential(
            [
                Input((28, 28, 1)),
                layers.Conv2D(2, 5, name="conv"),
                layers.Flatten(),
                layers.Dense(10, "softmax", name="dense"),
            ]
        )
    )
    config = {
        "class_name": "Sequential",
        "config": {
            "name": "s",
            "layers": [
                old("InputLayer", "image", batch_input_shape=[None, 28, 28, 1], dtype="uint8"),
                old("RandomRotation", "turn", factor=0.2, fill_mode="constant", theta=5),
                old("RandomHeight", "height", factor=0.2),
                old("Rescaling", "rescaling", scale=1 / 255, offset=0.0),
                old("Conv2D", "conv", filters=2, kernel_size=[5, 5]),
                old("Flatten", "flat"),
                old("Dense", "dense", units=10, activation="softmax"),
            ],
        },
    }
    path = write_hdf5(tmp_path / "m.h5", config, arrays_of(network, "conv", "dense"), "2.9.0")
    assert load_model(path).scale == "0-255"
    check(path, network)


# What else is read, and how


def test_keras_gets_no_file(tmp_path: Path) -> None:
    """The network is built of what was read: the file may be gone by then."""
    network = convolution()
    network.save(tmp_path / "model.h5")
    file = read_model_file(tmp_path / "model.h5")
    (tmp_path / "model.h5").unlink()
    expected = network.predict(PIXELS[..., None], verbose=0)
    given = build_predictor(file).probabilities(IMAGES)
    np.testing.assert_allclose(given, expected, rtol=0, atol=2e-6)


def test_a_recurrent_state_does_not_pass_from_digit_to_digit(tmp_path: Path) -> None:
    """Although the layer would keep it from batch to batch."""
    network = filled(
        Sequential(
            [
                Input((28, 28), batch_size=20),
                layers.LSTM(4, stateful=True),
                layers.Dense(10, "softmax"),
            ]
        )
    )
    network.layers[0].reset_states()
    network.save(tmp_path / "model.keras")
    predictor = load_model(tmp_path / "model.keras")
    first, again = predictor.probabilities(IMAGES), predictor.probabilities(IMAGES)
    np.testing.assert_array_equal(first, again)


# What is refused


def dense(units: int, *before: Json, **settings: object) -> Json:
    """Return a Sequential model of 784 values that ends with a Dense layer."""
    first = old("InputLayer", "image", batch_shape=[None, 784])
    last = old("Dense", "dense", units=units, **settings)
    return {"class_name": "Sequential", "config": {"name": "s", "layers": [first, *before, last]}}


def refused(tmp_path: Path, config: Json, *shapes: Sequence[int]) -> str:
    """Return why a model is refused of whose last layer arrays of some shapes are stored."""
    arrays = {"dense": [np.zeros(shape, np.float32) for shape in shapes]}
    return refusal(write_hdf5(tmp_path / "model.h5", config, arrays, "3.1.0"))


def test_an_array_of_another_shape_is_refused_with_both(tmp_path: Path) -> None:
    """And with the name of the layer."""
    assert refused(tmp_path, dense(10), (784, 10), (11,)) == (
        "layer dense: stored array (11,); expected (10,) for its bias"
    )


def test_arrays_that_are_missing_are_refused(tmp_path: Path) -> None:
    """One of a layer, or those of a whole layer."""
    message = refused(tmp_path, dense(10), (784, 10))
    assert message == "layer dense: 1 arrays are stored; expected 2"
    message = refused(tmp_path, dense(10, old("Dense", "first", units=784)), (784, 10), (10,))
    assert message == "arrays of 1 layers are stored; expected those of 2: first, dense"


def peak_memory() -> int:
    """Return the most memory this process has had, in bytes."""
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


@pytest.mark.parametrize(
    "layer",
    [
        old("Dense", "huge", units=10**6, activation="gelu"),
        old("Embedding", "huge", input_dim=10**6, output_dim=10**5),
    ],
    ids=lambda layer: layer["class_name"],
)
def test_no_memory_is_taken_for_a_layer_that_is_not_stored(layer: Json, tmp_path: Path) -> None:
    """Whatever its configuration says, up to terabytes."""
    pool = old("Reshape", "flat", target_shape=[-1])
    before = peak_memory()
    message = refused(tmp_path, dense(10, layer, pool), (784, 10), (10,))
    assert "numbers an image; expected" in message or "expected those of 2: huge, dense" in message
    assert peak_memory() - before < 100e6


def test_what_is_refused_leaves_nothing_behind(tmp_path: Path) -> None:
    """Another model is built as if nothing had been; no thread goes on."""
    before, memory = {*threading.enumerate()}, peak_memory()
    refused(tmp_path, dense(10, old("Dense", "huge", units=10**6)), (784, 10), (10,))
    with keras.StatelessScope():
        pass  # would make numbers for all variables that were left without
    network = convolution()
    network.save(tmp_path / "model.keras")
    check(tmp_path / "model.keras", network)
    for thread in {*threading.enumerate()} - before:
        # TensorFlow's own are known as soon as they have called Python.
        assert isinstance(thread, threading._DummyThread)
    assert peak_memory() - memory < 500e6


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (old("LocallyConnected2D", "m"), "layer m: LocallyConnected2D is not a layer of Keras 3"),
        (old("ELU", "m", time_major=True), "layer m: ELU has no setting time_major (True) in"),
        (old("Dropout", "m", rate=5.0), "Keras cannot build this model: Invalid value received"),
        (old("ELU", "dense"), "two layers are named dense"),
        (
            old("Conv2D", "m", filters=2, kernel_size=[3, 3]),
            "Keras cannot build this model: Input ",
        ),
        (old("BatchNormalization", "m", axis=[1, 2]), "its configuration is not as expected (Val"),
    ],
)
def test_a_layer_that_keras_does_not_have_is_refused(
    layer: Json, message: str, tmp_path: Path
) -> None:
    """With its name and what is wrong with it."""
    assert refused(tmp_path, dense(10, layer), (784, 10), (10,)).startswith(message)


def test_a_layer_that_is_taken_but_not_there_is_refused(tmp_path: Path) -> None:
    """In a functional model."""
    config = functional(
        "model",
        [
            called(old("InputLayer", "image", batch_input_shape=[None, 784])),
            called(old("Dense", "dense", units=10), [("absent", 0, 0)]),
        ],
        ("dense", 0, 0),
    )
    assert refused(tmp_path, config, (784, 10), (10,)) == (
        "something takes what layer absent gives, but there is no such layer"
    )
