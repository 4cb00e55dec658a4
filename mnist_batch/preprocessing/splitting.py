"""Split a batch of pictures into rows of one digit each."""

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.decoding.decode import DecodedBatch, Split
from mnist_batch.schema import BOX, DIGIT, Box, Images

_Places = npt.NDArray[np.int64]


def split_into_rows(batch: DecodedBatch) -> DecodedBatch:
    """Return a batch with a row for each digit of a picture, in the order of `batch.digits`.

    A picture that was not searched for digits, since it is in MNIST form or nearly so, is one row;
    its box is that of its ink. So is a picture without a digit, or one that could not be read: its
    number and its box are null.
    """
    counts = np.ones(len(batch.images), np.int64)
    for place, digits in batch.digits.items():
        counts[place] = len(digits)
    parents = np.repeat(np.arange(len(counts)), counts)
    starts = np.cumsum(counts) - counts
    images, boxes = batch.images[parents], ink_boxes(batch.images)[parents]
    thumbnails = {int(starts[place]): one for place, one in batch.thumbnails.items()}
    for place, digits in batch.digits.items():
        for row, digit in enumerate(digits, int(starts[place])):
            images[row], boxes[row] = digit.image, digit.box
            if digit.thumbnail is not None:
                thumbnails[row] = digit.thumbnail
    error = batch.error.take(pa.array(parents))
    missing = error.is_valid()
    box = pa.FixedSizeListArray.from_arrays(
        pa.array(boxes.reshape(-1)), type=BOX.type, mask=missing
    )
    numbers = (np.arange(len(parents)) - starts[parents]).astype(np.int16)
    without = missing.to_numpy(zero_copy_only=False)
    return replace(
        batch,
        images=images,
        prepared=batch.prepared[parents],
        error=error,
        sizes=batch.sizes[parents],
        thumbnails=thumbnails,
        unchanged=None if batch.unchanged is None else batch.unchanged[parents],
        digits={},
        split=Split(parents, pa.array(numbers, DIGIT.type, mask=without), box, counts == 1),
    )


def ink_boxes(images: Images) -> npt.NDArray[np.int32]:
    """Return the box around each image's ink, int32 (n, 4): left, top, width and height.

    The images are uint8 (n, 28, 28), the ink all pixels but black; of a black one all are 0.
    """
    left, right = _ends(images.max(axis=1) > 0)
    top, bottom = _ends(images.max(axis=2) > 0)
    return np.stack([left, top, right - left, bottom - top], axis=1).astype(np.int32)


def ink_box(image: Images) -> Box:
    """Return the box around an image's ink, uint8 (28, 28)."""
    left, top, width, height = ink_boxes(image[None])[0].tolist()
    return left, top, width, height


def _ends(inked: npt.NDArray[np.bool_]) -> tuple[_Places, _Places]:
    """Return where the first true of each row is, and just behind the last; 0 and 0 without one."""
    some = inked.any(axis=1)
    first, last = inked.argmax(axis=1), inked.shape[1] - inked[:, ::-1].argmax(axis=1)
    return np.where(some, first, 0), np.where(some, last, 0)
