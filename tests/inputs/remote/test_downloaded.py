"""Files in object storage that are read from a local copy of the whole."""

import pickle
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.remote import downloaded
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.remote import local_copies
from tests.support.s3_server import Bucket


def _array(bucket: Bucket, tmp_path: Path, rows: int) -> str:
    np.save(tmp_path / "a.npy", np.zeros((rows, 28, 28), np.uint8))
    return bucket.put("a.npy", (tmp_path / "a.npy").read_bytes())


def test_a_shard_is_read_in_another_process(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pickled it knows the object alone, and brings a copy of its own there."""
    shards = open_inputs([_array(bucket, tmp_path, 20_000)]).shards
    sent = pickle.dumps(shards[-1])
    downloaded._kept_opened.cache_clear()
    monkeypatch.setattr(local_copies, "_kept", local_copies._Kept())
    there = pickle.loads(sent)
    assert sum(len(batch) for batch in there.read(1000)) == there.rows == 20_000 % 8192
    assert there.fingerprint() == shards[-1].fingerprint()
    assert there.place(3) == ("a.npy", 2 * 8192 + 3)


def test_a_file_that_changed_ends_the_run(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rows cannot be told from those of the one that was listed."""
    address = _array(bucket, tmp_path, 3)
    (shard,) = open_inputs([address]).shards
    downloaded._kept_opened.cache_clear()
    monkeypatch.setattr(local_copies, "_kept", local_copies._Kept())
    bucket.put("a.npy", b"another")
    with pytest.raises(InputError, match=f"^{address}: replaced after it was listed; run again"):
        next(shard.read(10))


def test_what_is_wrong_with_labels_is_said_of_the_address(bucket: Bucket, tmp_path: Path) -> None:
    """A label that is no digit is told with the file that it lies in."""
    np.savez(tmp_path / "a.npz", x=np.zeros((2, 28, 28), np.uint8), y=np.array([1, 77]))
    address = bucket.put("a.npz", (tmp_path / "a.npz").read_bytes())
    with pytest.raises(LabelError, match=f"^{address}, y"):
        [*open_inputs([address]).shards[0].read(10)]
