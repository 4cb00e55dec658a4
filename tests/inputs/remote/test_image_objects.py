"""The bytes of images in object storage."""

import numpy as np

from mnist_batch.decoding.limits import MAX_FILE_BYTES
from mnist_batch.inputs.remote.image_objects import contents
from mnist_batch.inputs.remote.listed_objects import ListedObjects
from mnist_batch.inputs.shards import BATCH_BYTES
from mnist_batch.remote import objects
from mnist_batch.remote.objects import RemoteObject
from tests.support.s3_server import Bucket


def test_batches_have_the_bytes_of_the_objects_in_order(bucket: Bucket) -> None:
    """At most as many as asked for, and of large ones fewer."""
    rng = np.random.default_rng(1)
    expected = [
        rng.bytes(int(size)) for size in [*rng.integers(0, 100, 40), *[BATCH_BYTES // 3] * 5]
    ]
    found = [
        objects.stat(bucket.put(f"{number}", content)) for number, content in enumerate(expected)
    ]
    batches = [encoded.to_pylist() for encoded, _ in contents(ListedObjects.of(found), 16)]
    assert [content for batch in batches for content in batch] == expected
    assert max(map(len, batches)) <= 16
    assert all(sum(map(len, batch)) <= BATCH_BYTES or len(batch) == 1 for batch in batches)


def test_a_large_object_is_not_fetched(bucket: Bucket) -> None:
    """Its size is known from the listing: over the limit it is a row with that error."""
    found = RemoteObject(f"{bucket.url}/large.png", MAX_FILE_BYTES + 1, "tag")
    ((encoded, error),) = contents(ListedObjects.of([found]), 8)
    assert encoded.to_pylist() == [None]
    assert error.to_pylist() == [f"too large: a file over {MAX_FILE_BYTES} bytes"]
