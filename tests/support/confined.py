"""Run the command confined: as another user, on a read-only system, with little memory.

What a machine does not allow skips the test and says why. Nothing outlives the command: mounts are
made in a namespace of its own, and groups are removed.
"""

import functools
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.command import COMMAND

UNKNOWN_USER = 100_000 + os.getpid()
"""A user without a passwd entry; each process of tests has its own, whose processes are counted."""

_CGROUPS = Path("/sys/fs/cgroup")
_NAMES_OF_A_HOME = ("HOME", "USER", "LOGNAME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")


def run_confined(
    folder: Path,
    *arguments: object,
    user: bool = False,
    read_only: bool = False,
    address_space: int | None = None,
    processes: int | None = None,
    memory: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> subprocess.CompletedProcess[str]:
    """Run the command in the working folder `/` and return what it said; see `confined`.

    `environment` is added to the environment of the tests.
    """
    with confined(
        folder,
        user=user,
        read_only=read_only,
        address_space=address_space,
        processes=processes,
        memory=memory,
    ) as prefix:
        return subprocess.run(
            [*prefix, *COMMAND, *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            env=os.environ | (environment or {}),
        )


@contextmanager
def confined(
    folder: Path,
    *,
    user: bool = False,
    read_only: bool = False,
    address_space: int | None = None,
    processes: int | None = None,
    memory: int | None = None,
) -> Iterator[list[str]]:
    """Yield the beginning of a command line: what follows it runs confined.

    Args:
        folder: the folder that the command works in, as `tmp_path`.
        user: whether to run as an ordinary user without a home and without a passwd entry. `folder`
            and all in it is given to that user. Folders on the way to it, to the interpreter and to
            the packages that only root may enter (as `/root`) are covered in a namespace by ones
            that hold nothing but what is needed. Where the tests run as an ordinary user
            themselves, the command runs as that user, without a home.
        read_only: whether nothing but `folder` can be written: no file system, no `/tmp`, no
            `/dev/shm`.
        address_space: bytes, as by `ulimit -v`.
        processes: how many processes and threads the user may have, as by `ulimit -u`; needs
            `user`, since root has no such limit.
        memory: bytes that the command and its children may take, as in a container; a memory cgroup
            of version 1 or 2.
    """
    is_root = os.geteuid() == 0
    command = []
    if user and is_root:
        _give(folder, UNKNOWN_USER)
    mounts = [
        *(_covering(_needed(folder)) if user and is_root else ()),
        *(_all_read_only(folder) if read_only else ()),
    ]
    if mounts:
        script = "\n".join(["set -e", *mounts, 'exec "$@"'])
        command += [*_namespace(), "sh", "-c", script, "sh"]
    if user:
        command += ["env", *(f"--unset={name}" for name in _NAMES_OF_A_HOME)]
    if user and is_root:
        number = str(UNKNOWN_USER)
        command += [_tool("setpriv"), "--reuid", number, "--regid", number, "--clear-groups"]
    elif user and mounts:  # the namespace made a root of the ordinary user
        command += [_tool("unshare"), "--user", f"--map-user={UNKNOWN_USER}"]
    if processes is not None:
        assert user, "root has no limit of processes"
        command += [_tool("prlimit"), f"--nproc={processes}"]
    if address_space is not None:
        command += [_tool("prlimit"), f"--as={address_space}"]
    if memory is None:
        yield command
        return
    with _memory_group(memory) as group:
        enter = f'echo $$ > {shlex.quote(str(group / "cgroup.procs"))}; exec "$@"'
        yield ["sh", "-c", enter, "sh", *command]


def _tool(name: str) -> str:
    """Return a tool of Linux's, or skip the test."""
    found = shutil.which(name)
    if found is None:
        pytest.skip(f"there is no {name} here")
    return found


def _give(folder: Path, user: int) -> None:
    for path in (folder, *folder.rglob("*")):
        os.chown(path, user, user, follow_symlinks=False)


def _needed(folder: Path) -> list[Path]:
    """Return the folders that the command reads, none within another."""
    package = Path(__file__).resolve().parents[2]
    modules = [sys.prefix, sys.base_prefix, *filter(None, sys.path)]
    named = [folder, package, *map(Path, modules)]
    found = sorted({path.resolve() for path in named if path.is_dir()})
    return [path for path in found if not any(parent in found for parent in path.parents)]


def _covering(needed: list[Path]) -> Iterator[str]:
    """Yield the mounts that let everybody enter the way to the needed folders."""
    for closed in sorted({_closed(path) for path in needed} - {None}, key=str):
        within = [path for path in needed if _closed(path) == closed]
        stage, cover = "/dev/shm", shlex.quote(str(closed))
        yield f"mount -t tmpfs -o mode=755 tmpfs {stage}"
        for number, path in enumerate(within):
            yield f"mkdir {stage}/{number}; mount --bind {shlex.quote(str(path))} {stage}/{number}"
        yield f"mount -t tmpfs -o mode=755 tmpfs {cover}"
        for number, path in enumerate(within):
            place = shlex.quote(str(path))
            yield f"mkdir -p {place}; mount --move {stage}/{number} {place}"
        yield f"umount {stage}"


def _closed(path: Path) -> Path | None:
    """Return the highest folder on the way to `path` that others may not enter."""
    way = [*reversed(path.parents)]
    return next((folder for folder in way if not folder.stat().st_mode & 0o001), None)


def _all_read_only(folder: Path) -> Iterator[str]:
    place = shlex.quote(str(folder.resolve()))
    yield f"mount --bind {place} {place}"
    # The system's own file systems hold no files of anybody's.
    yield (
        "while read -r _ _ _ _ at options _; do case $at in "
        f"/proc*|/sys*|/dev|/dev/pts|/dev/mqueue|/dev/hugepages|{place}) ;; "
        '*) case $options in ro|ro,*) ;; *) mount -o remount,bind,ro "$at" ;; esac ;; '
        "esac; done < /proc/self/mountinfo"
    )


@functools.cache
def _namespace() -> list[str]:
    """Return the command that runs another in a private namespace of mounts, or skip the test."""
    as_root = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    command = [_tool("unshare"), *as_root, "--mount", "--propagation", "private"]
    trial = "mount -t tmpfs tmpfs /dev/shm && mount -o remount,bind,ro /"
    tried = subprocess.run(
        [*command, "sh", "-c", trial], capture_output=True, text=True, check=False
    )
    if tried.returncode:
        pytest.skip(f"this machine allows no mounts in a namespace: {tried.stderr.strip()}")
    return command


@contextmanager
def _memory_group(limit: int) -> Iterator[Path]:
    """Make a memory cgroup below the one that this process is in, or skip the test."""
    group, setting = _memory_cgroup_here()
    group = group / f"confined-{os.getpid()}-{os.urandom(4).hex()}"
    try:
        group.mkdir()
    except OSError as error:
        pytest.skip(f"this machine allows no cgroup: {error}")
    try:
        try:
            (group / setting).write_text(str(limit))
            (group / "cgroup.procs").open("a").close()
        except OSError as error:
            pytest.skip(f"this machine limits no memory by cgroup: {error}")
        yield group
    finally:
        group.rmdir()


def _memory_cgroup_here() -> tuple[Path, str]:
    """Return the folder of this process's memory cgroup, and the name of the limit in it."""
    own = Path("/proc/self/cgroup")
    for line in own.read_text().splitlines() if own.exists() else ():
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            return _CGROUPS / "memory" / path.lstrip("/"), "memory.limit_in_bytes"
        if not controllers and (_CGROUPS / "cgroup.controllers").exists():
            return _CGROUPS / path.lstrip("/"), "memory.max"
    pytest.skip("this machine has no memory cgroups")
