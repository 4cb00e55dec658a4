"""What object storage answers, in the words of this package."""

import pytest

from mnist_batch.errors import MachineError
from mnist_batch.remote import objects
from tests.support.s3_server import SECRET_KEY, Bucket


def test_a_server_that_is_not_there_is_a_failure_of_the_machine(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the attempts that AWS_MAX_ATTEMPTS allows there is one line, without a secret."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(MachineError) as raised:
        objects.read(f"{bucket.url}/a")
    assert str(raised.value) == (
        f"{bucket.url}/a: S3 cannot be reached (connection refused); nothing is wrong with the "
        "data; see to it that the store can be reached, and run again"
    )
    assert SECRET_KEY not in str(raised.value)


def test_a_bucket_that_is_not_there_is_missing(bucket: Bucket) -> None:
    """Listing and reading say that there is no such bucket."""
    for ask in (objects.read, lambda address: [*objects.listed(address)]):
        with pytest.raises(FileNotFoundError, match="no such bucket"):
            ask(f"{bucket.url}-other/a")
