"""Pictures of digits that are not in MNIST form."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_batch.synthetic import generator


def write_other_pictures(folder: Path) -> NDArray[np.uint8]:
    """Write digits in MNIST form, moved, dark, dark and large, and none; return what they were.

    Moved and dark digits are known bit for bit when they are brought to MNIST form: pixels only
    change places, or are inverted.
    """
    images, _ = generator.draw_digits(4, seed=3)
    folder.mkdir()
    rows, columns = (np.flatnonzero(images[1].any(axis=axis)) for axis in (1, 0))
    moved = np.roll(images[1], (-rows[0], -columns[0]), axis=(0, 1))  # into the corner
    for name, image in {
        "0 formed": images[0],
        "1 moved": moved,
        "2 dark": 255 - images[2],
        "3 large": np.kron(255 - images[3], np.ones((2, 2), np.uint8)),
        "4 blank": np.full((30, 40), 200, np.uint8),
    }.items():
        Image.fromarray(image).save(folder / f"{name}.png")
    return images
