"""Images of ink, how strong each pixel is, to test what the digit is."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from mnist_batch.preprocessing.segmentation import Digit, find_digit
from mnist_batch.synthetic.generator import draw_digit

Pixels = NDArray[np.uint8]

INK = 180
"""How strong the ink of the digits here is, of 255."""


def written(digit: int, side: int = 112, *, seed: int = 0) -> Pixels:
    """Return the strength of a digit's ink; the digit is 20/28 of `side` high or wide."""
    image = Image.fromarray(draw_digit(digit, np.random.default_rng(seed)))
    large = np.asarray(image.resize((side, side), Image.Resampling.BICUBIC))
    return np.asarray(large * (INK / 255), np.uint8)


def sheet(*digits: tuple[Pixels, int, int], shape: tuple[int, int] = (200, 240)) -> Pixels:
    """Return an empty sheet with digits, each at a row and column of its corner."""
    strength = np.zeros(shape, np.uint8)
    for digit, top, left in digits:
        part = strength[top : top + len(digit), left : left + digit.shape[1]]
        np.maximum(part, digit, out=part)
    return strength


def found(strength: Pixels, noise: float = 0.0) -> Digit:
    """Return the digit of a sheet that has one."""
    digit = find_digit(strength, noise)
    assert digit is not None
    assert set(np.unique(digit.mask)) == {0, 1}
    return digit


def overlap(mask: Pixels, strength: Pixels) -> float:
    """Return the share of a mask that is ink, and of ink that is in the mask: the lesser."""
    inside, ink = mask > 0, strength > INK / 2
    return float(
        min((inside & ink).sum() / ink.sum(), (inside & (strength > 0)).sum() / inside.sum())
    )
