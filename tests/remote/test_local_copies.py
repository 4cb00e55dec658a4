"""Local copies of whole objects."""

import gc
import io
import os
import subprocess
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.machine.failures import ReplacedError
from mnist_batch.remote import local_copies, objects
from mnist_batch.remote.local_copies import LocalCopy, local_copy
from tests.support.command import COMMAND
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
    kept = local_copies._Kept()
    monkeypatch.setattr(local_copies, "_kept", kept)
    small = [objects.stat(bucket.put(f"{number}", b"xx")) for number in range(6)]
    large = [objects.stat(bucket.put(f"large-{number}", bytes(9))) for number in range(5)]
    copies = [local_copy(one) for one in small]
    assert [*kept._copies] == [(one,) for one in small[1:]]
    assert local_copy(small[1]) is copies[1]  # and is the last one now
    for one in large:
        local_copy(one)
    assert [*kept._copies] == [(one,) for one in large[1:]]


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
