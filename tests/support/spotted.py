"""Images of any number of classes, each of which one pixel tells, and a model that reads them."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.support.linear_model import write_linear_model


def spotted_images(labels: Sequence[int]) -> npt.NDArray[np.uint8]:
    """Return images uint8 (n, 28, 28), black but for the pixel whose number is the class."""
    images = np.zeros((len(labels), 784), np.uint8)
    images[np.arange(len(labels)), labels] = 255
    return images.reshape(-1, 28, 28)


def write_spotted_model(
    path: Path,
    count: int,
    names: Sequence[str] | None = None,
    *,
    activation: str = "softmax",
) -> Path:
    """Write a model that tells so many classes apart, all of them with a confidence of over 0.99.

    `names` are what its file calls them; None for a file that says nothing.
    """
    kernel = (20 * np.eye(784, count)).astype(np.float32)
    bias = np.full(count, -10 if activation == "sigmoid" else 0, np.float32)
    record = None if names is None else {"class_names": [*names]}
    write_linear_model(path, (kernel, bias), activation=activation, record=record)
    return path
