"""Bring images to MNIST form, or tell that they have it: light strokes on black, centred.

MNIST form is a digit in a box of 20x20 that it fills on its longer side, placed so that its centre
of mass is the image's centre: https://yann.lecun.org/exdb/mnist/. All 70,000 images of MNIST have a
box of at most 20x20 and a centre of mass at most 0.52 pixels from (14, 14), counted in pixel
indices from 0.

Images in that form pass as they are. Those that are only inverted, on a background that is not
quite black, or off centre are changed by NumPy. All others are extracted by OpenCV (`extraction`).
"""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch import _kernels
from mnist_batch.decoding.decode import DecodedBatch, Fit, FoundDigit, decode_batch, fit_each
from mnist_batch.machine.failures import loading
from mnist_batch.mnist import BOX, CENTRE, PIXELS, SIDE
from mnist_batch.options import Prepare, Several
from mnist_batch.preprocessing.splitting import ink_box, split_into_rows
from mnist_batch.preprocessing.thumbnail import thumbnail
from mnist_batch.schema import Grey, ImageBatch, Images, Reason, error_text

SLACK = 0.55
"""Pixels by which the centre of mass may be off, down and across: half of one, since digits move by
whole pixels, and rounding; MNIST's own are off by 0.52 at most."""
_FAINT_BACKGROUND = 48
"""Grey level below which a background is cleaned; JPEG of quality 30 leaves nearly as much around
strokes."""
_SMALLER_BOX = BOX - 1
"""Pixels of a digit's longer side at least; a smaller one is extracted, and so enlarged."""


@dataclass(frozen=True)
class Prepared:
    """The digit of a picture."""

    image: Images | None  # uint8 (28, 28) in MNIST form; None where no digit was found
    dark_ink: bool  # whether strokes are darker than the background
    digits: int  # number of separate digits; the largest is the one in `image`
    lines: int = 1  # in which these stand


def prepare_batch(
    batch: ImageBatch,
    choice: Prepare = Prepare.AUTO,
    *,
    several: Several = Several.ERROR,
    with_thumbnails: bool = False,
) -> DecodedBatch:
    """Decode a batch and bring its images to MNIST form. No image raises, but for `MachineError`.

    Args:
        batch: as read.
        choice: `auto` changes the images that are not in MNIST form, `always` all of them, `never`
            none, but resizes images of another size.
        several: what becomes of a picture of several digits: a row with an error, or a row for
            each, see `DecodedBatch.split`. Images in MNIST form have one. With `never` nobody
            looks for several.
        with_thumbnails: make thumbnails of the pictures whose images are changed, as they were
            read.

    Returns:
        The batch, `prepared` true where an image was changed. One without a digit has an error.
    """
    decoded = _prepared(batch, choice, _FITS[several], with_thumbnails=with_thumbnails)
    return split_into_rows(decoded) if several is Several.SPLIT else decoded


def _prepared(
    batch: ImageBatch, choice: Prepare, fit: Fit, *, with_thumbnails: bool
) -> DecodedBatch:
    """Do what `prepare_batch` does, before pictures are split into rows."""
    reduce = thumbnail if with_thumbnails else None
    if choice is Prepare.NEVER:
        return decode_batch(batch, reduce=reduce)
    decoded = decode_batch(batch, fit, reduce)
    if choice is Prepare.AUTO and batch.formed:
        return decoded
    rest = decoded.error.is_null().to_numpy(zero_copy_only=False)
    if isinstance(batch.images, pa.Array) or batch.formed:
        rest &= ~decoded.prepared
    if choice is Prepare.AUTO:
        rest &= ~in_mnist_form(decoded.images)
    if not rest.any():
        return decoded
    unchanged = decoded.images if with_thumbnails else None
    changed = _with_prepared(decoded, np.flatnonzero(rest), choice, fit)
    return replace(changed, unchanged=unchanged)


def _with_prepared(
    decoded: DecodedBatch, places: npt.NDArray[np.int64], choice: Prepare, fit: Fit
) -> DecodedBatch:
    """Return a batch with the images at some places brought to MNIST form."""
    images, prepared = decoded.images.copy(), decoded.prepared.copy()
    if choice is Prepare.AUTO:
        images[places], formed = inverted_or_cleaned(images[places])
        prepared[places[formed]] = True
        places, fit = places[~formed], partial(_recentred_or, fit)
    changed = replace(decoded, images=images, prepared=prepared)
    return fit_each(changed, places, images[places], fit)


