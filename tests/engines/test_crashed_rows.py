"""Rows that are not read or decoded, since that would end the process."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.commands.pack import pack
from mnist_batch.decoding.decode import decode_batch
from mnist_batch.engines.crashed_rows import CrashedRows, UnreadRows
from mnist_batch.inputs.shards import Shard
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadOptions


def test_pixels_of_crashed_rows_are_black(tmp_path: Path) -> None:
    """As of any row with an error, whose pixels nobody shows."""
    np.save(tmp_path / "digits.npy", np.full((3, 28, 28), 9, np.uint8))
    (shard,) = open_inputs([tmp_path / "digits.npy"]).shards
    batches = [*CrashedRows(shard, np.array([1])).read(2)]
    assert [batch.error.to_pylist() for batch in batches] == [[None, "crashed the decoder"], [None]]
    assert [int(image.max()) for batch in batches for image in batch.images] == [9, 0, 9]


@pytest.fixture(params=["digits.npy", "digits.parquet", "packed.parquet", "transposed"])
def shard(request: pytest.FixtureRequest, tmp_path: Path, digits_folder: Path) -> Shard:
    """A shard of thirty rows of a kind of file."""
    kind: str = request.param
    path, options = tmp_path / kind, ReadOptions()
    if kind == "digits.npy":
        np.save(path, np.zeros((30, 28, 28), np.uint8))
    elif kind == "packed.parquet":
        pack(digits_folder, path)
    else:
        pq.write_table(pa.table({"image": [bytes(784)] * 30}), path)
    if kind == "transposed":
        path = path.rename(tmp_path / "digits.parquet")
        options = ReadOptions.of(orientation="transposed")
    (shard,) = open_inputs([path], options).shards
    return shard


def test_a_shard_that_crashes_is_not_read(shard: Shard, tmp_path: Path) -> None:
    """Its file may be gone; its rows are named as those of a file that cannot be read."""
    for path in tmp_path.iterdir():
        path.unlink()
    batches = [*UnreadRows(shard).read(16)]
    assert [len(batch) for batch in batches] == [16, 14]
    assert [row for batch in batches for row in batch.row.to_pylist()] == [*range(30)]
    # Rows of a packed file name their own files, but for those that cannot be read.
    assert {batch.source[0].as_py().rstrip("/") for batch in batches} == {shard.source}
    errors = {text for batch in batches for text in batch.error.to_pylist()}
    told = {"unreadable file: reading it ends the process"}
    of_packed = {"unreadable file: this packed file does not tell where the row came from"}
    assert errors == (of_packed if shard.source == "packed.parquet" else told)


def test_of_files_that_are_read_together_one_is_left_out(tmp_path: Path) -> None:
    """The pixels of the others stay, and so does their orientation."""
    pixels = np.zeros((3, 28, 28), np.uint8)
    pixels[:, 2, 9] = 7
    for number in range(3):
        path = tmp_path / f"{number}.npy"
        np.save(path, pixels[number : number + 1])
    options = ReadOptions.of(orientation="transposed")
    (shard,) = open_inputs([tmp_path], options).shards
    first, middle, last = shard.joined
    (batch,) = shard.joining([first, UnreadRows(middle), last]).read(16)
    lost = "unreadable file: reading it ends the process"
    assert batch.error.to_pylist() == [None, lost, None]
    assert decode_batch(batch).images[[0, 2], 9, 2].tolist() == [7, 7]
