"""Connections to object storage: one a bucket and process, with credentials of the environment.

The library obstore (`pip install 'mnist-batch[remote]'`) makes the requests, and repeats them where
a connection breaks or the store is busy. Credentials are those of the environment that each store
documents, or of the machine in its cloud; no message holds them.
"""

import os
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from mnist_batch.machine import extras
from mnist_batch.machine.failures import loading
from mnist_batch.remote.addresses import Address
from mnist_batch.remote.failures import told

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_ATTEMPTS = 9
"""Requests for one thing where the first ones fail; the pauses between take 15 seconds together."""


def store_of(address: Address) -> "ObjectStore":
    """Return the connection to the bucket of an address; no request is made.

    Raises:
        MissingExtraError: obstore is not installed.
        MachineError: the environment lacks what the store needs.
    """
    scheme = address.scheme
    return _store(scheme, address.bucket, _endpoint(scheme), _attempts())


@cache
def _store(scheme: str, bucket: str, endpoint: str, attempts: int) -> "ObjectStore":
    extras.require(f"{scheme}://{bucket}", extras.OBSTORE)
    with loading("obstore"):
        from obstore.store import from_url
    with told(f"{scheme}://{bucket}"):
        return from_url(f"{scheme}://{bucket}", **_settings(endpoint, attempts))


def _settings(endpoint: str, attempts: int) -> dict[str, Any]:
    """Return how a store is reached; what is not said here, obstore takes from the environment."""
    settings: dict[str, Any] = {
        "client_options": {
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": "5s",
            "timeout": "60s",  # of a whole request; none asks for over 8 MiB
        },
        "retry_config": {
            "max_retries": max(0, attempts - 1),
            "retry_timeout": timedelta(minutes=2),
            "backoff": {
                "init_backoff": timedelta(seconds=0.1),
                "max_backoff": timedelta(seconds=5),
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


def _attempts() -> int:
    """Return how often a request is made at most; AWS_MAX_ATTEMPTS says so in all of AWS's tools.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """
    told_attempts = os.environ.get("AWS_MAX_ATTEMPTS", "")
    return int(told_attempts) if told_attempts.isdecimal() else _ATTEMPTS
