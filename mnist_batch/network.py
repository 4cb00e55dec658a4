"""The network, and the larger one that may teach it."""

from typing import Any

from mnist_batch.keras_network import import_keras
from mnist_batch.options import Scale
from mnist_batch.pixels import PIXELS, SIDE
from mnist_batch.schema import CLASSES

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


def build_teacher() -> Any:  # noqa: ANN401 - Keras has no types
    """Return a small convolutional network with random weights, not compiled.

    Inputs are those of `build_network`; outputs are the logits of ten digits.
    """
    keras = import_keras()
    layers = keras.layers

    def convolution(filters: int) -> list[Any]:
        return [
            # The normalization after it has a bias.
            layers.Conv2D(filters, 3, padding="same", use_bias=False),
            # At Keras' 0.99 the means of little data would still be those of the start.
            layers.BatchNormalization(momentum=0.9),
            layers.ReLU(),
        ]

    return keras.Sequential(
        [
            keras.Input((PIXELS,)),
            layers.Reshape((SIDE, SIDE, 1)),
            *convolution(24),
            *convolution(24),
            layers.MaxPooling2D(),
            *convolution(48),
            *convolution(48),
            layers.MaxPooling2D(),
            *convolution(96),
            layers.Flatten(),
            layers.Dropout(0.4),
            layers.Dense(CLASSES),
        ],
        name="teacher",
    )


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
