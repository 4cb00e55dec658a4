"""Rows of arrays come in order, in any batches; damage costs the rows from there on."""

import gzip
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from mnist_batch.decoding.decode import decode_batch
from mnist_batch.errors import LabelError
from mnist_batch.inputs.arrays.array_shards import ArrayShard
from mnist_batch.inputs.arrays.idx_files import open_idx
from mnist_batch.inputs.arrays.numpy_files import open_numpy
from mnist_batch.inputs.shards import ReadSettings
from tests.support.forms.arrays import IMAGES_NAME, LABELS_NAME, npz, write_idx
from tests.support.forms.form import IMAGES, LABELS

MANY = np.random.default_rng(1).integers(2, 256, (20_000, 28, 28), np.uint8)
OF_MANY = np.arange(20_000) % 10


def shards_of(path: Path) -> list[ArrayShard]:
    """Return the shards of a file."""
    opener = open_numpy if path.suffix == ".npz" else open_idx
    return list(opener(path, "s", ReadSettings()))


def read(
    shards: list[ArrayShard], batch_size: int = 999
) -> tuple[NDArray[np.uint8], list[int | None], list[str | None]]:
    """Return images, labels and errors of all rows, which are counted on from 0."""
    images, labels, errors, rows = [], list[Any](), list[Any](), list[int]()
    for shard in shards:
        before = len(rows)
        for batch in shard.read(batch_size):
            assert 0 < len(batch) <= batch_size
            decoded = decode_batch(batch)
            images.append(decoded.images)
            labels += batch.label.to_pylist()
            errors += decoded.error.to_pylist()
            rows += batch.row.to_pylist()
        assert len(rows) - before == shard.rows
    assert rows == [*range(len(rows))]
    return np.concatenate(images), labels, errors


@pytest.mark.parametrize("batch_size", [7, 2048, 100_000])
@pytest.mark.parametrize("compressed", [False, True])
def test_all_rows_come_once_in_order(tmp_path: Path, batch_size: int, compressed: bool) -> None:
    """Whatever shard is read first."""
    shards = shards_of(npz(compressed=compressed, x=MANY, y=OF_MANY)(tmp_path))
    assert [shard.rows for shard in shards] == [8192, 8192, 3616]
    [*shards[2].read(batch_size)]
    images, labels, errors = read(shards, batch_size)
    np.testing.assert_array_equal(images, MANY)
    assert labels == OF_MANY.tolist()
    assert set(errors) == {None}


@pytest.mark.parametrize(
    "stored",
    [
        MANY[:50].astype(">i4"),
        MANY[:50].astype(np.float64),
        (MANY[:50] / 255).astype(np.float32),
        np.asfortranarray(MANY[:50].reshape(50, 784)),
        np.asfortranarray(MANY[:50]),
    ],
)
def test_pixels_are_the_same_in_every_type_and_order(tmp_path: Path, stored: NDArray[Any]) -> None:
    """Fractions are 0 to 1; NumPy may save the columns one after the other."""
    images, _, errors = read(shards_of(npz(x=stored)(tmp_path)), 16)
    np.testing.assert_array_equal(images, MANY[:50])
    assert set(errors) == {None}


def test_black_and_white_is_not_black(tmp_path: Path) -> None:
    """Zeros and ones are 0 to 1 in whole numbers and booleans too."""
    for ones in (IMAGES > 127, (IMAGES > 127).astype(np.uint8)):
        images, _, _ = read(shards_of(npz(x=ones)(tmp_path)))
        np.testing.assert_array_equal(images, np.where(IMAGES > 127, 255, 0))


def test_numbers_out_of_range_are_rows_with_an_error(tmp_path: Path) -> None:
    """As those of images from which a mean was taken."""
    numbers = MANY[:5].astype(np.float32)
    numbers[1, 3, 3], numbers[2, 0, 0], numbers[4, 9, 9] = -0.4, np.nan, 256
    _, _, errors = read(shards_of(npz(x=numbers)(tmp_path)))
    assert [error is None for error in errors] == [True, False, False, True, False]
    assert errors[1] == "bad pixels: expected numbers from 0 to 255, or fractions from 0 to 1"


