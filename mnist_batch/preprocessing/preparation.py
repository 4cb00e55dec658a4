"""The form that MNIST's images have: whether an image has it, and bringing a digit into it.

Light strokes on black, in a box of 20x20 that the digit fills on its longer side, placed so that
the centre of mass is the image's centre: https://yann.lecun.org/exdb/mnist/. All 70,000 images of
MNIST have a box of at most 20x20 and a centre of mass at most 0.52 pixels from (14, 14), counted
in pixel indices from 0.
"""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch import _kernels
from mnist_batch.decoding.decode import DecodedBatch, decode_batch, fit_or_error
from mnist_batch.mnist import BOX, CENTRE, PIXELS, SIDE
from mnist_batch.options import Prepare
from mnist_batch.schema import Grey, ImageBatch, Images

SLACK = 0.55
"""Pixels by which it may be off, down and across: half of one by whole pixels, and rounding."""

_Number = TypeVar("_Number", bound=np.generic)


def in_mnist_form(images: Images) -> npt.NDArray[np.bool_]:
    """Tell which images have MNIST's form.

    The ink, which is all pixels but black, lies in a box of at most `BOX` rows and columns, and its
    centre of mass within `SLACK` of (`CENTRE`, `CENTRE`). A black image has no ink and no form.

    Args:
        images: uint8 (n, 28, 28), 0 black to 255 white.

    Returns:
        bool (n,).
    """
    if _kernels.ready():
        from mnist_batch._kernels.images import check_form

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


@dataclass(frozen=True)
class Prepared:
    """A picture, looked at.

    Attributes:
        image: the digit, uint8 (28, 28) in MNIST form; None where no digit was found.
        dark_ink: whether the strokes are darker than what they lie on.
        digits: how many separate digits there are; the largest is the one in `image`.
    """

    image: Images | None
    dark_ink: bool
    digits: int


def prepare_batch(batch: ImageBatch, choice: Prepare = Prepare.AUTO) -> DecodedBatch:
    """Decode a batch and bring its images to MNIST form. No image raises.

    Args:
        batch: as read.
        choice: `auto` changes the images that are not in MNIST form, `always` all of them, `never`
            none: there an image of another size is resized, and no more.

    Returns:
        The batch, `prepared` true where an image was changed. One without a digit has an error.
    """
    if choice is Prepare.NEVER:
        return decode_batch(batch)
    decoded = decode_batch(batch, _digit_of)
    rest = decoded.error.is_null().to_numpy(zero_copy_only=False)
    encoded = isinstance(batch.images, pa.Array)
    if encoded or batch.formed:
        rest &= ~decoded.prepared
    if choice is Prepare.AUTO:
        if batch.formed:
            return decoded
        rest &= ~in_mnist_form(decoded.images)
    if not rest.any():
        return decoded
    return _with_prepared(decoded, np.flatnonzero(rest), choice)


def to_mnist_form(picture: Grey) -> Prepared:
    """Find the digit in a picture and bring it to MNIST form.

    Args:
        picture: uint8 (h, w), 0 black to 255 white, of any size from 1x1.
    """
    from mnist_batch.preprocessing.extraction import extract_digit  # imports OpenCV, 0.1 s

    found = extract_digit(picture)
    image = None if found.ink is None else fitted(found.ink)
    return Prepared(image, found.dark_ink, found.digits)


def fitted(ink: npt.NDArray[np.float32]) -> Images:
    """Return a digit in MNIST form.

    Its proportions stay, its longer side fills the box, and it moves by whole pixels. Where a light
    end would then lie outside of the image, the box is smaller.

    Args:
        ink: the digit float32 (h, w), 0 no ink to 1 all; nothing else, and not empty.

    Returns:
        uint8 (28, 28).
    """
    from mnist_batch.preprocessing.extraction import scaled

    image, side = None, BOX
    while image is None:  # with half of the image's side, there is room for any centre
        grey = scaled(ink, side)
        image = _centred(_cropped(grey, grey > 0))
        side -= 1
    return image


def _digit_of(picture: Grey) -> Images | None:
    return to_mnist_form(picture).image


def _with_prepared(
    decoded: DecodedBatch, places: npt.NDArray[np.int64], choice: Prepare
) -> DecodedBatch:
    """Return a batch with the images at some places brought to MNIST form."""
    images, prepared = decoded.images.copy(), decoded.prepared.copy()
    if choice is Prepare.AUTO:
        images[places], formed = nearly_formed(images[places])
        prepared[places[formed]] = True
        places = places[~formed]
    texts = None
    for place in places:
        image = fit_or_error(
            _moved_or_digit if choice is Prepare.AUTO else _digit_of, images[place]
        )
        if isinstance(image, str):
            texts = texts or decoded.error.to_pylist()
            texts[place] = image
        prepared[place] = not isinstance(image, str)
        images[place] = 0 if isinstance(image, str) else image
    error = decoded.error if texts is None else pa.array(texts, pa.string())
    return DecodedBatch(images, prepared, error)


def _moved_or_digit(image: Images) -> Images | None:
    moved = _moved(image)
    return _digit_of(image) if moved is None else moved


def _moved(image: Images) -> Images | None:
    """Return an image, or its negative, moved to the centre, if that is all it needs."""
    pictures = (image, 255 - image)
    moved = (recentred(one) for one in (*pictures, *map(cleaned, pictures)))
    return next((one for one in moved if one is not None), None)
