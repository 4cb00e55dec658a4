"""A file that becomes an object: whole, and never in the place of one that is to stay."""

from pathlib import Path

import pytest

from mnist_batch.errors import OutputError
from mnist_batch.outputs.stored.stored_file import (
    StoredFile,
    identity_of_file,
    identity_of_object,
    names_in,
    report_address,
    staging_address,
)
from mnist_batch.remote import transfers
from tests.support.s3_server import Bucket

LARGE = transfers.CHUNK + 1
"""Bytes of an object that is uploaded in pieces."""


@pytest.mark.parametrize("size", [0, 1, LARGE])
def test_an_object_is_there_once_the_file_is_committed(
    bucket: Bucket, tmp_path: Path, size: int
) -> None:
    """Not before, and what was written on this machine is gone then."""
    with StoredFile(f"{bucket.url}/a/out.csv", overwrite=False, folder=tmp_path) as file:
        file.path.write_bytes(b"x" * size)
        assert bucket.objects() == {}
        file.commit()
    assert bucket.objects() == {"a/out.csv": b"x" * size}
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_committed_leaves_nothing(bucket: Bucket, tmp_path: Path) -> None:
    """As after an error."""
    with (
        pytest.raises(ValueError, match="stop"),
        StoredFile(f"{bucket.url}/out.csv", overwrite=True, folder=tmp_path) as file,
    ):
        file.path.write_bytes(b"half")
        raise ValueError("stop")
    assert bucket.objects() == {}
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [5, LARGE])
def test_an_object_that_is_there_is_replaced_on_demand_alone(
    bucket: Bucket, tmp_path: Path, size: int
) -> None:
    """Be it there at the start, or since."""
    target = f"{bucket.url}/out.csv"
    with StoredFile(target, overwrite=False, folder=tmp_path) as late:
        late.path.write_bytes(b"2" * size)
        bucket.put("out.csv", b"mine")
        with pytest.raises(OutputError, match="exists already"):
            late.commit()
    with pytest.raises(OutputError, match="exists already; name another file or pass"):
        StoredFile(target, overwrite=False, folder=tmp_path)
    assert bucket.objects() == {"out.csv": b"mine"}
    with StoredFile(target, overwrite=True, folder=tmp_path) as file:
        file.path.write_bytes(b"2" * size)
        file.commit()
    assert bucket.objects() == {"out.csv": b"2" * size}


def test_a_bucket_is_no_file_and_has_to_be_there(bucket: Bucket, tmp_path: Path) -> None:
    """One line says which address is wrong."""
    with pytest.raises(OutputError, match=f"^{bucket.url}/: names a bucket, and no object in it"):
        StoredFile(f"{bucket.url}/", overwrite=True, folder=tmp_path)
    with pytest.raises(OutputError, match="a part between two slashes is empty"):
        StoredFile(f"{bucket.url}/a//b", overwrite=True, folder=tmp_path)
    with (
        StoredFile("s3://not-there/out.csv", overwrite=True, folder=tmp_path) as file,
        pytest.raises(OutputError, match=r"out\.csv could not be written: no such bucket"),
    ):
        file.commit()


def test_a_file_and_its_object_have_one_identity(bucket: Bucket, tmp_path: Path) -> None:
    """Another size has another one, and another end, where Parquet's footer is."""
    path = tmp_path / "file"
    contents = [b"", b"a", b"b", b"a" * LARGE, b"a" * (LARGE - 1) + b"b"]
    found = []
    for content in contents:
        path.write_bytes(content)
        found.append(identity_of_file(path))
        assert identity_of_object(bucket.put("object", content)) == found[-1]
    assert len(set(found)) == len(contents)


def test_what_belongs_to_an_output_lies_beside_it() -> None:
    """As beside a file: the report without the suffix, the parts with it."""
    assert staging_address("s3://digits/a/out.parquet") == "s3://digits/a/out.parquet.staging"
    assert staging_address("s3://digits/a/") == "s3://digits/a.staging"
    out = "s3://digits/a.b/out.parquet"
    assert report_address(out, is_folder=False) == "s3://digits/a.b/out.report"
    assert report_address("s3://digits/a/5.1", is_folder=True) == "s3://digits/a/5.1.report"


def test_a_folder_has_the_names_that_begin_with_it(bucket: Bucket) -> None:
    """Not those of another folder that begins alike; a missing bucket has none."""
    for key in ("a/2", "a/1/b", "ab/3", "a.staging/4"):
        bucket.put(key, b"")
    assert names_in(f"{bucket.url}/a") == ["1/b", "2"]
    assert names_in("s3://not-there/a") == []
