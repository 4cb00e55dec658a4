"""Whole files to and from a real server of S3."""

from pathlib import Path

import numpy as np
import pytest

from mnist_batch.remote import objects, transfers
from tests.support.s3_server import Bucket


@pytest.mark.parametrize("size", [0, 3, 2**23 + 1])
def test_a_file_comes_back_as_it_went(bucket: Bucket, tmp_path: Path, size: int) -> None:
    """A file of no byte, of one request and of several parts is the same after both ways."""
    content = np.random.default_rng(1).bytes(size)
    (tmp_path / "sent").write_bytes(content)
    transfers.upload(tmp_path / "sent", f"{bucket.url}/a")
    assert bucket.get("a") == content
    found = transfers.download(f"{bucket.url}/a", tmp_path / "received")
    assert found.size == size
    assert (tmp_path / "received").read_bytes() == content


def test_a_browser_is_told_what_an_object_is(bucket: Bucket, tmp_path: Path) -> None:
    """So that it shows a page of a report instead of saving it."""
    (tmp_path / "index.html").write_text("<!doctype html>")
    transfers.upload(tmp_path / "index.html", f"{bucket.url}/report/index.html")
    objects.put(f"{bucket.url}/report/metrics.json", b"{}")
    for name, kind in (("index.html", "text/html"), ("metrics.json", "application/json")):
        found = bucket.client.head_object(Bucket=bucket.name, Key=f"report/{name}")
        assert found["ContentType"] == kind
