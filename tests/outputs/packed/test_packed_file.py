"""A packed file is in its place when it is whole, and then it says how it was made."""

import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import OutputError
from mnist_batch.inputs.parquet.packed import PACKED, PACKED_KEY
from mnist_batch.outputs.packed.packed_file import PackedFile
from mnist_batch.schema import DIGITS
from tests.support.s3_server import Bucket

ROWS = pa.record_batch(
    [[bytes(784)] * 3, [7, 7, None], ["a", "a", "b"], [0, 1, 0], [False] * 3, [None] * 3],
    schema=PACKED,
)


def test_it_is_there_after_its_commit(tmp_path: Path) -> None:
    """Not before; the record is in its metadata."""
    out = tmp_path / "packed.parquet"
    with PackedFile(out, DIGITS, overwrite=False) as file:
        file.write(ROWS)
        file.finish({"rows": 3})
        assert not out.exists()
        file.commit()
    assert file.size_bytes == out.stat().st_size
    assert pq.read_table(out).to_batches()[0].equals(ROWS)
    assert json.loads(pq.read_metadata(out).metadata[PACKED_KEY]) == {"format": 1, "rows": 3}
    with pytest.raises(OutputError, match="exists already"):
        PackedFile(out, DIGITS, overwrite=False)


def test_without_a_commit_nothing_is_left(tmp_path: Path) -> None:
    """Neither the file nor what it was being written as."""
    with (
        pytest.raises(ValueError, match="stop"),
        PackedFile(tmp_path / "packed.parquet", DIGITS, overwrite=False) as file,
    ):
        file.write(ROWS)
        raise ValueError("stop")
    assert os.listdir(tmp_path) == []  # noqa: PTH208 - hidden ones too


def test_it_may_lie_in_object_storage(bucket: Bucket, tmp_path: Path, digits_folder: Path) -> None:
    """The same rows as on this machine, and an INPUT there."""
    out = f"{bucket.url}/packed.parquet"
    summary = mnist_batch.pack(digits_folder, out)
    assert summary.out == out
    mnist_batch.pack(digits_folder, tmp_path / "packed.parquet")
    (tmp_path / "stored.parquet").write_bytes(bucket.objects()["packed.parquet"])
    one, other = (pq.read_table(tmp_path / f"{name}.parquet") for name in ("packed", "stored"))
    assert one.equals(other)
    with pytest.raises(OutputError, match="exists already"):
        mnist_batch.pack(digits_folder, out)
    with pytest.raises(OutputError, match="no such addresses are known"):
        mnist_batch.pack(digits_folder, "hf://datasets/a/b/packed.parquet")
