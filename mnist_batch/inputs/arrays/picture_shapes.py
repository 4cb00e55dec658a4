"""What the axes of an array of images mean, and which array holds the labels of which."""

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.decoding.limits import MAX_PIXELS
from mnist_batch.mnist import SIDE

EXPECTED = (
    "expected numbers of shape (n, 28, 28), (n, 784), (n, 1, 28, 28), (n, 28, 28, 1), or pictures "
    "of another size, one after the other along the first axis"
)

_LEAST_SIDE = 8
"""Of pictures: scikit-learn's digits have 8x8. Of lines of pixels the side is the square root."""


@dataclass(frozen=True)
class Pictures:
    """Pictures of one size, one after the other.

    Attributes:
        count: how many there are.
        height, width: in pixels.
        colours: 1 for grey, 3 for red, green and blue.
        colours_first: whether these are the first axis of a picture, as in PyTorch.
    """

    count: int
    height: int
    width: int
    colours: int = 1
    colours_first: bool = False

    @property
    def raw(self) -> bool:
        """Whether they are of 28x28 grey pixels, as MNIST's."""
        return (self.height, self.width, self.colours) == (SIDE, SIDE, 1)

    @property
    def numbers(self) -> int:
        """How many numbers a picture has."""
        return self.height * self.width * self.colours

    def in_order(self, numbers: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """Return pictures (n, numbers) row by row, the colours of a pixel together."""
        if not self.colours_first:
            return numbers
        split = numbers.reshape(-1, self.colours, self.height, self.width)
        return split.transpose(0, 2, 3, 1).reshape(len(numbers), -1)


def pictures_of(shape: tuple[int, ...], dtype: np.dtype[Any]) -> Pictures | None:
    """Return the pictures that an array holds; None where it holds none, by its shape and type."""
    if dtype.kind not in "buif" or len(shape) < 2:
        return None
    found = _by_axes(shape)
    if found is None or min(found.height, found.width) < _LEAST_SIDE:
        return None
    return found if found.height * found.width <= MAX_PIXELS else None


def _by_axes(shape: tuple[int, ...]) -> Pictures | None:
    if len(shape) == 2 and shape[0] == shape[1] and shape != (SIDE**2, SIDE**2):
        return Pictures(1, *shape)
    if len(shape) == 2:
        # 784 rows of another length are pixels, and the pictures columns.
        return None if shape[0] == SIDE**2 != shape[1] else of_lines(shape)
    if len(shape) == 3:
        # Two equal sides come last: in front of another number they are those of MATLAB's.
        return None if shape[0] == shape[1] != shape[2] else Pictures(*shape)
    if len(shape) == 4 and shape[3] in (1, 3):
        return Pictures(shape[0], shape[1], shape[2], shape[3])
    if len(shape) == 4 and shape[1] in (1, 3):
        return Pictures(shape[0], shape[2], shape[3], shape[1], colours_first=shape[1] > 1)
    return None


def of_lines(shape: tuple[int, ...]) -> Pictures | None:
    """Return the square pictures whose pixels are the rows of an array; None where none are."""
    side = math.isqrt(shape[1])
    return Pictures(shape[0], side, side) if side * side == shape[1] else None


def label_names(images: str) -> Iterator[str]:
    """Yield the names that the labels of images may have, likely ones first.

    As `y_test` to `x_test` and `train-labels` to `train-images`.
    """
    for pattern in _ROLES:
        for found in reversed([*pattern.finditer(images)]):  # as of `emnist-digits-test-images`
            for word in _LABELS.get(found[1].lower(), _WORDS):
                yield images[: found.start(1)] + word + images[found.end(1) :]


def is_label_name(name: str) -> bool:
    """Tell whether an array is called as labels are."""
    return any(pattern.search(name) for pattern in _LABEL_ROLES)


def is_image_name(name: str) -> bool:
    """Tell whether an array is called as images are, or has the name that NumPy gives one."""
    return is_numbered(name) or any(pattern.search(name) for pattern in _ROLES)


def is_numbered(name: str) -> bool:
    """Tell whether an array is called by its place, as NumPy's `savez` calls those without name."""
    return re.fullmatch(r"arr_[0-9]+", name) is not None


_IMAGE_WORDS = "x|images?|imgs?|data|features?|inputs?|pixels|samples|digits"
_LABEL_WORDS = "y|labels?|targets?|class|classes"
_SPLIT_WORDS = "train|test|val"


def _roles(words: str) -> list[re.Pattern[str]]:
    """Return the patterns that find one of some words in a name, as `x` in `x_test` or `testX`."""
    letter = words[0]
    return [
        re.compile(rf"(?<![a-z])({words})(?![a-z])", re.IGNORECASE),
        re.compile(rf"^({letter})(?={_SPLIT_WORDS})", re.IGNORECASE),
        re.compile(rf"(?:{_SPLIT_WORDS})({letter.upper()}|{words[2:].title()})$"),
    ]


_ROLES, _LABEL_ROLES = _roles(_IMAGE_WORDS), _roles(_LABEL_WORDS)

_WORDS = ("labels", "label", "y", "Y", "targets", "target", "Labels", "Y_")
_LABELS = {
    "x": ("y", "Y", "labels", "label", "target"),
    "image": ("label", "labels", "y"),
    "img": ("label", "labels", "y"),
    "data": ("target", "labels", "label", "targets", "y"),
}
"""What labels are called, by what the images beside them are called."""
