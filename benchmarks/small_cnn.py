"""A small convolutional network, trained for a minute at most: a model that needs Keras.

`python -m benchmarks.small_cnn DIGITS.npz MODEL.keras`, in a process of its own, because
TensorFlow stays in the memory of the one that imports it.
"""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.plain_network import Images
from mnist_batch.inference.keras.network import import_keras

ROWS = 10_000
"""Digits to train on: enough for 0.95 and more of them right."""


def network(keras: Any) -> Any:  # noqa: ANN401 - Keras has no types
    """Return the network, untrained."""
    layers = keras.layers
    return keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(16, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax"),
        ]
    )


def train(images: Images, labels: Images, model: Path) -> None:
    """Train on uint8 (n, 28, 28) and (n,), and save."""
    keras = import_keras()
    keras.utils.set_random_seed(0)
    trained = network(keras)
    trained.compile("adam", "sparse_categorical_crossentropy")
    inputs = images[..., None] * np.float32(1 / 255)
    trained.fit(inputs, labels, batch_size=128, epochs=5, verbose=0)
    trained.save(model)


if __name__ == "__main__":
    with np.load(sys.argv[1]) as digits:
        train(digits["images"][:ROWS], digits["labels"][:ROWS], Path(sys.argv[2]))
