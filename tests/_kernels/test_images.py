"""What the compiled code decodes is what plain Python does."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from mnist_batch.decoding.decode import decode_batch, decode_image, resized
from mnist_batch.schema import ImageBatch
from tests.support.png_files import compressed, file_of, filtered

pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning"),
    pytest.mark.usefixtures("each_library"),
]


def png(seed: int) -> bytes:
    """Return an image like MNIST's."""
    image = np.random.default_rng(seed).integers(0, 256, (28, 28), dtype=np.uint8)
    return file_of(compressed(filtered(image, [seed % 5] * 28)))


def batch_of(images: pa.Array, error: pa.Array) -> ImageBatch:
    """Return a batch of encoded images."""
    rows = pa.array(range(len(images)), pa.int64())
    return ImageBatch(rows.cast(pa.string()), rows, pa.nulls(len(rows), pa.int8()), images, error)


def as_each(content: bytes | None, error: str | None) -> tuple[bytes, bool, str | None]:
    """Return pixels, whether they were resized, and error of an image on its own, by Pillow."""
    result = error or decode_image(content or b"")
    if isinstance(result, str):
        return bytes(784), False, result
    return resized(result).tobytes(), result.shape != (28, 28), None


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()], ids=str)
def test_a_mixed_batch_is_decoded_row_by_row_as_alone(kind: pa.DataType, tmp_path: Path) -> None:
    """Images like MNIST's, others, damaged ones and nulls, whole and cut out of a longer array."""
    Image.new("RGB", (40, 30), "teal").save(tmp_path / "a.jpg")
    unknown_filter = bytearray(filtered(np.full((28, 28), 9, np.uint8), [0] * 28))
    unknown_filter[20 * 29] = 7
    contents = [
        png(0), (tmp_path / "a.jpg").read_bytes(), None, png(1)[:-20], b"", png(3), b"text", png(4),
        file_of(compressed(bytes(unknown_filter))), png(5),
    ]  # fmt: skip
    errors = [None if content else "missing file" for content in contents]
    images, error = pa.array(contents, kind), pa.array(errors, pa.string())
    for start, stop in ((0, 10), (2, 9), (5, 6)):
        found = decode_batch(batch_of(images[start:stop], error[start:stop]))
        expected = [as_each(*row) for row in zip(contents, errors, strict=True)][start:stop]
        assert [image.tobytes() for image in found.images] == [row[0] for row in expected]
        assert found.prepared.tolist() == [row[1] for row in expected]
        assert found.error.to_pylist() == [row[2] for row in expected]
