"""A staged folder of files appears whole or not at all."""

import errno
import os
from pathlib import Path
from typing import Any

import pytest

from mnist_batch.errors import OutputError
from mnist_batch.outputs.atomic import StagedFile, StagedFolder


def is_ours(path: Path) -> bool:
    """Tell whether a file says that an earlier run wrote it."""
    return path.read_text() == "ours"


def test_a_link_that_leads_to_itself_is_refused(tmp_path: Path) -> None:
    """Up to Python 3.12 `Path.resolve` raises no `OSError` there."""
    loop = tmp_path / "loop.csv"
    loop.symlink_to("loop.csv")
    for make in (
        lambda: StagedFile(loop, overwrite=True),
        lambda: StagedFolder(loop, overwrite=True, ours=is_ours),
    ):
        with pytest.raises(OutputError, match="is a link that leads to itself"):
            make()


def staged(target: Path, *, overwrite: bool = False) -> StagedFolder:
    """Return a folder with one file in a folder, written but not committed."""
    folder = StagedFolder(target, overwrite=overwrite, ours=is_ours)
    path = folder.begin()
    (path / "sub").mkdir()
    (path / "sub" / "new").write_text("ours")
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Return all files below a folder, hidden ones too, with what they hold."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file()
    }


def write_earlier(folder: Path) -> None:
    """Write what an earlier run left."""
    (folder / "1").mkdir(parents=True)
    (folder / "1" / "old").write_text("ours")


