"""The network: its layers, and how the original recipe compiles it."""

from typing import Any

from mnist_batch.inference.keras_network import import_keras
from mnist_batch.mnist import CLASSES, PIXELS
from mnist_batch.options import Scale

SCALE = Scale.ZERO_TO_ONE
OPTIMIZER = "adam"
LOSS = "sparse_categorical_crossentropy"


def build_network() -> Any:  # noqa: ANN401 - Keras has no types
    """Return the network, compiled and with random weights.

    784 inputs, float32 from 0 to 1; 128 and 64 units with ReLU; the probabilities of ten digits.
    Loss is the cross-entropy with the true digit; Adam at Keras' defaults lessens it.
    """
    network = _dense("softmax")
    network.compile(optimizer=OPTIMIZER, loss=LOSS, metrics=["accuracy"])
    return network


def build_logits_network() -> Any:  # noqa: ANN401 - Keras has no types
    """Return the same network without the softmax at its end, and not compiled.

    Its weights are those of `build_network`. A loss of logits is exact where one of probabilities
    has to be clipped, as those of a sure network round to 0 and 1.
    """
    return _dense("linear")


def _dense(activation: str) -> Any:  # noqa: ANN401 - Keras has no types
    keras = import_keras()
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((PIXELS,)),
            layers.Dense(128, activation="relu", name="hidden_1"),
            layers.Dense(64, activation="relu", name="hidden_2"),
            layers.Dense(CLASSES, activation=activation, name="digits"),
        ],
        name="mnist",
    )
