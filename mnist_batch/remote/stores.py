"""Connections to object storage: one a bucket and process, with credentials of the environment.

The library obstore (`pip install 'mnist-batch[remote]'`) makes the requests, and repeats them where
a connection breaks or the store is busy. Credentials are those of the environment that each store
documents, or of the machine in its cloud; no message holds them.
"""

import os
from functools import cache
from typing import TYPE_CHECKING, Any

from mnist_batch.machine import extras
from mnist_batch.machine.failures import loading
from mnist_batch.remote.addresses import Address
from mnist_batch.remote.attempts import FIRST_PAUSE, LONGEST_PAUSE, PATIENCE, attempts
from mnist_batch.remote.failures import told

if TYPE_CHECKING:
    from obstore.store import ObjectStore


def store_of(address: Address) -> "ObjectStore":
    """Return the connection to the bucket of an address; no request is made.

    Raises:
        MissingExtraError: obstore is not installed.
        MachineError: the environment lacks what the store needs.
    """
    scheme = address.scheme
    return _store(scheme, address.bucket, _endpoint(scheme), attempts())


@cache
def _store(scheme: str, bucket: str, endpoint: str, most: int) -> "ObjectStore":
    extras.require(f"{scheme}://{bucket}", extras.OBSTORE)
    with loading("obstore"):
        from obstore.store import from_url
    with told(f"{scheme}://{bucket}"):
        return from_url(f"{scheme}://{bucket}", **_settings(endpoint, most))


def _settings(endpoint: str, most: int) -> dict[str, Any]:
    """Return how a store is reached; what is not said here, obstore takes from the environment."""
    settings: dict[str, Any] = {
        "client_options": {
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": "5s",
            "timeout": "60s",  # of a whole request; none asks for over 8 MiB
        },
        "retry_config": {
            "max_retries": most - 1,
            "retry_timeout": PATIENCE,
            "backoff": {
                "init_backoff": FIRST_PAUSE,
                "max_backoff": LONGEST_PAUSE,
            },
        },
    }
    return settings | ({"endpoint": endpoint} if endpoint else {})


def _endpoint(scheme: str) -> str:
    """Return the address of another server than the cloud's; empty for the cloud's.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html
    """
    if scheme != "s3":
        return ""
    return os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL") or ""
