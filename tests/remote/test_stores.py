"""Connections to object storage."""

import subprocess
import sys
from pathlib import Path

import pytest

from mnist_batch.errors import MachineError
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


@pytest.mark.parametrize(
    "endpoint", ["127.0.0.1:5555", "store", "http://", "http://a:b", "ftp://a"]
)
def test_an_endpoint_is_an_address_of_a_server(
    monkeypatch: pytest.MonkeyPatch, endpoint: str
) -> None:
    """The message says which variable, and what belongs there."""
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    with pytest.raises(MachineError, match=r"AWS_ENDPOINT_URL is no .* expected http://HOST:PORT"):
        store_of(parsed("s3://digits/a"))


_WITHOUT = """
import sys
sys.modules["obstore"] = None  # its import fails, as where it is not installed
import mnist_batch
mnist_batch.predict({images!r}, {out!r}, report=False)
try:
    mnist_batch.predict("s3://digits/a.png", {out!r}, overwrite=True, report=False)
except mnist_batch.errors.MissingExtraError as error:
    print(error)
"""


def test_local_runs_do_without_the_library(tmp_path: Path, digits_folder: Path) -> None:
    """Where obstore is not installed, an address is refused with what to install."""
    code = _WITHOUT.format(images=str(digits_folder), out=str(tmp_path / "out.csv"))
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout == (
        "s3://digits needs obstore, which is not installed; pip install 'mnist-batch[remote]'\n"
    )