def _recentred_or(fit: Fit, image: Images) -> Images | Sequence[FoundDigit] | str | None:
    """Return an image in MNIST form: merely moved, inverted and cleaned where that is enough."""
    negative = 255 - image
    for candidate in (image, negative, cleaned(image), cleaned(negative)):
        if (moved := recentred(candidate)) is not None:
            return moved if fit is _the_digit else [FoundDigit(moved, ink_box(candidate))]
    return fit(image)


def _the_digit(picture: Grey) -> Images | str | None:
    """Return the digit of a picture, or why there is not one."""
    found = to_mnist_form(picture)
    if found.digits > 1 and not _is_formed(picture):
        where = f"in {found.lines} lines" if found.lines > 1 else "side by side"
        return error_text(Reason.SEVERAL_DIGITS, f"{found.digits} {where}")
    return found.image


def _all_digits(picture: Grey) -> Sequence[FoundDigit] | None:
    """Return the digits of a picture in reading order; None without one."""
    if _is_formed(picture):
        image = to_mnist_form(picture).image
        return None if image is None else [FoundDigit(image, ink_box(picture))]
    with _opencv:
        from mnist_batch.preprocessing.extraction import extract_digits

        return [FoundDigit(fitted(ink), box) for ink, box in extract_digits(picture)] or None


_FITS: Mapping[Several, Fit] = {Several.ERROR: _the_digit, Several.SPLIT: _all_digits}


def _is_formed(picture: Grey) -> bool:
    """Tell whether a picture is an image in MNIST form, which `always` prepares too."""
    return picture.shape == (SIDE, SIDE) and bool(in_mnist_form(picture[None])[0])


def to_mnist_form(picture: Grey) -> Prepared:
    """Find the digit in a picture, of any size from 1x1, and bring it to MNIST form."""
    with _opencv:
        from mnist_batch.preprocessing.extraction import extract_digit

        found = extract_digit(picture)
    image = None if found.ink is None else fitted(found.ink)
    return Prepared(image, found.dark_ink, found.digits, found.lines)


def fitted(ink: npt.NDArray[np.float32]) -> Images:
    """Return a digit's ink, float32 (h, w), 0 none to 1 all, in MNIST form, uint8 (28, 28).

    Its proportions stay, its longer side fills the box, and it moves by whole pixels. Where a light
    end would then lie outside of the image, the box is smaller. There has to be some ink.
    """
    with _opencv:
        from mnist_batch.preprocessing.extraction import size_normalized

        image, side = None, BOX
        while image is None:  # with half of the image's side, there is room for any centre
            image = _centred(_cropped(size_normalized(ink, side)))
            side -= 1
    return image