def test_a_folder_is_unseen_until_commit(tmp_path: Path) -> None:
    """And then it is there, and nothing else."""
    folder = staged(tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert all(path.name.startswith(".out.") for path in tmp_path.iterdir())
    folder.commit()
    assert contents(tmp_path) == {"out/sub/new": "ours"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def killed(target: Path, *, between_renames: bool = False) -> list[Path]:
    """Return what a process leaves that dies before the commit, or in the middle of it."""
    process = os.fork()
    if process == 0:
        folder = staged(target, overwrite=between_renames)
        if between_renames:
            Path.rename = lambda *_: os._exit(0)  # type: ignore[method-assign]
            target.replace(next(target.parent.glob(".out.*")) / "old")
            folder.commit()
        os._exit(0)
    assert os.waitpid(process, 0)[1] == 0
    return sorted(target.parent.glob(".out.*"))


def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path) -> None:
    """But not what a live one is writing, nor what only looks like it."""
    (left,) = killed(tmp_path / "out")
    assert contents(left)["new/sub/new"] == "ours"
    others = [tmp_path / ".out.12345678.tmp", tmp_path / ".other.12345678.tmp"]
    for other in others:
        other.mkdir()
    (others[0] / "mine").write_text("mine")
    first = staged(tmp_path / "out")
    assert not left.exists()
    second = staged(tmp_path / "out")
    first.commit()
    assert contents(tmp_path / "out") == {"sub/new": "ours"}
    second.discard()
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(
        ["out", *(other.name for other in others)]
    )


def test_an_earlier_folder_is_kept_until_there_is_a_new_one(tmp_path: Path) -> None:
    """Even where the run that was to replace it was killed between the two renames."""
    write_earlier(tmp_path / "out")
    (left,) = killed(tmp_path / "out", between_renames=True)
    assert not (tmp_path / "out").exists()
    folder = staged(tmp_path / "out")
    assert contents(left)["old/1/old"] == "ours"
    folder.commit()
    staged(tmp_path / "out", overwrite=True).discard()
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_checking_a_folder_touches_nothing(tmp_path: Path) -> None:
    """Before `begin` there is nothing to discard."""
    folder = StagedFolder(tmp_path / "out", overwrite=False, ours=is_ours)
    assert list(tmp_path.iterdir()) == []
    folder.discard()


def test_discarding_a_folder_leaves_nothing(tmp_path: Path) -> None:
    """Not even where it is done twice."""
    folder = staged(tmp_path / "out")
    folder.discard()
    folder.discard()
    assert list(tmp_path.iterdir()) == []


def test_discarding_after_the_commit_keeps_the_folder(tmp_path: Path) -> None:
    """So it can stand in a finally."""
    folder = staged(tmp_path / "out")
    folder.commit()
    folder.discard()
    assert contents(tmp_path) == {"out/sub/new": "ours"}


@pytest.mark.parametrize("name", ["lock", "new"])
def test_a_folder_that_cannot_be_begun_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A disk may have room for a folder, and none for what goes into it."""
    make_folder, make_file = Path.mkdir, os.open

    def mkdir(path: Path, *arguments: Any, **options: Any) -> None:  # noqa: ANN401 - of mkdir
        if path.name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        make_folder(path, *arguments, **options)

    def opened(path: Any, *arguments: Any, **options: Any) -> int:  # noqa: ANN401 - of open
        if Path(path).name == name:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return make_file(path, *arguments, **options)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    monkeypatch.setattr(os, "open", opened)
    with pytest.raises(OutputError, match="No space left on device"):
        StagedFolder(tmp_path / "out", overwrite=False, ours=is_ours).begin()
    assert list(tmp_path.iterdir()) == []


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    """Its permissions stay: it may have been made private."""
    (tmp_path / "out").mkdir(mode=0o700)
    staged(tmp_path / "out").commit()
    assert contents(tmp_path) == {"out/sub/new": "ours"}
    assert (tmp_path / "out").stat().st_mode & 0o777 == 0o700


def test_a_folder_has_the_users_permissions(tmp_path: Path) -> None:
    """Those of any new folder, not the private ones of a temporary one."""
    (tmp_path / "ordinary").mkdir()
    staged(tmp_path / "out").commit()
    assert (tmp_path / "out").stat().st_mode == (tmp_path / "ordinary").stat().st_mode


def test_a_folder_with_anything_in_it_is_refused(tmp_path: Path) -> None:
    """Be it an empty folder, or what an earlier run wrote."""
    (tmp_path / "a" / "empty").mkdir(parents=True)
    write_earlier(tmp_path / "b")
    for name in "ab":
        with pytest.raises(OutputError, match=f"{name} is not empty.*overwrite=True"):
            StagedFolder(tmp_path / name, overwrite=False, ours=is_ours)
    assert contents(tmp_path) == {"b/1/old": "ours"}


def test_an_earlier_folder_stays_until_it_is_replaced_whole(tmp_path: Path) -> None:
    """None of its files is left."""
    write_earlier(tmp_path / "out")
    folder = staged(tmp_path / "out", overwrite=True)
    assert contents(tmp_path / "out") == {"1/old": "ours"}
    folder.commit()
    assert contents(tmp_path) == {"out/sub/new": "ours"}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("place", ["mine", "1/mine", ".hidden"])
def test_a_folder_with_another_file_is_never_replaced(tmp_path: Path, place: str) -> None:
    """However deep it lies; the message names it."""
    write_earlier(tmp_path / "out")
    (tmp_path / "out" / place).write_text("mine")
    before = contents(tmp_path)
    with pytest.raises(OutputError, match=f"out holds {place}, which no earlier run wrote"):
        StagedFolder(tmp_path / "out", overwrite=True, ours=is_ours)
    assert contents(tmp_path) == before


def test_a_link_in_a_folder_is_another_file(tmp_path: Path) -> None:
    """To a file that is ours as well as to a folder."""
    write_earlier(tmp_path / "elsewhere")
    for name, target in (("a", "elsewhere/1/old"), ("b", "elsewhere/1")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "link").symlink_to(tmp_path / target)
        with pytest.raises(OutputError, match=f"{name} holds link"):
            StagedFolder(tmp_path / name, overwrite=True, ours=is_ours)


@pytest.mark.parametrize("overwrite", [False, True])
def test_files_that_came_meanwhile_are_kept(tmp_path: Path, overwrite: bool) -> None:
    """The run is refused at its end, and leaves nothing of its own."""
    folder = staged(tmp_path / "out", overwrite=overwrite)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("mine")
    with pytest.raises(OutputError, match=r"out (is not empty|holds mine)"):
        folder.commit()
    folder.discard()
    assert contents(tmp_path) == {"out/mine": "mine"}


def test_an_interrupt_between_the_renames_brings_the_earlier_folder_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At no time may there be neither."""
    write_earlier(tmp_path / "out")
    folder = staged(tmp_path / "out", overwrite=True)
    rename, calls = Path.rename, []

    def interrupted(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", interrupted)
    with pytest.raises(KeyboardInterrupt):
        folder.commit()
    assert not (tmp_path / "out").exists()
    folder.discard()
    assert contents(tmp_path) == {"out/1/old": "ours"}


def test_what_cannot_be_brought_back_is_not_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The earlier folder is then still there, under its hidden name."""
    write_earlier(tmp_path / "out")
    folder = staged(tmp_path / "out", overwrite=True)
    rename, calls = Path.rename, []

    def refused(path: Path, target: Path) -> Path:
        calls.append(path)
        if len(calls) > 1:
            raise PermissionError(1, "Operation not permitted")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refused)
    with pytest.raises(OutputError, match="Operation not permitted"):
        folder.commit()
    folder.discard()
    assert "ours" in [text for name, text in contents(tmp_path).items() if name.endswith("/1/old")]


def test_behind_a_link_the_folder_is_replaced_and_not_the_link(tmp_path: Path) -> None:
    """It may lead to another disk."""
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "elsewhere")
    staged(tmp_path / "out").commit()
    assert (tmp_path / "out").is_symlink()
    assert contents(tmp_path / "elsewhere") == {"sub/new": "ours"}


def test_the_working_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Replaced, it would be gone under the feet of who stands in it."""
    (tmp_path / "out" / "below").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "out" / "below")
    for name in (".", ".."):
        with pytest.raises(OutputError, match="name a new folder in it"):
            StagedFolder(Path(name), overwrite=True, ours=is_ours)


def test_a_mounted_folder_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It cannot be renamed, as would come out only at the end."""
    (tmp_path / "out").mkdir()
    monkeypatch.setattr(Path, "is_mount", lambda path: path.name == "out")
    with pytest.raises(OutputError, match="name a new folder in it"):
        StagedFolder(tmp_path / "out", overwrite=False, ours=is_ours)


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """It is refused even with overwrite."""
    (tmp_path / "out").write_text("ours")
    with pytest.raises(OutputError, match="out is a file"):
        StagedFolder(tmp_path / "out", overwrite=True, ours=is_ours)


def test_folders_above_that_are_missing_are_made_when_it_begins(tmp_path: Path) -> None:
    """As for a file; and removed where it is not committed."""
    target = tmp_path / "a" / "b" / "out"
    StagedFolder(target, overwrite=False, ours=is_ours)
    assert list(tmp_path.iterdir()) == []
    staged(target).discard()
    assert list(tmp_path.iterdir()) == []
    staged(target).commit()
    assert contents(tmp_path) == {"a/b/out/sub/new": "ours"}


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_the_folder_above_must_be_writable(tmp_path: Path) -> None:
    """Since the folder is renamed in it."""
    (tmp_path / "above" / "out").mkdir(parents=True)
    (tmp_path / "above").chmod(0o500)
    with pytest.raises(OutputError, match="above cannot be written"):
        StagedFolder(tmp_path / "above" / "out", overwrite=False, ours=is_ours)
