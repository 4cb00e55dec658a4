"""Footers: read from the very file that was listed, and kept for a few files alone."""

import os
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.errors import InputError
from mnist_batch.inputs.parquet.files import open_remote_parquet
from mnist_batch.inputs.parquet.footers import identity_of, open_listed, read_chunks, read_footer
from mnist_batch.inputs.shards import ReadSettings
from mnist_batch.remote import objects
from tests.support.parquet_files import numbered, opened, read, write
from tests.support.s3_server import Bucket


def test_a_footer_is_that_of_pyarrow_and_its_bytes(tmp_path: Path) -> None:
    """These lie before the last eight bytes, which are their number and `PAR1`."""
    path = write(tmp_path / "a.parquet", numbered(10))
    footer, content = read_footer(str(path), identity_of(str(path))), path.read_bytes()
    assert footer.metadata.equals(pq.read_metadata(path))
    assert footer.file_size == len(content)
    length = len(footer.content).to_bytes(4, "little")
    assert content.endswith(footer.content + length + b"PAR1")


def test_another_file_in_its_place_is_not_opened(tmp_path: Path) -> None:
    """Whether it has another inode, another size or another time; the same file is."""
    path = str(write(tmp_path / "a.parquet", numbered(10)))
    identity = identity_of(path)
    with open_listed(path, identity) as file:
        assert file.size() == Path(path).stat().st_size
    status = Path(path).stat()
    times = (status.st_atime_ns, status.st_mtime_ns)
    shutil.copy2(path, tmp_path / "copy")
    os.utime(tmp_path / "copy", ns=times)
    (tmp_path / "copy").replace(path)
    _refused(path, identity)
    identity = identity_of(path)
    with Path(path).open("ab") as grown:
        grown.write(b"x")
    os.utime(path, ns=times)
    _refused(path, identity)
    identity = identity_of(path)
    os.utime(path, ns=(times[0], times[1] + 1))
    _refused(path, identity)


def test_a_portable_identity_leaves_the_inode_open(tmp_path: Path) -> None:
    """A copy with the same time is the file, as other machines see it; another size is another."""
    path = write(tmp_path / "a.parquet", numbered(10))
    identity = identity_of(str(path), portable=True)
    status = path.stat()
    assert identity == b"%d %d " % (status.st_size, status.st_mtime_ns)
    shutil.copy2(path, tmp_path / "copy")
    (tmp_path / "copy").replace(path)
    with open_listed(str(path), identity) as file:
        assert file.size() == status.st_size
    _refused(str(path), identity[:-2] + b" ")  # no shorter number either
    os.utime(path, ns=(0, 7))
    _refused(str(path), identity)


def _refused(path: str, identity: bytes) -> None:
    with pytest.raises(OSError, match="replaced after it was listed"):
        open_listed(path, identity)


def test_what_is_no_regular_file_is_not_opened(tmp_path: Path) -> None:
    """Opening a pipe would wait for ever."""
    path = write(tmp_path / "a.parquet", numbered(10))
    identity = identity_of(str(path))
    path.unlink()
    with pytest.raises(FileNotFoundError):
        open_listed(str(path), identity)
    os.mkfifo(path)
    with pytest.raises(OSError, match="not a regular file"):
        open_listed(str(path), identity)


def test_times_before_1970_and_after_2262_are_told_apart(tmp_path: Path) -> None:
    """As far as the file system holds them."""
    path = write(tmp_path / "a.parquet", numbered(10))
    found = set()
    for second in (-1, 0, 1, 2**33, 2**33 + 1):
        os.utime(path, (second, second))
        found.add((int(path.stat().st_mtime), identity_of(str(path))))
    assert len({identity for _, identity in found}) == len({second for second, _ in found})


def test_the_footer_of_a_file_of_many_shards_is_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With where its columns lie: one of 6,000 row groups takes a tenth of a second."""
    path = write(tmp_path / "a.parquet", numbered(100), row_group_size=10)
    monkeypatch.setattr("mnist_batch.inputs.parquet.files.SHARD_ROWS", 10)
    read_footer.cache_clear()
    read_chunks.cache_clear()
    shards = opened(path)
    assert len(shards) == 10
    assert len(read(shards)[0]) == 100
    assert (read_footer.cache_info().misses, read_chunks.cache_info().misses) == (1, 1)


def test_footers_of_very_many_files_are_not_kept(tmp_path: Path) -> None:
    """Of a hundred files four are."""
    for number in range(100):
        pq.write_table(pa.table({"image": [b"x"]}), tmp_path / f"{number}.parquet")
        assert len(read(opened(tmp_path / f"{number}.parquet"))[0]) == 1
    assert read_footer.cache_info().currsize == read_chunks.cache_info().currsize == 4


def test_an_object_that_is_replaced_after_it_was_listed_is_told(
    bucket: Bucket, tmp_path: Path
) -> None:
    """It is no damaged file: to run again helps."""
    path = write(tmp_path / "a.parquet", numbered(10))
    address = bucket.put("a.parquet", path.read_bytes())
    listed = objects.stat(address)
    bucket.put("a.parquet", write(path, numbered(11)).read_bytes())
    with pytest.raises(InputError, match=f"^{address}: replaced after it was listed; run again$"):
        open_remote_parquet(listed, address, "a.parquet", ReadSettings())