class _OpenCV:
    """A context, for any number of threads, in which OpenCV is there and runs on one thread.

    The workers use all cores already, and pictures of working size are small: threads of its own
    took a tenth more of the processors' time. The setting belongs to the whole process, so the
    first thread to enter makes it and the last one to leave takes it back.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = self._threads = 0

    def __enter__(self) -> None:
        _load_opencv()
        import cv2

        with self._lock:
            if self._inside == 0:
                self._threads = cv2.getNumThreads()
                cv2.setNumThreads(1)
            self._inside += 1  # only now: whoever fails to enter does not leave

    def __exit__(self, *_: object) -> None:
        import cv2

        with self._lock:
            self._inside -= 1
            if self._inside == 0:
                cv2.setNumThreads(self._threads)


_opencv = _OpenCV()


@cache
def _load_opencv() -> None:
    """Import OpenCV, which takes 0.1 s; where it fails, that says nothing about a picture."""
    with loading("OpenCV"):
        import mnist_batch.preprocessing.extraction  # noqa: F401 - see above


def in_mnist_form(images: Images) -> npt.NDArray[np.bool_]:
    """Tell which images, uint8 (n, 28, 28), have MNIST form: bool (n,).

    The ink, which is all pixels but black, lies in a box of at most `BOX` rows and columns, and its
    centre of mass within `SLACK` of (`CENTRE`, `CENTRE`). A black image has no ink and no form.
    """
    if _kernels.ready():
        from mnist_batch._kernels.images import check_form

        formed = np.empty(len(images), np.bool_)
        check_form(np.ascontiguousarray(images.reshape(-1, PIXELS)), BOX, CENTRE, SLACK, formed)
        return formed
    # One matrix product of whole numbers, exact in float32: at most 27 * 784 * 255 < 2**24.
    sums = images.reshape(-1, PIXELS).astype(np.float32) @ _SUMS
    mass, down, across = sums[:, 0], sums[:, 1], sums[:, 2]
    in_rows, in_columns = sums[:, 3 : 3 + _BOXES], sums[:, 3 + _BOXES :]
    boxed = (in_rows.max(axis=1) == mass) & (in_columns.max(axis=1) == mass)
    off = np.maximum(np.abs(down - CENTRE * mass), np.abs(across - CENTRE * mass))
    return np.asarray(boxed & (off <= SLACK * mass) & (mass > 0))


def mean_pixels(images: Images) -> npt.NDArray[np.float32]:
    """Return the mean pixel of each image, uint8 (n, 28, 28): float32 (n,), 0 to 255."""
    pixels = np.ascontiguousarray(images.reshape(-1, PIXELS))
    sums = np.empty(len(images), np.uint32)
    if _kernels.ready():
        from mnist_batch._kernels.images import sum_pixels

        sum_pixels(pixels, sums)
    else:
        pixels.sum(axis=1, dtype=np.uint32, out=sums)
    return sums.astype(np.float32) / np.float32(PIXELS)


_BOXES = SIDE - BOX + 1
"""Places of the box, down or across."""


def _sums() -> npt.NDArray[np.float32]:
    """Return the weights by which `in_mnist_form` sums pixels, float32 (784, 3 + 2 * `_BOXES`).

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


def inverted_or_cleaned(images: Images) -> tuple[Images, npt.NDArray[np.bool_]]:
    """Invert images, or clean their background, where that alone brings them to MNIST form.

    That is: exact negatives, and digits of MNIST's size in MNIST's place on a background that is
    not quite black, as JPEG leaves it, or not quite white. All at once, which is a thousand times
    as fast as to extract one by one.

    Args:
        images: uint8 (n, 28, 28), none in MNIST form.

    Returns:
        uint8 (n, 28, 28), and bool (n,): which are in MNIST form now; the others are unchanged.
    """
    changed, formed = images.copy(), np.zeros(len(images), np.bool_)
    negatives = 255 - images
    for candidates in (negatives, cleaned(images), cleaned(negatives)):
        new = ~formed & in_mnist_form(candidates)
        if candidates is not negatives:
            new &= _longer_sides(candidates) >= _SMALLER_BOX
        changed[new] = candidates[new]
        formed |= new
    return changed, formed


def cleaned(images: Images) -> Images:
    """Return images with a background that is nearly black made black."""
    return np.where(images < _FAINT_BACKGROUND, np.uint8(0), images)


def _longer_sides(images: Images) -> npt.NDArray[np.int64]:
    """Return the longer side of the box around each image's ink, int64 (n,)."""
    sides = []
    for axis in (1, 2):
        inked = images.max(axis=axis) > 0
        last = SIDE - inked[:, ::-1].argmax(axis=1)
        sides.append(np.where(inked.any(axis=1), last - inked.argmax(axis=1), 0))
    return np.maximum(*sides)


def recentred(image: Images) -> Images | None:
    """Return an image with its ink moved to the centre; None if that does not give MNIST form.

    It does for a digit of MNIST's size on pure black in another place. No pixel of it changes.
    """
    if not image.any():
        return None
    digit = _cropped(image)
    return _centred(digit) if _SMALLER_BOX <= max(digit.shape) <= BOX else None


def _cropped(picture: Grey) -> Grey:
    """Return the smallest part of a picture with all of its ink; there has to be some."""
    rows, columns = np.flatnonzero(picture.any(axis=1)), np.flatnonzero(picture.any(axis=0))
    return picture[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _centred(digit: Grey) -> Images | None:
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
