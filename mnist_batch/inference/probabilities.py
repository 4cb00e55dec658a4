"""Outputs of a network as probabilities, and what these lose on labels."""

from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.inference.numpy_network import softmax

Array = npt.NDArray[np.float32]


def as_probabilities(outputs: Array, activation: str) -> Array:
    """Return outputs, float32 (n, classes), as probabilities: each row sums to 1."""
    if activation == "softmax":
        return outputs
    if activation == "sigmoid":
        totals = outputs.sum(axis=1, keepdims=True)
        # Zeros alone tell nothing: each class is as likely as another.
        shares = np.full_like(outputs, 1 / outputs.shape[1])
        np.divide(outputs, totals, out=shares, where=totals > 0)
        return shares
    return softmax(outputs)


def log_losses(
    probabilities: npt.NDArray[np.floating[Any]], labels: npt.NDArray[np.integer[Any]]
) -> npt.NDArray[np.float64]:
    """Return the negative logarithm (base e) of the probability of each row's true class.

    Probabilities (n, classes) are clipped to [eps, 1 - eps] with eps = 2**-23, float32's, as
    scikit-learn clips float32 probabilities.
    """
    # float64, because the difference to 1 of a confident float32 has few digits left.
    truth = probabilities[np.arange(len(labels)), labels].astype(np.float64)
    eps = float(np.finfo(np.float32).eps)
    losses: npt.NDArray[np.float64] = -np.log(truth.clip(eps, 1 - eps))
    return losses
