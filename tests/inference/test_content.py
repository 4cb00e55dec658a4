"""The hash of an image's bytes."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.inference.content import content_hashes
from mnist_batch.schema import ImageBatch, Images


def _batch(images: pa.Array | Images, error: list[str | None]) -> ImageBatch:
    count = len(error)
    return ImageBatch(
        source=pa.array(["a"] * count),
        row=pa.array(range(count), pa.int64()),
        label=pa.nulls(count, pa.int8()),
        images=images,
        error=pa.array(error, pa.string()),
    )


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
@pytest.mark.parametrize("length", [5000, 10_000_000])
def test_it_is_of_the_bytes_as_read(kind: pa.DataType, length: int) -> None:
    """Whatever they are; an image that is not there has none."""
    contents = [b"", b"no image", None, b"x" * length]
    hashes = content_hashes(_batch(pa.array(contents, kind), [None, None, "no bytes", None]))
    assert hashes.type == pa.string()
    assert hashes.to_pylist() == [
        None if content is None else hashlib.sha256(content).hexdigest()[:32]
        for content in contents
    ]


def test_it_is_of_raw_pixels_row_by_row() -> None:
    """Also where the array is a slice of another, and none of a row that could not be read."""
    images = np.random.default_rng(0).integers(0, 256, (6, 28, 28), np.uint8)[::2]
    hashes = content_hashes(_batch(images, [None, "bad pixels", None])).to_pylist()
    expected = [hashlib.sha256(image.tobytes()).hexdigest()[:32] for image in images]
    assert hashes == [expected[0], None, expected[2]]
