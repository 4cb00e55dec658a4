"""Images of 28x28 that are no handwriting: ten filled shapes, as Fashion-MNIST's clothes are."""

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
from PIL import Image

from mnist_batch.schema import Images


def patches(count: int, seed: int) -> tuple[Images, npt.NDArray[np.int64]]:
    """Return images uint8 (count, 28, 28) and their classes 0 to 9, in turn.

    Class k is a filled rectangle, light on black, up to the border, of a width and a height of its
    own, with one dark stripe; grey levels and edges vary.
    """
    rng = np.random.default_rng(seed)
    images, classes = np.zeros((count, 28, 28), np.uint8), np.arange(count) % 10
    for image, kind in zip(images, classes.tolist(), strict=True):
        width, height = 8 + 4 * (kind % 5), 10 if kind < 5 else 24
        left, top = max((28 - width) // 2 + int(rng.integers(-1, 2)), 0), (28 - height) // 2
        image[top : top + height, left : left + width] = rng.integers(120, 255)
        image[:, left + width // 3] //= 2
    return images, classes


def write_patches(path: Path, images: Images, labels: npt.NDArray[np.integer]) -> Path:
    """Write labelled images as PNG in Parquet."""
    contents = []
    for image in images:
        content = io.BytesIO()
        Image.fromarray(image).save(content, "PNG")
        contents.append(content.getvalue())
    pq.write_table(pa.table({"image": contents, "label": labels.astype(np.int64)}), path)
    return path
