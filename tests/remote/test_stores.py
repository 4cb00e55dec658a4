"""Connections to object storage."""

import pytest

from mnist_batch.remote.addresses import parsed
from mnist_batch.remote.stores import store_of
from tests.support.s3_server import Bucket


def test_a_bucket_has_one_connection(bucket: Bucket) -> None:
    """Two addresses of a bucket share the connection, and so what it has open."""
    assert store_of(parsed(f"{bucket.url}/a")) is store_of(parsed(f"{bucket.url}/b"))


def test_another_endpoint_has_a_connection_of_its_own(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the environment says now counts."""
    first = store_of(parsed(bucket.url))
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert store_of(parsed(bucket.url)) is not first
