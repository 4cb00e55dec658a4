"""Local copies of whole objects."""

import gc
import io
import os
import subprocess
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.machine.failures import ReplacedError
from mnist_batch.remote import local_copies, objects
from mnist_batch.remote.local_copies import LocalCopy, local_copy
from mnist_batch.remote.temporary_folders import TemporaryFolder
from tests.support.command import COMMAND, run
from tests.support.fault_proxy import FaultProxy
from tests.support.s3_server import Bucket


def test_a_copy_has_the_name_and_the_bytes_of_its_object(bucket: Bucket) -> None:
    """Objects that belong together lie side by side."""
    content = np.random.default_rng(1).bytes(9_000_000)
    images = objects.stat(bucket.put("a/images.idx", content))
    labels = objects.stat(bucket.put("a/labels.idx", b"labels"))
    copy = LocalCopy(images, labels)
    assert (copy.path.name, copy.path.read_bytes()) == ("images.idx", content)
    assert (copy.path.parent / "labels.idx").read_bytes() == b"labels"


def test_a_copy_goes_when_nobody_needs_it(bucket: Bucket) -> None:
    """Its file is there as long as the object that holds it."""
    copy = LocalCopy(objects.stat(bucket.put("a", b"x")))
    path = copy.path
    assert path.is_file()
    del copy
    gc.collect()
    assert not path.parent.exists()


def test_the_last_copies_are_kept(bucket: Bucket) -> None:
    """An object that is asked for again is not downloaded again; a changed one is."""
    found = objects.stat(bucket.put("a", b"x"))
    assert local_copy(found) is local_copy(found)
    changed = objects.stat(bucket.put("a", b"y"))
    assert local_copy(changed).path.read_bytes() == b"y"


def test_of_many_objects_those_are_kept_that_are_small_together(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By hand, of up to ten bytes: six of two bytes, of which the first goes; four in any case."""
    monkeypatch.setattr(local_copies, "_KEPT_BYTES", 10)
    local_copies._kept.clear()
    small = [objects.stat(bucket.put(f"{number}", b"xx")) for number in range(6)]
    large = [objects.stat(bucket.put(f"large-{number}", bytes(9))) for number in range(5)]
    copies = [local_copy(one) for one in small]
    assert [*local_copies._kept] == [(one,) for one in small[1:]]
    assert local_copy(small[1]) is copies[1]  # and is the last one now
    for one in large:
        local_copy(one)
    assert [*local_copies._kept] == [(one,) for one in large[1:]]


def test_processes_of_a_machine_download_an_object_once(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four that begin at once: one of them asks for it, and all have its bytes, on one place."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    found = objects.stat(bucket.put("a.npy", b"digits"))
    folders = [TemporaryFolder() for _ in range(4)]
    begun = threading.Barrier(len(folders))

    def copied(folder: TemporaryFolder) -> Path:
        path = folder.path / "0" / "a.npy"
        path.parent.mkdir()
        begun.wait()
        local_copies._copy(found, path)
        return path

    with FaultProxy(bucket.endpoint) as proxy, ThreadPoolExecutor(len(folders)) as threads:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        paths = [*threads.map(copied, folders)]
        assert len([one for one in proxy.requests if one.path.endswith("a.npy")]) == 1
    assert {path.read_bytes() for path in paths} == {b"digits"}
    assert len({path.stat().st_ino for path in paths}) == 1
    for folder in folders:
        folder.remove()
    assert [*tmp_path.iterdir()] == []


def test_who_has_been_stopped_is_not_waited_for(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process that copies the object, and does not end, costs a second download."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(local_copies, "PATIENCE", timedelta(seconds=0.1))
    found = objects.stat(bucket.put("a.npy", b"digits"))
    (tmp_path / "0").mkdir()
    with local_copies._alone(local_copies._suffix(found)):
        local_copies._copy(found, tmp_path / "0" / "a.npy")
    assert (tmp_path / "0" / "a.npy").read_bytes() == b"digits"


def test_workers_share_the_copy_of_the_command(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With worker processes a file is downloaded as often as without: once."""
    content = io.BytesIO()
    np.savez(content, x=np.zeros((3, 28, 28), np.uint8))
    address, out = bucket.put("a.npz", content.getvalue()), tmp_path / "out.csv"
    with FaultProxy(bucket.endpoint) as proxy:
        monkeypatch.setenv("AWS_ENDPOINT_URL", proxy.url)
        run("predict", address, "--isolate", "--out", out, "--no-report", "--quiet")
        asked = [one for one in proxy.requests if one.path.endswith("a.npz")]
    assert [one.method for one in asked] == ["HEAD", "GET"]
    assert len(out.read_text().splitlines()) == 4


def test_another_object_in_its_place_is_not_copied(bucket: Bucket) -> None:
    """What was listed is downloaded, or nothing."""
    found = objects.stat(bucket.put("a", b"x"))
    bucket.put("a", b"y")
    with pytest.raises(ReplacedError):
        LocalCopy(found)


@pytest.mark.parametrize("command", ["inspect", "predict", "nightly"])
def test_a_command_leaves_no_copy(bucket: Bucket, tmp_path: Path, command: str) -> None:
    """It ends without telling Python's objects, and kills the processes that have downloaded."""
    content = io.BytesIO()
    ones = np.zeros((3, 28, 28), np.uint8)
    ones[:, 4:24, 12:16] = 255
    np.savez(content, x=ones)
    options = {
        "inspect": [],
        "predict": ["--isolate", "--out", str(tmp_path / "out.csv"), "--no-report"],
        "nightly": ["--runs", str(tmp_path / "nights")],
    }
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    subprocess.run(
        [*COMMAND, command, bucket.put("a.npz", content.getvalue()), *options[command]],
        check=True,
        capture_output=True,
        env={**os.environ, "TMPDIR": str(temporary)},
    )
    assert [*temporary.iterdir()] == []
