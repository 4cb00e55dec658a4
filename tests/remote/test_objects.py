"""Objects of a real server of S3, beside what boto3 sees of them."""

from collections.abc import Callable

import pytest

from mnist_batch.remote import objects
from tests.support.s3_server import Bucket


def test_what_is_put_is_read(bucket: Bucket) -> None:
    """An object holds what was put, and boto3 reads the same."""
    address = f"{bucket.url}/a/b c+d%41é.txt"
    objects.put(address, b"digits")
    assert objects.read(address) == b"digits"
    assert bucket.objects() == {"a/b c+d%41é.txt": b"digits"}


def test_stat_tells_size_and_etag(bucket: Bucket) -> None:
    """The ETag of a small object in S3 is the MD5 of its content, in quotes."""
    address = bucket.put("a.txt", b"abc")
    found = objects.stat(address)
    assert found == (address, 3, '"900150983cd24fb0d6963f7d28e17f72"')


def test_a_folder_lists_its_own_objects_alone(bucket: Bucket) -> None:
    """Objects of a folder whose name begins the same are not listed."""
    for key in ("a/1.png", "a/b/2.png", "ab/3.png"):
        bucket.put(key, b"x")
    found = [one.address for one in objects.listed(f"{bucket.url}/a")]
    assert found == [f"{bucket.url}/a/1.png", f"{bucket.url}/a/b/2.png"]


def test_ranges_come_in_the_order_asked_for(bucket: Bucket) -> None:
    """Each range holds the bytes from its start up to its stop."""
    address = bucket.put("a", bytes(range(100)))
    found = objects.read_ranges(address, [(50, 52), (0, 3), (98, 200)])
    assert found == [bytes([50, 51]), bytes([0, 1, 2]), bytes([98, 99])]


def test_one_of_two_creates_an_object(bucket: Bucket) -> None:
    """What is there with another content is not created again, and stays."""
    address = f"{bucket.url}/manifest"
    objects.put(address, b"first", create=True)
    objects.put(address, b"first", create=True)
    with pytest.raises(FileExistsError):
        objects.put(address, b"second", create=True)
    assert bucket.get("manifest") == b"first"


def test_copies_are_made_by_the_store(bucket: Bucket) -> None:
    """A copy holds what its source holds, and deleting the source leaves it."""
    source = bucket.put("a", b"digits")
    objects.copy(source, f"{bucket.url}/folder/b")
    objects.delete([source, f"{bucket.url}/neither"])
    assert bucket.objects() == {"folder/b": b"digits"}


@pytest.mark.parametrize("ask", [objects.read, objects.stat])
def test_a_missing_object_is_a_missing_file(bucket: Bucket, ask: Callable[[str], object]) -> None:
    """The error names the address, as Python's own errors name a path."""
    address = f"{bucket.url}/none.png"
    with pytest.raises(FileNotFoundError) as raised:
        ask(address)
    assert raised.value.filename == address


def test_the_mark_of_a_folder_is_none_of_its_objects(bucket: Bucket) -> None:
    """Consoles make one, with the folder's key and a slash; a folder with it alone is empty."""
    for key in ("empty/", "full/", "full/1.png"):
        bucket.put(key, b"")
    assert [*objects.listed(f"{bucket.url}/empty/")] == []
    assert objects.listed_here(f"{bucket.url}/empty/") == []
    for found in (objects.listed, objects.listed_here):
        addresses = [one.address for one in found(f"{bucket.url}/full/")]
        assert addresses == [f"{bucket.url}/full/1.png"]
