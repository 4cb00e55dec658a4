"""What tells equal images from others wherever they lie: a hash of their bytes."""

import hashlib

import numpy as np
import pyarrow as pa

from mnist_batch.mnist import PIXELS
from mnist_batch.schema import CONTENT, ImageBatch

_DIGITS = 32
"""Hexadecimal digits of a hash: 128 bits, of which no two images are alike by chance."""


_MOST_COPIED = 8 * 2**20
"""Bytes of a batch up to which all images are copied, which takes half of the time."""


def content_hashes(batch: ImageBatch) -> pa.Array:
    """Return the column `content` of rows: Arrow strings (n,), null where a row has no image.

    These are the first `_DIGITS` hexadecimal digits of the SHA-256 of the bytes of each image as
    read, or of its 784 raw pixels.
    """
    if isinstance(batch.images, pa.Array):
        few = batch.images.nbytes <= _MOST_COPIED
        # None for null, either way.
        contents = batch.images.to_pylist() if few else [one.as_buffer() for one in batch.images]
    else:
        readable = batch.error.is_null().to_pylist()
        pixels = np.ascontiguousarray(batch.images).reshape(-1, PIXELS)
        contents = [
            image.data if good else None for image, good in zip(pixels, readable, strict=True)
        ]
    hashes = [
        None if one is None else hashlib.sha256(one).hexdigest()[:_DIGITS] for one in contents
    ]
    return pa.array(hashes, CONTENT.type)
