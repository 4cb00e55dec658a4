"""Machines find out whether they see one place of parts."""

from pathlib import Path

import pytest

from mnist_batch.outputs.kinds import rows_kept
from mnist_batch.outputs.parts.probe import probe_in, why_not_shared
from mnist_batch.remote.addresses import joined
from tests.support.s3_server import Bucket


def test_a_probe_is_seen_where_it_was_written_and_leaves_nothing(
    tmp_path: Path, bucket: Bucket
) -> None:
    """In a folder as on object storage."""
    for place in (tmp_path, f"{bucket.url}/out.csv.staging"):
        with probe_in(place, "out.csv") as probe:
            assert why_not_shared(probe) == ""
        assert why_not_shared(probe) != ""
    assert list(tmp_path.iterdir()) == []
    assert bucket.objects() == {}
    assert rows_kept(f"{bucket.url}/out.csv") == 0


def test_another_file_of_its_name_is_not_it(tmp_path: Path, bucket: Bucket) -> None:
    """As in a folder that each machine has for itself."""
    (tmp_path / "part.12345678.tmp").write_text("part.87654321.tmp")
    bucket.put("a.staging/part.12345678.tmp", b"part.87654321.tmp")
    for probe in (
        tmp_path / "part.12345678.tmp",
        joined(f"{bucket.url}/a.staging", "part.12345678.tmp"),
    ):
        assert why_not_shared(probe) == "another file is there"


def test_it_is_said_why_a_machine_does_not_see_it(
    tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No folder, no bucket, no object, no way to the store."""
    name = "part.12345678.tmp"
    for probe in (tmp_path / "none" / name, f"s3://not-there/a/{name}", f"{bucket.url}/a/{name}"):
        assert why_not_shared(probe) == "No such file or directory"
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    found = why_not_shared(f"s3://elsewhere/a/{name}")
    assert found.startswith(f"s3://elsewhere/a/{name}: S3 cannot be reached")
