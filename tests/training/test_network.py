"""The networks have the layers and the numbers that are promised."""

import numpy as np
import pytest

from mnist_batch.training.network import build_logits_network, build_network


def test_the_network_is_the_originals() -> None:
    """784 inputs, 128 and 64 units with ReLU, softmax over ten; 109,386 parameters."""
    network = build_network()
    assert network.input_shape == (None, 784)
    layers = [(layer.units, layer.activation.__name__) for layer in network.layers]
    assert layers == [(128, "relu"), (64, "relu"), (10, "softmax")]
    assert network.count_params() == 784 * 128 + 128 + 128 * 64 + 64 + 64 * 10 + 10
    assert type(network.optimizer).__name__ == "Adam"  # its name is numbered
    assert float(network.optimizer.learning_rate) == pytest.approx(0.001)
    assert network.loss == "sparse_categorical_crossentropy"


def test_the_network_of_logits_lacks_the_softmax_alone() -> None:
    """With the same weights, the softmax of what it gives is what the other gives."""
    logits, network = build_logits_network(), build_network()
    network.set_weights(logits.get_weights())
    inputs = np.random.default_rng(1).random((5, 784)).astype(np.float32)
    exponentials = np.exp(logits.predict(inputs, verbose=0))
    shares = exponentials / exponentials.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(network.predict(inputs, verbose=0), shares, rtol=1e-4)
