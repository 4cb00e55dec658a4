"""Any picture of a digit to MNIST's form: paper and ink, screens, photographs.

The steps: the picture in one size, smoothed, polarity decided (`ink`); the ink's strength above its
ground (`ink`); ruled lines, specks, edges and other digits left out (`strokes`); the stroke's width
brought into the range of MNIST's; fitted and centred (`mnist_form`).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.decoding.decode import DecodedBatch, decode_batch, fit_or_error
from mnist_batch.mnist import BOX
from mnist_batch.options import Prepare
from mnist_batch.preprocessing.ink import Grey, View, ink_strength, quantile, view
from mnist_batch.preprocessing.masks import Mask, distance_to_edge, stroke_width
from mnist_batch.preprocessing.mnist_form import (
    Ink,
    cleaned,
    fitted,
    in_mnist_form,
    nearly_formed,
    recentred,
)
from mnist_batch.preprocessing.strokes import find_digit
from mnist_batch.schema import ImageBatch, Images


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


def to_mnist_form(picture: Grey) -> Prepared:
    """Find the digit in a picture and bring it to MNIST form.

    Args:
        picture: uint8 (h, w), 0 black to 255 white, of any size from 1x1.
    """
    seen = view(picture)
    found = _look(seen)
    if seen.doubtful and (found is None or found.at_border or seen.split):
        other = _look(seen.negative())
        if other is not None and (found is None or other.unlikely < found.unlikely):
            seen, found = seen.negative(), other
    if found is None:
        return Prepared(None, seen.dark_ink, 0)
    nearer = None
    if seen.scale < 1 and max(found.strength.shape) < _SMALL:
        nearer = _look(view(_around(picture, found, seen.scale)))
    return Prepared(_formed(nearer or found), seen.dark_ink, found.digits)


_SMALL = 80
"""A digit with fewer pixels than this is looked at again, from near by, where there are more."""


@dataclass(frozen=True)
class _Found:
    """A digit as it was found.

    Attributes:
        strength: how much ink each pixel of the digit's box holds, uint8 (h, w), 0 to 255.
        mask: which of them are the digit's.
        top: the box's first row in the view.
        left: its first column.
        digits: how many separate digits there are.
        at_border: whether it reaches a side of the view.
        breadth: of the broadest stroke, as a share of the digit's size.
    """

    strength: Grey
    mask: Mask
    top: int
    left: int
    digits: int
    at_border: bool
    breadth: float

    @property
    def unlikely(self) -> float:
        """How little it is like a digit: what lies between strokes, or around, is broad."""
        return self.breadth + _AT_BORDER * self.at_border


def _look(seen: View) -> _Found | None:
    """Return the digit of a view, if there is one.

    Twice: what the ground is depends on how wide strokes are. The first look allows for a very
    thick pen; then corners of a shadow may count as ink, which the second look leaves out.
    """
    import cv2  # it takes 0.1 s

    side = max(seen.grey.shape)
    reach = int(_WIDEST_STROKE * side) | 1
    strength, noise = ink_strength(seen, reach)
    digit = find_digit(strength, noise)
    if digit is None:
        return None
    widest = 2 * float(distance_to_edge(digit.mask).max())
    nearer = int(1.3 * widest + 0.04 * side) | 1
    if nearer < 0.75 * reach:
        again, noise = ink_strength(seen, nearer)
        if (second := find_digit(again, noise)) is not None:
            strength, digit = again, second
    left, top, width, height = cv2.boundingRect(digit.mask)
    box = slice(top, top + height), slice(left, left + width)
    return _Found(
        strength[box],
        digit.mask[box],
        top,
        left,
        digit.count,
        digit.at_border,
        breadth=2 * float(distance_to_edge(digit.mask).max()) / max(width, height),
    )


_AT_BORDER = 0.15
"""What reaching the border counts for, in shares of a digit's size by which strokes are broader."""

_WIDEST_STROKE = 0.35
"""Width of a stroke at most, as a share of the picture's longer side."""


def _around(picture: Grey, found: _Found, scale: float) -> Grey:
    """Return the part of a picture around a digit, half of its size beyond it on all sides."""
    height, width = found.strength.shape
    margin = max(height, width) / 2
    top, left = (max(0, int((place - margin) / scale)) for place in (found.top, found.left))
    bottom = int((found.top + height + margin) / scale) + 1
    right = int((found.left + width + margin) / scale) + 1
    return np.ascontiguousarray(picture[top:bottom, left:right])


def _formed(found: _Found) -> Images:
    """Return the digit in MNIST form: its contrast stretched, its stroke neither hair nor brush."""
    import cv2

    margin = max(2, max(found.strength.shape) // 10)  # for strokes that are made wider
    strength, mask = (
        cv2.copyMakeBorder(part, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=0)
        for part in (found.strength, found.mask)
    )
    white = max(1.0, float(quantile(np.asarray(strength, np.uint8)[mask > 0], 0.75)))
    # Up to a pixel beyond the mask, where edges fade out; what is faint is the ground's.
    ink = np.clip((strength / np.float32(white) - 0.15) / 0.7, 0, 1)
    ink *= cv2.dilate(mask, np.ones((3, 3), np.uint8))
    solid = (ink > 0.5).astype(np.uint8)
    *_, width, height = cv2.boundingRect(solid)
    return fitted(_with_width(ink, solid, max(width, height) / BOX))


_NARROWEST, _WIDEST = 2.0, 4.2
"""Width of strokes in pixels of MNIST form; MNIST's are 1.5 to 3.8 wide, nine of ten of them."""


def _with_width(ink: Ink, solid: Mask, pixel: float) -> Ink:
    """Return a digit whose strokes are as wide as MNIST's may be.

    Args:
        ink: the digit.
        solid: where it is more than half ink.
        pixel: side of a pixel of MNIST form, in pixels of `ink`.
    """
    width = stroke_width(solid) / pixel
    if width < _NARROWEST:
        return _grown(ink, (_NARROWEST - width) / 2 * pixel)
    if width > _WIDEST:
        # Less than all of it: a broad stroke has joints that would break.
        return 1 - _grown(1 - ink, 0.4 * (width - _WIDEST) * pixel)
    return ink


def _grown(ink: Ink, radius: float) -> Ink:
    """Return ink spread by some pixels on all sides, whole ones and a part of one."""
    import cv2

    def spread(pixels: int) -> Ink:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * pixels + 1, 2 * pixels + 1))
        return np.asarray(cv2.dilate(ink, disc), np.float32)

    whole = int(radius)
    less, more = spread(whole) if whole else ink, spread(whole + 1)
    return np.asarray(less + (more - less) * np.float32(radius - whole), np.float32)
