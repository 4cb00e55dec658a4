"""Share of pictures that are brought to MNIST form and read correctly by the default model."""

from collections import Counter
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

import mnist_batch
from mnist_batch.preprocessing.mnist_form import to_mnist_form

Pixels = NDArray[np.uint8]


def read(pictures: Iterable[Pixels]) -> list[int | None]:
    """Return the digit read in each picture; None where no digit was found."""
    images = [to_mnist_form(picture).image for picture in pictures]
    found = [image for image in images if image is not None]
    if not found:
        return [None] * len(images)
    digits = iter(mnist_batch.load_model().probabilities(np.stack(found)).argmax(axis=1))
    return [None if image is None else int(next(digits)) for image in images]


def shares(pictures: Iterable[Pixels], labels: Iterable[int]) -> dict[str, float]:
    """Return the shares of pictures read `right` and `wrong`, and of those with `none` found."""
    counts = Counter(
        "none" if digit is None else "right" if digit == label else "wrong"
        for digit, label in zip(read(pictures), labels, strict=True)
    )
    return {name: counts[name] / counts.total() for name in ("right", "wrong", "none")}
