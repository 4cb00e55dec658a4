"""One run at a time works on an output."""

import errno
import fcntl
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.outputs.output_lock import OutputLock

_HOLD = """
import sys
from pathlib import Path
from mnist_batch.outputs.output_lock import OutputLock
with OutputLock(Path(sys.argv[1]), inside=sys.argv[2] == "True"):
    print("held", flush=True)
    sys.stdin.read()
"""


def _holder(output: Path, *, inside: bool) -> "subprocess.Popen[str]":
    """Start a process that holds the lock, and return it once it does."""
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLD, output, str(inside)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    assert holder.stdout.readline() == "held\n"
    return holder


@pytest.mark.parametrize("inside", [False, True])
@pytest.mark.parametrize("end", [signal.SIGKILL, None])
def test_a_second_run_is_refused_until_the_first_ends(
    tmp_path: Path, inside: bool, end: signal.Signals | None
) -> None:
    """In its own time or by a kill; through a link to the output too."""
    output, link = tmp_path / "real" / "out", tmp_path / "link"
    output.parent.mkdir()
    link.symlink_to(output)
    holder = _holder(output, inside=inside)
    for name in (output, link, output.parent / ".." / "real" / "out"):
        with (
            pytest.raises(OutputInUseError, match="another run is writing it; wait for its end"),
            OutputLock(name, inside=inside),
        ):
            pass
    if end:
        holder.send_signal(end)
    holder.communicate()
    with OutputLock(link, inside=inside) as held:
        assert held.notes == []
    if inside and end:  # made by the run that was killed, as far as anybody knows by the user
        output.rmdir()
    assert list(output.parent.iterdir()) == []


def test_outputs_of_like_names_do_not_lock_one_another(tmp_path: Path) -> None:
    """Names as long as the system allows are told apart too."""
    names = ["a", "a.lock", "b", "n" * 251 + ".h5", "n" * 252 + ".h5", "\u00e9" * 100]
    locks = [OutputLock(tmp_path / name) for name in names]
    for held in locks:
        held.__enter__()
    assert len(list(tmp_path.iterdir())) == len(names)
    for held in locks:
        held.__exit__()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_holds_something_stays(tmp_path: Path) -> None:
    """Whoever made it."""
    with OutputLock(tmp_path / "new", inside=True):
        (tmp_path / "new" / "file").touch()
    (tmp_path / "old").mkdir()
    with OutputLock(tmp_path / "old", inside=True):
        pass
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["file"]
    assert list((tmp_path / "old").iterdir()) == []


def test_somebodys_file_of_the_name_stays(tmp_path: Path) -> None:
    """A lock is empty; and a link is not followed."""
    mine = tmp_path / ".mnist-batch.lock"
    mine.write_text("mine")
    with OutputLock(tmp_path, inside=True):
        pass
    assert mine.read_text() == "mine"
    mine.unlink()
    mine.symlink_to(tmp_path / "elsewhere")
    with (
        pytest.raises(OutputError, match=r"\.mnist-batch\.lock could not be written"),
        OutputLock(tmp_path, inside=True),
    ):
        pass
    assert mine.is_symlink()
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.parametrize("inside", [False, True])
def test_the_lock_of_another_run_stays(tmp_path: Path, inside: bool) -> None:
    """As where somebody removed the first one's file, and it ends after the second began."""
    first, second, third = (OutputLock(tmp_path / "out", inside=inside) for _ in range(3))
    first.__enter__()
    (file,) = (path for path in tmp_path.rglob("*.lock") if path.is_file())
    file.unlink()
    with second:
        first.__exit__()
        with pytest.raises(OutputInUseError), third:
            pass
    assert not file.exists()


def test_a_folder_that_goes_meanwhile_is_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its last holder may remove it between our making and locking it."""
    folder, opened = tmp_path / "report", os.open
    tries: list[object] = []

    def removing(path: Path, flags: int, mode: int = 0o777) -> int:
        if not tries:
            folder.rmdir()
        tries.append(path)
        return opened(path, flags, mode)

    monkeypatch.setattr(os, "open", removing)
    with OutputLock(folder, inside=True):
        assert folder.is_dir()
    assert len(tries) == 2
    assert not folder.exists()


def test_a_lock_that_cannot_be_had_leaves_no_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where the umask lets nobody enter what is made."""

    def refuse(*_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", refuse)
    with (
        pytest.raises(OutputError, match="Permission denied"),
        OutputLock(tmp_path / "report", inside=True),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("inside", [False, True])
def test_folders_that_are_missing_are_there_while_it_is_held(tmp_path: Path, inside: bool) -> None:
    """They stay if something is in them at the end."""
    out = tmp_path / "a" / "b" / "out"
    with OutputLock(out, inside=inside):
        assert out.parent.is_dir()
    assert list(tmp_path.iterdir()) == []
    with OutputLock(out, inside=inside):
        (tmp_path / "a" / "mine").touch()
    assert [path.name for path in (tmp_path / "a").iterdir()] == ["mine"]


def test_a_file_system_without_locks_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some that are reached over a network; the run goes on."""

    def refuse(_descriptor: int, _operation: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with OutputLock(tmp_path / "report", inside=True) as held:
        (note,) = held.notes
    assert note.startswith(f"{tmp_path / 'report'}: its file system has no locks")
    assert list(tmp_path.iterdir()) == []


_MANY = """
import sys, time
from pathlib import Path
from mnist_batch.errors import OutputInUseError
from mnist_batch.outputs.output_lock import OutputLock
folder, inside = Path(sys.argv[1]), sys.argv[2] == "True"
got, until = 0, time.monotonic() + 1.5
while time.monotonic() < until:
    try:
        with OutputLock(folder, inside=inside):
            (folder.parent / "alone").mkdir()
            (folder.parent / "alone").rmdir()
            got += 1
    except OutputInUseError:
        pass
print(got)
"""


@pytest.mark.parametrize("inside", [False, True])
def test_of_many_runs_one_holds_it_at_a_time(tmp_path: Path, inside: bool) -> None:
    """However they come and go, while the lock and its folder are made and removed."""
    command = [sys.executable, "-c", _MANY, str(tmp_path / "report"), str(inside)]
    runs = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(4)
    ]
    ended = [run.communicate() for run in runs]
    assert all(run.returncode == 0 for run in runs), ended
    assert sum(int(out) for out, _ in ended) > 0
    # Of the folder nobody may know who made it: one run can make it, and another be first to lock.
    assert {path.name for path in tmp_path.rglob("*")} <= {"report"}
