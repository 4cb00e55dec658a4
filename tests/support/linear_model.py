"""A model file of one dense layer, and what it must predict, both without the package or Keras."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np
import numpy.typing as npt


def write_linear_model(
    path: Path,
    weights: tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]] | None = None,
    *,
    activation: str | None = "softmax",
    before: Sequence[Mapping[str, object]] = (),
    record: object = None,
) -> None:
    """Write an HDF5 model of one Dense layer on 784 inputs, of ten units, without Keras.

    Args:
        path: the file.
        weights: kernel (784, n) and bias (n,), instead of those of `linear_probabilities`.
        activation: of the layer.
        before: configurations of layers without arrays that come first.
        record: what training by this package would say of the model.
    """
    kernel, bias = weights or _weights()
    layer = {"name": "dense", "units": len(bias), "activation": activation, "use_bias": True}
    config = {
        "class_name": "Sequential",
        "config": {
            "layers": [
                {"class_name": "InputLayer", "config": {"batch_shape": [None, 784]}},
                *before,
                {"class_name": "Dense", "config": layer},
            ]
        },
    }
    with h5py.File(path, "w") as file:
        file.attrs["model_config"] = json.dumps(config)
        group = file.create_group("model_weights")
        group.attrs["layer_names"] = ["dense"]
        dense = group.create_group("dense")
        dense.attrs["weight_names"] = ["kernel", "bias"]
        dense["kernel"], dense["bias"] = kernel, bias
        if record is not None:
            file.attrs["mnist_batch"] = json.dumps(record)


def linear_probabilities(images: npt.NDArray[np.uint8]) -> npt.NDArray[np.float64]:
    """Return what the model must give for images uint8 (n, 28, 28), float64 (n, 10)."""
    kernel, bias = _weights()
    logits = images.reshape(-1, 784) / 255 @ kernel.astype(np.float64) + bias
    exponentials = np.exp(logits)
    shares: npt.NDArray[np.float64] = exponentials / exponentials.sum(axis=1, keepdims=True)
    return shares


def _weights() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    random = np.random.default_rng(7)
    return (
        random.normal(size=(784, 10)).astype(np.float32) * np.float32(0.1),
        random.normal(size=10).astype(np.float32),
    )
