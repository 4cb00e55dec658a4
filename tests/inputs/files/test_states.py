"""Files are known again by size, time and inode."""

import os
import threading
from pathlib import Path
from typing import Any

import pytest

from mnist_batch._kernels import files
from mnist_batch.inputs.files.states import file_states
from tests.support.small_files import touch


def test_states_are_size_time_and_inode(tmp_path: Path) -> None:
    """As the system tells them; -1 for a file that is not there, or cannot be."""
    touch(tmp_path, "a.png")
    status = (tmp_path / "a.png").stat()
    states = file_states([tmp_path / "a.png", str(tmp_path / "b.png"), "a\0b"])
    time_s, nanoseconds = divmod(status.st_mtime_ns, 10**9)
    assert states.tolist() == [[1, time_s, nanoseconds, status.st_ino], [-1] * 4, [-1] * 4]
    assert file_states([]).shape == (0, 4)


@pytest.mark.parametrize("can_start", [True, False])
def test_states_of_many_files_are_in_their_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, can_start: bool
) -> None:
    """Two threads ask, or one where the system allows no more; files that are missing have none."""
    sizes = [number % 7 for number in range(1500)]
    for number, size in enumerate(sizes):
        if size:
            (tmp_path / str(number)).write_bytes(bytes(size))

    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    if not can_start:
        monkeypatch.setattr(threading.Thread, "start", refuse)
    states = file_states([f"{tmp_path}/{number}" for number in range(len(sizes))])
    assert states[:, 0].tolist() == [size or -1 for size in sizes]


@pytest.mark.filterwarnings("error::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_thread_that_lacks_memory_leaves_its_files_to_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a traceback of its own: one by one, which tells what the system says."""
    ask, threads = files.file_states, []

    def short_of_memory(*arguments: Any) -> None:  # noqa: ANN401 - arrays
        threads.append(threading.current_thread())
        if threads[-1] is not threading.main_thread():
            raise MemoryError
        ask(*arguments)

    monkeypatch.setattr(files, "file_states", short_of_memory)
    touch(tmp_path, "a.png")
    states = file_states([tmp_path / "a.png"] * 1024)
    assert len(threads) == 2
    assert states[:, 0].tolist() == [1] * 1024


@pytest.mark.parametrize("seconds", [-(2**40), -1, 0, 2**33, 9_223_372_037, 10_413_792_000, 2**37])
def test_any_time_of_a_file_is_told_from_the_next(tmp_path: Path, seconds: int) -> None:
    """Long before 1970, and past 2262-04-11, where 64 bits of nanoseconds end."""
    touch(tmp_path, "a.png")
    found = set()
    for nanoseconds in (0, 1, 999_999_999):
        time = seconds * 10**9 + nanoseconds
        os.utime(tmp_path / "a.png", ns=(time, time))
        found.add(file_states([tmp_path / "a.png"]).tobytes())
    if (tmp_path / "a.png").stat().st_mtime_ns != time:
        pytest.skip("this file system does not hold the time")
    assert len(found) == 3


def test_an_inode_may_have_all_64_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Network file systems make them so; no two are taken for one."""
    inodes = [1, 2**63 - 1, 2**63, 2**63 + 1, 2**64 - 1]
    status = [os.stat_result([0, inode, *[0] * 8], {"st_mtime_ns": 7}) for inode in inodes]
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda number: status[int(number)])
        states = file_states([*map(str, range(len(inodes)))])
    assert [number % 2**64 for number in states[:, 3].tolist()] == inodes
