"""What the compiled code reads and decodes is what plain Python does."""

import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image

from mnist_batch._kernels.images import MAX_BYTES, read_files
from mnist_batch.decoding.decode import decode_batch, decode_image, resized
from mnist_batch.inputs.image_files import ImageFileShard
from mnist_batch.inputs.shards import BATCH_BYTES
from mnist_batch.schema import ImageBatch
from tests.support.png_files import compressed, file_of, filtered

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning", "ignore::RuntimeWarning")


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


def test_files_are_read_as_they_are(tmp_path: Path) -> None:
    """Small, empty, large and missing files, a folder, a pipe, a name that is not UTF-8."""
    sizes = {"a.png": 1, "b.png": 300, "c.png": 0, "d.png": MAX_BYTES - 1, "e.png": MAX_BYTES,
             "f.png": 3 * MAX_BYTES, os.fsdecode(b"\xff.png"): 700}  # fmt: skip
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(os.urandom(size))
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    names = [*sizes, "missing.png", "folder.png", "pipe.png", "null\0.png"]
    paths = [str(tmp_path / name) for name in names]
    for batch_size in (1, 3, 100):
        batches = list(read(paths, names, batch_size))
        contents = [content for batch in batches for content in contents_of(batch)]
        errors = [error for batch in batches for error in batch.error.to_pylist()]
        whole = [(tmp_path / name).read_bytes() for name in sizes]
        assert contents == [*whole, None, None, None, None]
        assert errors == [None] * len(sizes) + [
            "missing file",
            "unreadable file: Is a directory",
            "unreadable file: not a regular file",
            "unreadable file: a null character in the path",
        ]
        assert max(map(len, batches)) <= batch_size


def read(paths: list[str], names: list[str], batch_size: int) -> list[ImageBatch]:
    """Return the batches of some image files."""
    shard = ImageFileShard(paths, names, pa.nulls(len(paths), pa.int8()))
    return list(shard.read(batch_size))


def contents_of(batch: ImageBatch) -> list[bytes | None]:
    """Return the files' bytes."""
    assert isinstance(batch.images, pa.Array)
    contents: list[bytes | None] = batch.images.to_pylist()
    return contents


def test_a_batch_of_files_takes_a_bounded_amount_of_memory(tmp_path: Path) -> None:
    """However many files a batch may hold, its bytes stay near `BATCH_BYTES`; none is lost."""
    paths = [str(tmp_path / f"{i}.png") for i in range(200)]
    for path in paths:
        Path(path).write_bytes(os.urandom(60_000))
    batches = read(paths, paths, 1000)
    assert sum(map(len, batches)) == 200
    assert max(batch.images.nbytes for batch in batches) < BATCH_BYTES + 2 * MAX_BYTES
    joined = b"".join(content for batch in batches for content in contents_of(batch) if content)
    assert joined == b"".join(Path(path).read_bytes() for path in paths)


@pytest.mark.parametrize("size", [MAX_BYTES, 600_000])
def test_a_batch_of_large_files_is_cut(tmp_path: Path, size: int) -> None:
    """Files that are not read at once count too: links to one file, each read anew."""
    content = os.urandom(size)
    (tmp_path / "a.png").write_bytes(content)
    paths = [str(tmp_path / f"{i}.png") for i in range(100)]
    for path in paths:
        Path(path).symlink_to(tmp_path / "a.png")
    batches = read(paths, paths, 1000)
    assert all(batch.images.nbytes < BATCH_BYTES + 2 * size for batch in batches)
    assert [name for batch in batches for name in batch.source.to_pylist()] == paths
    assert all(contents_of(batch) == [content] * len(batch) for batch in batches)


def test_descriptors_are_closed(tmp_path: Path) -> None:
    """Reading leaves no file open, whether or not it could be read."""
    (tmp_path / "a").write_bytes(b"a")
    before = list(Path("/proc/self/fd").iterdir())
    paths = np.frombuffer(b"".join(bytes(tmp_path / name) + b"\0" for name in "ab"), np.uint8)
    begins = np.array([0, len(paths) // 2])
    bounds: NDArray[np.int32] = np.zeros(3, np.int32)
    assert read_files(paths, begins, os.O_RDONLY, np.zeros(MAX_BYTES * 2, np.uint8), bounds) == 2
    assert bounds.tolist() == [0, 1, 1]
    assert list(Path("/proc/self/fd").iterdir()) == before
