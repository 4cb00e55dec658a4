"""Stand-in."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy import ndimage

from mnist_batch.shards import Images


@dataclass(frozen=True)
class Prepared:
    """A picture, looked at."""

    image: Images | None
    dark_ink: bool
    digits: int


def in_mnist_form(images: Images) -> npt.NDArray[np.bool_]:
    """Tell which images are in MNIST form."""
    result = np.zeros(len(images), np.bool_)
    for place, image in enumerate(images):
        ys, xs = np.nonzero(image)
        if not len(ys) or max(np.ptp(ys), np.ptp(xs)) >= 20:
            continue
        weights = image[ys, xs].astype(float)
        centre = np.average(ys, weights=weights), np.average(xs, weights=weights)
        result[place] = max(abs(centre[0] - 14), abs(centre[1] - 14)) <= 0.55
    return result


def to_mnist_form(picture: npt.NDArray[np.uint8]) -> Prepared:
    """Find the digit in a picture."""
    border = np.concatenate([picture[0], picture[-1], picture[:, 0], picture[:, -1]])
    dark_ink = bool(np.median(border) > picture.mean())
    strength = 255 - picture if dark_ink else picture
    ink = strength > int(strength.min()) + 100
    found, _ = ndimage.label(ink, np.ones((3, 3)))
    sizes = np.bincount(found.ravel())[1:]
    digits = int((sizes > 0.2 * sizes.max(initial=1)).sum())
    if not digits:
        return Prepared(None, dark_ink, 0)
    small = Image.fromarray(strength).resize((28, 28))
    return Prepared(np.asarray(small), dark_ink, digits)
