"""A staged file appears whole or not at all."""

import os
from pathlib import Path

import pytest

from mnist_batch.errors import OutputError
from mnist_batch.staging import StagedFile, check_writable, translated


def test_a_file_is_unseen_until_commit(tmp_path: Path) -> None:
    """And then it is there, and nothing else."""
    target = tmp_path / "out.csv"
    staged = StagedFile(target, overwrite=False)
    staged.path.write_text("all of it")
    assert not target.exists()
    staged.commit()
    assert target.read_text() == "all of it"
    assert list(tmp_path.iterdir()) == [target]


def test_the_old_file_stays_until_commit(tmp_path: Path) -> None:
    """A reader sees the old file or the new one, never a part."""
    target = tmp_path / "out.csv"
    target.write_text("old")
    staged = StagedFile(target, overwrite=True)
    staged.path.write_text("new")
    assert target.read_text() == "old"
    staged.commit()
    assert target.read_text() == "new"


def test_discard_leaves_nothing(tmp_path: Path) -> None:
    """Not even where it is called twice."""
    staged = StagedFile(tmp_path / "out.csv", overwrite=False)
    staged.discard()
    staged.discard()
    assert list(tmp_path.iterdir()) == []


def test_discard_after_commit_keeps_the_file(tmp_path: Path) -> None:
    """So it can stand in a finally."""
    staged = StagedFile(tmp_path / "out.csv", overwrite=False)
    staged.commit()
    staged.discard()
    assert (tmp_path / "out.csv").exists()


def test_a_file_that_came_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    """Two runs on one output: the second to end is refused."""
    target = tmp_path / "out.csv"
    staged = StagedFile(target, overwrite=False)
    target.write_text("of another run")
    with pytest.raises(OutputError, match="exists already"):
        staged.commit()
    assert target.read_text() == "of another run"


def test_the_file_has_the_users_permissions(tmp_path: Path) -> None:
    """Those of any new file, not the private ones of a temporary file."""
    ordinary = tmp_path / "ordinary"
    ordinary.write_text("")
    staged = StagedFile(tmp_path / "out.csv", overwrite=False)
    staged.commit()
    assert (tmp_path / "out.csv").stat().st_mode == ordinary.stat().st_mode


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("folder", "is a folder"),
        ("present.csv", "exists already"),
        ("absent/out.csv", "is not a folder"),
    ],
)
def test_a_target_that_cannot_be_is_refused(tmp_path: Path, name: str, message: str) -> None:
    """In one line that names it, before anything is written."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "present.csv").write_text("")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(OutputError, match=message) as caught:
        StagedFile(tmp_path / name, overwrite=False)
    assert "\n" not in str(caught.value)
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_may_not_be_written_is_refused(tmp_path: Path) -> None:
    """Before hours of work, not after."""
    tmp_path.chmod(0o500)
    with pytest.raises(OutputError, match="cannot be written"):
        check_writable(tmp_path / "out.csv", overwrite=False)


def test_what_the_disk_says_becomes_one_line(tmp_path: Path) -> None:
    """The message names the target and the cause."""
    with (
        pytest.raises(OutputError, match=r"out\.csv.*No space left"),
        translated(tmp_path / "out.csv"),
    ):
        raise OSError(28, "No space left on device")
