"""Locks that end with the process that holds them."""

import subprocess
import sys
from pathlib import Path

import pytest

from mnist_batch.outputs.file_lock import lock

_HOLD = """
import sys, time
from pathlib import Path
from mnist_batch.outputs.file_lock import lock
held = lock(Path(sys.argv[1]))
print(held is not None, flush=True)
time.sleep(60)
"""


def _holder(path: Path) -> "subprocess.Popen[str]":
    """Start a process that holds the lock, and return it once it does."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, path], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout
    assert holder.stdout.readline() == "True\n"
    return holder


def test_a_held_lock_is_not_given_twice(tmp_path: Path) -> None:
    """Not to this process either."""
    path = tmp_path / "lock"
    held = lock(path)
    assert held
    assert lock(path) is None
    held.close()
    again = lock(path)
    assert again
    again.close()


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    """SIGKILL leaves the file, and no lock."""
    path = tmp_path / "lock"
    holder = _holder(path)
    assert lock(path) is None
    holder.kill()
    holder.wait()
    assert path.exists()
    held = lock(path)
    assert held
    held.close()


def test_a_lock_on_a_file_that_was_removed_does_not_count(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the last holder removes the file just after it was opened, a new one is locked."""
    import fcntl

    path = tmp_path / "lock"
    flock, calls = fcntl.flock, list[int]()

    def removing(descriptor: int, operation: int) -> None:
        if not calls:
            path.unlink()
        calls.append(descriptor)
        flock(descriptor, operation)

    monkeypatch.setattr(fcntl, "flock", removing)
    held = lock(path)
    assert held
    assert len(calls) == 2
    assert lock(path) is None
    held.close()


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A link named `lock` could make a file anywhere."""
    (tmp_path / "lock").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match="symbolic links"):
        lock(tmp_path / "lock")
    assert not (tmp_path / "elsewhere").exists()
