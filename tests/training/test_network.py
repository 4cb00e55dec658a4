"""The networks have the promised layers and numbers, and a file holds what was written."""

from pathlib import Path

import numpy as np
import pytest

from mnist_batch.errors import OutputError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.models.model_file import read_model_file
from mnist_batch.outputs.atomic import StagedFile
from mnist_batch.training.network import (
    build_logits_network,
    build_network,
    check_model_suffix,
    describe_model,
    write_model,
)


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


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    """In capitals too, as Keras would not load the file; the known formats are named."""
    check_model_suffix(tmp_path / "digits.h5")
    check_model_suffix(tmp_path / "digits.keras")
    for name in ("digits.H5", "digits.txt", "digits"):
        with pytest.raises(OutputError, match=r"expected \.h5 or \.keras"):
            check_model_suffix(tmp_path / name)


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_written_model_has_its_weights_and_its_record(tmp_path: Path, suffix: str) -> None:
    """Keras loads the weights, and our own reader the record."""
    network, out = build_network(), tmp_path / f"digits{suffix}"
    with StagedFile(out, overwrite=False) as staged:
        write_model(network, staged)
        describe_model(staged, {"scale": "0-1", "training": {"epochs": 3}})
        staged.commit()
    loaded = import_keras().models.load_model(out)
    assert all(map(np.array_equal, loaded.get_weights(), network.get_weights()))
    assert read_model_file(out).training["training"] == {"epochs": 3}
