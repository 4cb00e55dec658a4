"""The gallery: images to look at, by true and predicted digit.

Of wrong rows these are the most confident, of right ones the least confident; of rows without a
label the least confident of each predicted digit.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mnist_batch.schema import Grey


@dataclass(frozen=True, eq=False)
class GalleryImage:
    """A row with its images.

    Attributes:
        index: the row's place in the whole stream, from 0.
        source: the file, as in the predictions.
        row: the row in the source.
        label: the true digit; None without a label.
        prediction: the predicted digit.
        confidence: of the prediction, 0 to 1; None where the file gives none.
        prepared: whether the image was brought to MNIST form.
        image: uint8 (28, 28), as the network saw it; None where the images are not at hand.
        original: a grey picture uint8 (h, w) of what was read, reduced to at most 64 pixels on its
            longer side; None unless the image was prepared and what was read is at hand.
    """

    index: int
    source: str
    row: int
    label: int | None
    prediction: int
    confidence: float | None
    prepared: bool
    image: NDArray[np.uint8] | None
    original: Grey | None


@dataclass(frozen=True, eq=False)
class GalleryCell:
    """Rows of one true and one predicted digit.

    Attributes:
        label: the true digit; None for rows without a label.
        prediction: the predicted digit.
        rows: how many rows there are.
        images: those chosen, in the order of the gallery: wrong ones the most confident first,
            right and unlabelled ones the least confident first.
    """

    label: int | None
    prediction: int
    rows: int
    images: Sequence[GalleryImage]
