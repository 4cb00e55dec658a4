"""The form that MNIST's images have: whether an image has it, and bringing a digit into it.

Light strokes on black, in a box of 20x20 that the digit fills on its longer side, placed so that
the centre of mass is the image's centre: https://yann.lecun.org/exdb/mnist/. All 70,000 images of
MNIST have a box of at most 20x20 and a centre of mass at most 0.52 pixels from (14, 14), counted
in pixel indices from 0.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mnist_batch import kernels
from mnist_batch.pixels import PIXELS, SIDE
from mnist_batch.shards import Images

BOX = 20
"""Rows and columns that the ink may take."""

CENTRE = SIDE // 2
"""Row and column of the centre of mass, as an index from 0."""

SLACK = 0.55
"""Pixels by which it may be off, down and across: half of one by whole pixels, and rounding."""

_LEAST_BOX = 10
"""A digit that cannot be centred in a box of 20 gets a smaller one, down to this."""

_Number = TypeVar("_Number", bound=np.generic)

Ink = npt.NDArray[np.float32]
"""How much ink a pixel holds: float32 (h, w), 0 none to 1 all."""


def in_mnist_form(images: Images) -> npt.NDArray[np.bool_]:
    """Tell which images have MNIST's form.

    The ink, which is all pixels but black, lies in a box of at most `BOX` rows and columns, and its
    centre of mass within `SLACK` of (`CENTRE`, `CENTRE`). A black image has no ink and no form.

    Args:
        images: uint8 (n, 28, 28), 0 black to 255 white.

    Returns:
        bool (n,).
    """
    if kernels.ready():
        from mnist_batch.form_kernels import check_form

        formed = np.empty(len(images), np.bool_)
        # Of one type always: for Numba memory that may be written is another.
        pixels = images.reshape(-1, PIXELS)[:]
        pixels.flags.writeable = False
        check_form(pixels, BOX, CENTRE, SLACK, formed)
        return formed
    # One matrix product of whole numbers, exact in float32: at most 27 * 784 * 255 < 2**24.
    sums = _SUMS @ images.reshape(-1, PIXELS).T.astype(np.float32)
    mass, down, across = sums[0], sums[1], sums[2]
    boxed = (sums[3 : 3 + _BOXES].max(axis=0) == mass) & (sums[3 + _BOXES :].max(axis=0) == mass)
    centred = (np.abs(down - CENTRE * mass) <= SLACK * mass) & (
        np.abs(across - CENTRE * mass) <= SLACK * mass
    )
    return np.asarray(boxed & centred & (mass > 0))


_BOXES = SIDE - BOX + 1
"""Places of the box, down or across."""


def _sums() -> npt.NDArray[np.float32]:
    """Return what the pixels are summed with, float32 (3 + 2 * `_BOXES`, 784).

    Rows: the ink, the ink times its row, times its column, the ink in each box of rows and in each
    box of columns.
    """
    row, column = (places.reshape(-1) for places in np.indices((SIDE, SIDE)))
    boxes = np.arange(_BOXES)[:, None]
    in_rows = (row >= boxes) & (row < boxes + BOX)
    in_columns = (column >= boxes) & (column < boxes + BOX)
    return np.vstack([np.ones(PIXELS), row, column, in_rows, in_columns]).astype(np.float32)


_SUMS = _sums()


def recentred(image: npt.NDArray[np.uint8]) -> Images | None:
    """Return an image with its ink moved to the centre, not a pixel of it changed.

    That is all an image needs whose digit is of MNIST's size on pure black, but in another place.

    Args:
        image: uint8 (28, 28).

    Returns:
        uint8 (28, 28) in MNIST form; None where more has to be done.
    """
    inside = image > 0
    if not inside.any():
        return None
    digit = _cropped(image, inside)
    return _centred(digit) if max(digit.shape) == BOX else None


def fitted(ink: Ink) -> Images | None:
    """Return a digit in MNIST form.

    It is shrunk or enlarged, keeping its proportions, until its longer side fills the box, and
    moved by whole pixels. Where a light end would then lie outside of the image, the box is
    smaller.

    Args:
        ink: the digit; nothing else, and not empty.

    Returns:
        uint8 (28, 28); None where no box of `_LEAST_BOX` or more will do.
    """
    import cv2  # it takes 0.1 s

    digit = _cropped(ink, ink > _EDGE)
    rows, columns = digit.shape
    for side in range(BOX, _LEAST_BOX - 1, -1):
        scale = side / max(rows, columns)
        size = max(1, round(columns * scale)), max(1, round(rows * scale))
        # Shrunk by area: so MNIST's own grey came from black and white.
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(digit, size, interpolation=how)
        grey = np.rint(255 * np.clip(small / small.max(), 0, 1)).astype(np.uint8)
        grey[grey < _LEAST_GREY] = 0
        image = _centred(_cropped(grey, grey > 0))
        if image is not None:
            return image
    return None


_EDGE = 0.3
"""Ink from which on a pixel counts for the size of a digit: its edges fade out."""

_LEAST_GREY = 8
"""A fainter pixel is black, as nearly all of MNIST's ground is."""


def _cropped(picture: npt.NDArray[_Number], inside: npt.NDArray[np.bool_]) -> npt.NDArray[_Number]:
    """Return the smallest part of a picture with all that is inside; there has to be some."""
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _centred(digit: npt.NDArray[np.uint8]) -> Images | None:
    """Return an image with a digit's centre of mass in the middle; None where it has no room."""
    mass = digit.astype(np.float64)
    rows, columns = digit.shape
    down = mass.sum(axis=1) @ np.arange(rows) / mass.sum()
    across = mass.sum(axis=0) @ np.arange(columns) / mass.sum()
    top, left = round(CENTRE - down), round(CENTRE - across)
    if min(top, left) < 0 or top + rows > SIDE or left + columns > SIDE:
        return None
    image = np.zeros((SIDE, SIDE), np.uint8)
    image[top : top + rows, left : left + columns] = digit
    return image
