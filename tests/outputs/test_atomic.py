"""A staged file appears whole or not at all."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_batch.errors import OutputError
from mnist_batch.outputs import atomic, file_lock, targets
from mnist_batch.outputs.atomic import StagedFile
from mnist_batch.outputs.file_lock import HeldLock, lock


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


def test_of_two_that_write_at_once_the_first_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though the other one had looked for the file before it was there."""
    target = tmp_path / "out.json"

    def slow(path: Path) -> None:
        targets.flush(path)
        target.write_text("first")

    monkeypatch.setattr(atomic, "flush", slow)
    with (
        pytest.raises(OutputError, match="exists already"),
        StagedFile(target, overwrite=False) as staged,
    ):
        staged.path.write_text("second")
        staged.commit()
    assert target.read_text() == "first"
    assert list(tmp_path.iterdir()) == [target]


def test_a_file_system_without_second_names_takes_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As FAT is one."""

    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    with StagedFile(tmp_path / "out.json", overwrite=False) as staged:
        staged.path.write_text("text")
        staged.commit()
    assert [path.read_text() for path in tmp_path.iterdir()] == ["text"]


def test_folders_that_are_missing_are_made_while_it_is_written(tmp_path: Path) -> None:
    """And removed again where it is not committed."""
    target = tmp_path / "a" / "b" / "out.csv"
    with StagedFile(target, overwrite=False) as staged:
        assert staged.path.parent == target.parent
    assert list(tmp_path.iterdir()) == []
    with StagedFile(target, overwrite=False) as staged:
        staged.commit()
    assert target.is_file()


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
        ("present.csv/out.csv", r"present\.csv is not a folder"),
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


def test_what_a_killed_run_left_is_removed(tmp_path: Path) -> None:
    """Of the same target, if no live process has it, and nothing else of a like name."""
    target = tmp_path / "out.parquet"
    write_and_die = f"""
import errno
import os
import re
from pathlib import Path
from mnist_batch.outputs.atomic import StagedFile
StagedFile(Path({str(target)!r}), overwrite=False)
os._exit(9)
"""
    assert subprocess.run([sys.executable, "-c", write_and_die], check=False).returncode == 9
    (left,) = tmp_path.iterdir()
    others = {".out.parquet.mine.tmp", ".out.parquet.12345678", "out.parquet.12345678.tmp"}
    for name in others:
        (tmp_path / name).touch()
    with StagedFile(target, overwrite=False) as alive:
        assert not left.exists()
        with StagedFile(target, overwrite=False) as second:
            assert alive.path.exists()
            second.commit()
        alive.path.write_text("the last")
    assert {path.name for path in tmp_path.iterdir()} == {*others, "out.parquet"}


def test_a_file_taken_for_dead_at_birth_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another run that cleans up may lock it before its maker does."""
    tries: list[Path] = []

    def taken_first(path: Path) -> HeldLock | None:
        tries.append(path)
        if len(tries) == 1:
            path.unlink()
            return None
        return lock(path)

    monkeypatch.setattr(file_lock, "lock", taken_first)
    with StagedFile(tmp_path / "out", overwrite=False) as staged:
        assert len(tries) == 2
        staged.path.write_text("text")
        staged.commit()
    assert (tmp_path / "out").read_text() == "text"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