def test_other_sizes_are_pictures(tmp_path: Path) -> None:
    """Decoded as they are, and then resized; colours become grey as Pillow makes them."""
    (shard,) = shards_of(npz(x=np.full((3, 40, 30, 3), [255, 0, 0]))(tmp_path))
    assert shard.encoded
    (batch,) = shard.read(10)
    decoded = decode_batch(batch)
    assert decoded.sizes.tolist() == [40, 40, 40]
    assert set(decoded.images.ravel().tolist()) == {76}  # 0.299 x 255, ITU-R 601-2


def test_rows_after_a_truncation_have_an_error(tmp_path: Path) -> None:
    """Those before it are read, with all labels."""
    for packed in ("", ".gz"):
        names = (IMAGES_NAME + packed, LABELS_NAME + packed)
        path = write_idx(tmp_path, MANY, OF_MANY, names=names)
        content = path.read_bytes()
        path.write_bytes(content[: len(content) * 3 // 5])
        images, labels, errors = read(shards_of(path))
        lost = next(row for row, error in enumerate(errors) if error)
        assert 10_000 < lost <= 12_000
        np.testing.assert_array_equal(images[:lost], MANY[:lost])
        assert labels == OF_MANY.tolist() or packed
        assert all(error and error.startswith("unreadable file: ") for error in errors[lost:])


def test_more_than_the_header_counts_is_an_error(tmp_path: Path) -> None:
    """Of a packed file only its end tells: then its last rows have the error."""
    path = write_idx(tmp_path, MANY[:50], OF_MANY[:50], names=(f"{IMAGES_NAME}.gz", LABELS_NAME))
    content = gzip.decompress(path.read_bytes()) + b"more"
    path.write_bytes(gzip.compress(content))
    _, _, errors = read(shards_of(path), 20)
    assert errors[:40] == [None] * 40
    assert errors[-1] == "unreadable file: it holds more than its header counts"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (np.full(100, 11), "label 11 is not a digit"),
        (np.zeros((100, 10)), "labels of 10 numbers that are not zeros with a single one"),
        (np.zeros((100, 2, 2)), "expected one a row"),
    ],
)
def test_bad_labels_end_the_run(tmp_path: Path, labels: NDArray[Any], message: str) -> None:
    """The message says which, and what to do."""
    with pytest.raises(LabelError, match=message) as caught:
        read(shards_of(npz(x=IMAGES, y=labels)(tmp_path)))
    assert 'labels="none"' in str(caught.value)


@pytest.mark.parametrize(
    "labels", [LABELS.astype(str), LABELS.astype("S1"), LABELS.astype(">i2"), LABELS[:, None] * 1.0]
)
def test_labels_may_be_of_any_type(tmp_path: Path, labels: NDArray[Any]) -> None:
    """Text, bytes, other integers, floats that are whole; a column too."""
    assert read(shards_of(npz(x=IMAGES, y=labels)(tmp_path)))[1] == LABELS.tolist()


def test_memory_is_that_of_batches(tmp_path: Path) -> None:
    """16 MB of pixels take less than 8 MB."""
    shards = shards_of(npz(compressed=True, x=MANY)(tmp_path))
    tracemalloc.start()
    try:
        for shard in shards:
            for _ in shard.read(1000):
                pass
        assert tracemalloc.get_traced_memory()[1] < 8 * 2**20
    finally:
        tracemalloc.stop()


def test_a_single_picture_may_be_an_array(tmp_path: Path) -> None:
    """Of two axes of one length."""
    np.save(tmp_path / "seven.npy", IMAGES[7])
    images, labels, errors = read(list(open_numpy(tmp_path / "seven.npy", "s", ReadSettings())))
    np.testing.assert_array_equal(images, IMAGES[7:8])
    assert (labels, errors) == ([None], [None])
