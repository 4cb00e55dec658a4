"""The limits of memory that a process is under, as Linux tells them."""

from pathlib import Path

import pytest

from mnist_batch.machine.memory_limits import (
    allowed_memory,
    available_memory,
    group_limits,
    group_rooms,
    resident_memory,
)

GIB = 2**30


def _process(folder: Path, groups: str, mounts: str) -> Path:
    """Write what `/proc` says of a process, and return its folder."""
    (folder / "cgroup").write_text(groups)
    (folder / "mountinfo").write_text(mounts.format(folder=folder))
    return folder


def _limit(folder: Path, name: str, value: object) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text(f"{value}\n")


def test_of_version_2_the_groups_above_count_too(tmp_path: Path) -> None:
    """As of a service within a slice (kernel documentation, cgroup-v2, memory)."""
    proc = _process(
        tmp_path,
        "0::/a.slice/b.service\n",
        "30 23 0:26 / {folder}/fs rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n",
    )
    _limit(tmp_path / "fs/a.slice/b.service", "memory.max", "max")
    _limit(tmp_path / "fs/a.slice/b.service", "memory.high", 3 * GIB)
    _limit(tmp_path / "fs/a.slice", "memory.max", 2 * GIB)
    assert sorted(group_limits(proc)) == [2 * GIB, 3 * GIB]


def test_a_container_sees_its_own_group_as_the_root(tmp_path: Path) -> None:
    """In a namespace the group is `/`; without one its path is not below the mount's root."""
    for groups, root in (("0::/", "/"), ("0::/docker/1f", "/docker/1f"), ("0::/../x", "/")):
        mounts = f"30 23 0:26 {root} {{folder}}/fs ro - cgroup2 cgroup rw\n"
        proc = _process(tmp_path, groups + "\n", mounts)
        _limit(tmp_path / "fs", "memory.max", GIB)
        assert list(group_limits(proc)) == [GIB]


def test_of_version_1_the_controller_of_memory_counts(tmp_path: Path) -> None:
    """Beside it others are mounted, and version 2 without controllers."""
    proc = _process(
        tmp_path,
        "4:cpu,cpuacct:/x\n3:memory:/box/1\n0::/\n",
        "31 23 0:28 / {folder}/none rw - tmpfs tmpfs rw\n"
        "32 31 0:29 / {folder}/cpu rw - cgroup cgroup rw,cpu\n"
        "35 31 0:32 /box {folder}/a\\040b rw shared:9 - cgroup cgroup rw,memory\n"
        "41 31 0:38 / {folder}/unified rw - cgroup2 cgroup2 rw\n",
    )
    _limit(tmp_path / "cpu/x", "memory.limit_in_bytes", 1)
    _limit(tmp_path / "a b/1", "memory.limit_in_bytes", GIB)
    _limit(tmp_path / "a b", "memory.limit_in_bytes", 9223372036854771712)
    assert list(group_limits(proc)) == [GIB, 9223372036854771712]


@pytest.mark.parametrize("groups", ["", "nonsense\n", "0::/gone\n"])
def test_without_a_group_there_is_no_limit(tmp_path: Path, groups: str) -> None:
    """Other systems have no `/proc`, and a group may be gone."""
    assert list(group_limits(tmp_path / "missing")) == []
    mounts = "30 23 0:26 / {folder}/fs rw - cgroup2 cgroup2 rw\n"
    assert list(group_limits(_process(tmp_path, groups, mounts))) == []


def test_this_process_takes_less_than_it_may() -> None:
    """Both numbers are bytes."""
    assert 2**20 < resident_memory() < allowed_memory()


@pytest.mark.parametrize(
    ("mount", "names", "prefix"),
    [
        ("cgroup2 cgroup2 rw", ("memory.max", "memory.current"), ""),
        ("cgroup cgroup rw,memory", ("memory.limit_in_bytes", "memory.usage_in_bytes"), "total_"),
    ],
)
def test_what_a_group_has_left_counts_copies_of_files_as_free(
    tmp_path: Path, mount: str, names: tuple[str, str], prefix: str
) -> None:
    """The kernel drops these when memory is needed; of 4 GiB 3 are used, one by copies of files."""
    line = "0::/box" if mount.startswith("cgroup2") else "3:memory:/box"
    proc = _process(tmp_path, f"{line}\n", f"30 23 0:26 / {{folder}}/fs rw - {mount}\n")
    for name, value in zip(names, (4 * GIB, 3 * GIB), strict=True):
        _limit(tmp_path / "fs/box", name, value)
    stat = f"anon 1\nactive_file 5\n{prefix}active_file {GIB}\n{prefix}inactive_file 2"
    if not prefix:
        stat = stat.replace("active_file 5\n", "")
    _limit(tmp_path / "fs/box", "memory.stat", stat)
    assert list(group_rooms(proc)) == [2 * GIB + 2]


def test_this_process_may_still_take_some_of_what_it_is_allowed() -> None:
    """Whatever else runs on the machine."""
    assert 0 <= available_memory() <= allowed_memory()
