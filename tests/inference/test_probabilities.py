"""Outputs become probabilities, and these lose what scikit-learn says they do."""

import numpy as np
import numpy.typing as npt
import pytest
from scipy.special import softmax
from sklearn.metrics import log_loss

from mnist_batch.inference.probabilities import as_probabilities, log_losses

OUTPUTS = np.array([[0.25, 0.5, 0.75], [0.125, 0.0, 0.375]])


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("linear", softmax(OUTPUTS, axis=1)),
        ("sigmoid", OUTPUTS / OUTPUTS.sum(axis=1, keepdims=True)),
        ("softmax", OUTPUTS),
    ],
)
def test_outputs_become_probabilities_as_their_activation_tells(
    activation: str, expected: npt.NDArray[np.float64]
) -> None:
    """Logits by softmax, sigmoids by their shares of the sum; others are probabilities already."""
    found = as_probabilities(OUTPUTS.astype(np.float32), activation)
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_log_losses_are_those_of_scikit_learn() -> None:
    """Their mean, also where the true digit gets the probability 0 or 1, which are clipped."""
    random = np.random.default_rng(7)
    probabilities = random.dirichlet(np.ones(10), 50).astype(np.float32)
    probabilities[:2] = np.eye(10, dtype=np.float32)[[3, 4]]
    digits = random.integers(0, 10, 50)
    digits[:2] = (3, 5)  # certain and right, certain and wrong
    losses = log_losses(probabilities, digits)
    assert losses.dtype == np.float64
    assert losses[:2] == pytest.approx([2**-23, 23 * np.log(2)], rel=1e-6)
    assert losses.mean() == pytest.approx(log_loss(digits, probabilities, labels=range(10)))
