"""The network."""

from typing import Any

from mnist_batch.keras_network import import_keras
from mnist_batch.options import Scale
from mnist_batch.pixels import PIXELS
from mnist_batch.schema import CLASSES

SCALE = Scale.ZERO_TO_ONE
OPTIMIZER = "adam"
LOSS = "sparse_categorical_crossentropy"


def build_network() -> Any:  # noqa: ANN401 - Keras has no types
    """Return the network, compiled and with random weights.

    784 inputs, float32 from 0 to 1; 128 and 64 units with ReLU; the probabilities of ten digits.
    Loss is the cross-entropy with the true digit; Adam at Keras' defaults lessens it.
    """
    keras = import_keras()
    layers = keras.layers
    network = keras.Sequential(
        [
            keras.Input((PIXELS,)),
            layers.Dense(128, activation="relu", name="hidden_1"),
            layers.Dense(64, activation="relu", name="hidden_2"),
            layers.Dense(CLASSES, activation="softmax", name="digits"),
        ],
        name="mnist",
    )
    network.compile(optimizer=OPTIMIZER, loss=LOSS, metrics=["accuracy"])
    return network
