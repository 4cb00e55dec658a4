"""Pictures as rows of an input, for tests of what is made of them."""

import io

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from PIL import Image

from mnist_batch.schema import ImageBatch

Pixels = NDArray[np.uint8]


def batch_of(images: Pixels | list[bytes], **how: object) -> ImageBatch:
    """Return a batch of raw pixels or of encoded images."""
    count = len(images)
    return ImageBatch(
        source=pa.array(["here"] * count),
        row=pa.array(range(count), pa.int64()),
        label=pa.nulls(count, pa.int8()),
        images=pa.array(images, pa.binary()) if isinstance(images, list) else images,
        error=pa.nulls(count, pa.string()),
        **how,  # type: ignore[arg-type] # prepared, formed
    )


def encoded(pixels: Pixels, kind: str = "PNG") -> bytes:
    """Return a picture as a file."""
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, kind)
    return content.getvalue()
