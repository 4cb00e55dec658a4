"""The first images of an input, as often as is wanted: each row in its place."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.inputs.image_files import ImageFileShard
from mnist_batch.inputs.shards import Shard
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.schema import ImageBatch
from mnist_batch.synthetic.generator import write_parquet
from mnist_batch.tuning.samples import first_rows, images_hash, repeated, sample, shard_of


def rows_of(shards: Sequence[Shard], batch_size: int) -> list[int]:
    """Return the column `row` of all batches, none of which is too large."""
    rows: list[int] = []
    for shard in shards:
        batches = list(shard.read(batch_size))
        assert sum(map(len, batches)) == shard.rows
        assert all(0 < len(batch) <= batch_size for batch in batches)
        rows += [row for batch in batches for row in batch.row.to_pylist()]
    return rows


@pytest.mark.parametrize("count", [1, 99, 250, 1050, 5000])
def test_the_first_rows_are_read(digits_parquet: Path, count: int) -> None:
    """As many as there are where more are wanted."""
    opened = open_inputs([digits_parquet])
    assert rows_of(list(first_rows(opened.shards, count)), 100) == list(range(min(count, 1050)))


def test_the_sample_ends_where_images_are_large(digits_parquet: Path, model: Path) -> None:
    """At the batch that goes beyond the size: the first one here."""
    opened = repeated(open_inputs([digits_parquet]).shards, 5000)
    (batch,) = sample(opened, mnist_batch.load_model(model), size_bytes=1)
    assert 0 < len(batch.images) <= 2048
    assert sum(len(one.images) for one in sample(opened, mnist_batch.load_model(model))) == 5000


@pytest.mark.parametrize("count", [3, 1050, 2500, 20_000])
def test_rows_are_repeated_in_order(digits_parquet: Path, count: int) -> None:
    """From the first one again after the last, in full batches however small the input is."""
    again = repeated(open_inputs([digits_parquet]).shards, count)
    assert again.rows == count
    assert rows_of(again.shards, 2048) == [i % 1050 for i in range(count)]
    assert all(shard.encoded for shard in again.shards)


def test_ten_images_make_full_batches(digits_folder: Path) -> None:
    """Joined from many readings, images and labels with their rows."""
    ten = repeated(open_inputs([digits_folder]).shards, 10).shards
    once = next(ten[0].read(10))
    batch = next(repeated(ten, 1000).shards[0].read(1000))
    assert len(batch) == 1000
    assert batch.source.to_pylist() == once.source.to_pylist() * 100
    assert pa.array(batch.images).to_pylist() == pa.array(once.images).to_pylist() * 100
    assert batch.label.to_pylist() == once.label.to_pylist() * 100


@pytest.mark.parametrize("count", [10, 45, 10_000])
def test_no_more_is_read_than_there_are_rows(
    digits_folder: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    """Else reading would seem slower than it is."""
    read: list[int] = []
    from_files = ImageFileShard.read

    def counting(self: ImageFileShard, batch_size: int) -> Iterator[ImageBatch]:
        for batch in from_files(self, batch_size):
            read.append(len(batch))
            yield batch

    monkeypatch.setattr(ImageFileShard, "read", counting)
    shards = repeated(open_inputs([digits_folder]).shards, count).shards
    assert len(rows_of(shards, 2048)) == sum(read) == count


def test_nothing_cannot_be_repeated() -> None:
    """It would go on for ever."""
    with pytest.raises(ValueError, match="without rows"):
        repeated([], 5)


def test_only_what_was_prepared_alike_is_joined(tmp_path: Path) -> None:
    """A file packed in MNIST form and one that is not: each batch still says which it is of."""
    write_parquet(tmp_path / "digits.parquet", 5)
    for choice in ("auto", "never"):
        mnist_batch.pack(
            tmp_path / "digits.parquet", tmp_path / f"{choice}.parquet", prepare=choice
        )
    opened = open_inputs([tmp_path / "auto.parquet", tmp_path / "never.parquet"])
    again = repeated(opened.shards, 40).shards
    found = [(batch.formed, len(batch)) for shard in again for batch in shard.read(100)]
    assert found == [(True, 5), (False, 5)] * 4


def test_pixels_in_memory_are_joined_too() -> None:
    """All columns alike; `prepared` may be None."""
    batch = ImageBatch(
        source=pa.array(["a", "b"]),
        row=pa.array([0, 1]),
        label=pa.array([4, None], pa.int8()),
        images=np.arange(2 * 784, dtype=np.uint8).reshape(2, 28, 28),
        error=pa.array([None, "no bytes"]),
    )
    (shard,) = repeated([shard_of(batch)], 3).shards
    (three,) = shard.read(3)
    assert three.source.to_pylist() == ["a", "b", "a"]
    assert three.label.to_pylist() == [4, None, 4]
    np.testing.assert_array_equal(three.images, np.asarray(batch.images)[[0, 1, 0]])
    assert three.prepared is None
    assert not shard.encoded


def test_an_input_is_known_by_its_first_hundred_images(tmp_path: Path) -> None:
    """However many more are used, or read at once."""

    def hash_with(changed: int, rows: int = 150) -> str:
        images = [bytes([k]) * 784 for k in range(rows)]
        images[changed] = b"\xff" * 784
        pq.write_table(pa.table({"image": images}), tmp_path / "raw.parquet", row_group_size=40)
        return images_hash(open_inputs([tmp_path / "raw.parquet"]))

    assert hash_with(120) == hash_with(149) != hash_with(99)
    assert hash_with(100) != hash_with(100, rows=151)
