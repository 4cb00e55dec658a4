"""Connections to object storage: one a bucket and process, with credentials of the environment.

The library obstore (`pip install 'mnist-batch[remote]'`) makes the requests, and repeats them where
a connection breaks or the store is busy. Credentials are those of the environment that each store
documents, or of the machine in its cloud; no message holds them.
"""

import os
from functools import cache
from operator import itemgetter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from mnist_batch.errors import MachineError
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
        MachineError: the environment lacks what the store needs, or names no server.
    """
    scheme = address.scheme
    return _store(scheme, address.bucket, _endpoint(scheme), attempts())


@cache
def _store(scheme: str, bucket: str, endpoint: str, most: int) -> "ObjectStore":
    extras.require(f"{scheme}://{bucket}", extras.OBSTORE)
    with loading("obstore"):
        from obstore.store import from_url
    with told(f"{scheme}://{bucket}"):
        return from_url(f"{scheme}://{bucket}", **_settings(scheme, endpoint, most))


def _settings(scheme: str, endpoint: str, most: int) -> dict[str, Any]:
    """Return how a store is reached; what is not said here, obstore takes from the environment."""
    settings: dict[str, Any] = {
        "client_options": {
            "allow_http": endpoint.startswith("http://"),
            "connect_timeout": "5s",
            "timeout": "60s",  # of a whole request; none takes over `objects.SPAN`
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
    name = "base_url" if scheme == "gs" else "endpoint"
    return settings | ({name: endpoint} if endpoint else {})


def _endpoint(scheme: str) -> str:
    """Return the address of another server than the cloud's; empty for the cloud's.

    Raises:
        MachineError: it is none; the message leaves it out, since it may hold a password.
    """
    named = ((name, os.environ.get(name, "")) for name in _ENDPOINTS[scheme])
    name, endpoint = next(filter(itemgetter(1), named), ("", ""))
    if endpoint and not _is_server(endpoint):  # obstore would panic
        raise MachineError(
            f"the variable {name} is no address of a server; expected http://HOST:PORT or "
            "https://HOST:PORT; set it again, or leave it out for the cloud's own"
        )
    return endpoint


def _is_server(endpoint: str) -> bool:
    try:
        found = urlsplit(endpoint)
        return found.scheme in ("http", "https") and bool(found.hostname) and found.port != 0
    except ValueError:  # the port is no number, say
        return False


_ENDPOINTS = {
    "s3": ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL"),
    "gs": ("GOOGLE_BASE_URL",),
    "az": ("AZURE_STORAGE_ENDPOINT", "AZURE_ENDPOINT"),
}
"""The variables that name one, the first choice first: AWS's own,
https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html, and obstore's."""
