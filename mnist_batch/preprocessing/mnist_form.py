"""The form that MNIST's images have: whether an image has it, and bringing a digit into it.

Light strokes on black, in a box of 20x20 that the digit fills on its longer side, placed so that
the centre of mass is the image's centre: https://yann.lecun.org/exdb/mnist/. All 70,000 images of
MNIST have a box of at most 20x20 and a centre of mass at most 0.52 pixels from (14, 14), counted
in pixel indices from 0.
"""

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mnist_batch._kernels import loading
from mnist_batch.mnist import BOX, CENTRE, PIXELS, SIDE
from mnist_batch.schema import Images

SLACK = 0.55
"""Pixels by which it may be off, down and across: half of one by whole pixels, and rounding."""

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
    if loading.ready():
        from mnist_batch._kernels.mnist_form import check_form

        formed = np.empty(len(images), np.bool_)
        # Of one type always: for Numba memory that may be written is another.
        pixels = images.reshape(-1, PIXELS)[:]
        pixels.flags.writeable = False
        check_form(pixels, BOX, CENTRE, SLACK, formed)
        return formed
    # One matrix product of whole numbers, exact in float32: at most 27 * 784 * 255 < 2**24.
    sums = images.reshape(-1, PIXELS).astype(np.float32) @ _SUMS
    mass, down, across = sums[:, 0], sums[:, 1], sums[:, 2]
    in_rows, in_columns = sums[:, 3 : 3 + _BOXES], sums[:, 3 + _BOXES :]
    boxed = (in_rows.max(axis=1) == mass) & (in_columns.max(axis=1) == mass)
    centred = (np.abs(down - CENTRE * mass) <= SLACK * mass) & (
        np.abs(across - CENTRE * mass) <= SLACK * mass
    )
    return np.asarray(boxed & centred & (mass > 0))


_BOXES = SIDE - BOX + 1
"""Places of the box, down or across."""


def _sums() -> npt.NDArray[np.float32]:
    """Return what the pixels are summed with, float32 (784, 3 + 2 * `_BOXES`).

    Columns: the ink, the ink times its row, times its column, the ink in each box of rows and in
    each box of columns.
    """
    row, column = (places.reshape(-1) for places in np.indices((SIDE, SIDE)))
    boxes = np.arange(_BOXES)[:, None]
    in_rows = (row >= boxes) & (row < boxes + BOX)
    in_columns = (column >= boxes) & (column < boxes + BOX)
    sums = np.vstack([np.ones(PIXELS), row, column, in_rows, in_columns])
    return np.ascontiguousarray(sums.T, np.float32)


_SUMS = _sums()


def nearly_formed(images: Images) -> tuple[Images, npt.NDArray[np.bool_]]:
    """Bring images to MNIST form that need no more than to be turned dark for light, or cleaned.

    That is: exact negatives, and digits of MNIST's size in MNIST's place whose ground is not quite
    black, as JPEG leaves it, or not quite white. All at once, so a thousand times as fast as one by
    one with all that a photograph needs.

    Args:
        images: uint8 (n, 28, 28), none in MNIST form.

    Returns:
        uint8 (n, 28, 28); and bool (n,), which of them are in MNIST form now. The others are as
        they were.
    """
    changed, formed = images.copy(), np.zeros(len(images), np.bool_)
    negatives = 255 - images
    for candidates in (negatives, cleaned(images), cleaned(negatives)):
        new = ~formed & in_mnist_form(candidates)
        if candidates is not negatives:  # a digit that is too small has to be found and enlarged
            new &= _longer_sides(candidates) >= BOX - 1
        changed[new] = candidates[new]
        formed |= new
    return changed, formed


_FAINT_GROUND = 48
"""Grey up to which a ground is cleaned; JPEG of quality 30 leaves nearly as much around strokes."""


def cleaned(images: Images) -> Images:
    """Return images with a ground that is nearly black made black."""
    return np.where(images < _FAINT_GROUND, np.uint8(0), images)


def _longer_sides(images: Images) -> npt.NDArray[np.int64]:
    """Return the longer side of the box around each image's ink, int64 (n,)."""
    sides = []
    for axis in (1, 2):
        inked = images.max(axis=axis) > 0
        last = SIDE - inked[:, ::-1].argmax(axis=1)
        sides.append(np.where(inked.any(axis=1), last - inked.argmax(axis=1), 0))
    return np.maximum(*sides)


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
    return _centred(digit) if BOX - 1 <= max(digit.shape) <= BOX else None


def fitted(ink: Ink) -> Images:
    """Return a digit in MNIST form.

    It is shrunk or enlarged, keeping its proportions, until its longer side fills the box, and
    moved by whole pixels. Where a light end would then lie outside of the image, the box is
    smaller.

    Args:
        ink: the digit; nothing else, and not empty.

    Returns:
        uint8 (28, 28).
    """
    import cv2  # it takes 0.1 s

    digit = _cropped(ink, ink > _EDGE)
    rows, columns = digit.shape
    image, side = None, BOX
    while image is None:  # with half of the image's side, there is room for any centre
        scale = side / max(rows, columns)
        size = max(1, round(columns * scale)), max(1, round(rows * scale))
        # Shrunk by area: so MNIST's own grey came from black and white.
        how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
        small = cv2.resize(digit, size, interpolation=how)
        grey = np.rint(255 * np.clip(small / small.max(), 0, 1)).astype(np.uint8)
        grey[grey < _LEAST_GREY] = 0
        image = _centred(_cropped(grey, grey > 0))
        side -= 1
    return image


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
