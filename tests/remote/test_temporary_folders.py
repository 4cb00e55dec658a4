"""Folders of temporary files, which outlast no process."""

import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest

from mnist_batch.remote.temporary_folders import TemporaryFolder

_HOLD = """
from mnist_batch.remote.temporary_folders import TemporaryFolder
folder = TemporaryFolder()
(folder.path / "copy").write_bytes(b"digits")
print(folder.path, flush=True)
input()
"""


@pytest.fixture(autouse=True)
def _there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))


def test_a_folder_is_there_within_its_context(tmp_path: Path) -> None:
    """It goes with all that is in it."""
    with TemporaryFolder() as path:
        (path / "a").mkdir()
        assert path.parent == tmp_path
    assert not path.exists()


def test_the_next_one_removes_what_a_killed_process_left(tmp_path: Path) -> None:
    """That of a live process stays, and so does whatever else has been put there."""
    other = tmp_path / "mnist-batch-of-the-user"
    other.mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", _HOLD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        theirs = Path(process.stdout.readline().strip())
        with TemporaryFolder():
            assert (theirs / "copy").read_bytes() == b"digits"
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert theirs.exists()
    with TemporaryFolder() as ours:
        assert sorted(tmp_path.iterdir()) == sorted([ours, other])


def test_a_folder_that_another_run_removes_before_it_is_locked_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In that moment it looks like what a killed process has left."""
    make, made = tempfile.mkdtemp, list[str]()

    def made_and_removed_once(**named: Any) -> str:  # noqa: ANN401 - as of mkdtemp
        made.append(make(**named))
        if len(made) == 1:
            Path(made[0]).rmdir()
        return made[-1]

    monkeypatch.setattr(tempfile, "mkdtemp", made_and_removed_once)
    with TemporaryFolder() as folder:
        assert [*tmp_path.iterdir()] == [folder]
    assert len(made) == 2
