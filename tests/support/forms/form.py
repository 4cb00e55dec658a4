"""What a line of the table of forms promises, and the digits that all forms are made of."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_batch.options import ReadArguments

FOLDER = Path(__file__).parents[3] / "examples" / "digits"
FILES = sorted(FOLDER.glob("*/*.png"), key=lambda path: path.name)
IMAGES: NDArray[np.uint8] = np.stack([np.asarray(Image.open(path)) for path in FILES])
"""The 100 sample digits, in MNIST's form: uint8 (100, 28, 28)."""
LABELS = np.array([int(path.parent.name) for path in FILES])
"""What they show, int64 (100,)."""


@dataclass(frozen=True)
class Form:
    """A form of data, and what reading it gives.

    Attributes:
        make: writes the sample digits, or some of them, in this form into an empty folder, and
            returns the INPUT.
        reading: arguments of reading, as options of the command line.
        images: what has to be read, uint8 (n, 28, 28) in any order; None where they are only
            counted, as those that are resized.
        labels: the label of each of these images; None where there are none.
        error: the reason, the stable part of the column `error`, of each row that has one.
        refused: a part of the message, where all of it is refused.
    """

    make: Callable[[Path], Path]
    reading: ReadArguments | None = None
    images: NDArray[np.uint8] | None = field(default_factory=lambda: IMAGES)
    labels: NDArray[np.int64] | None = field(default_factory=lambda: LABELS)
    error: str | None = None
    refused: str | None = None

    @property
    def outcome(self) -> str:
        """How the second cell of its line begins."""
        if self.refused:
            return "refused"
        if self.error:
            return "rows with an error"
        return "read" if self.labels is not None else "read without labels"
