"""How much memory this process may take: by its container or group, by `ulimit`, by the machine."""

import contextlib
import os
import re
import resource
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

_PROC = Path("/proc/self")

_LIMITS = {"cgroup2": ("memory.max", "memory.high"), "cgroup": ("memory.limit_in_bytes",)}
"""Files with a limit in the folder of a group, by the type of its file system: version 2 and 1."""

_USED = {"cgroup2": "memory.current", "cgroup": "memory.usage_in_bytes"}
"""Files with what the processes of a group take."""

_CACHES = {
    "cgroup2": ("active_file", "inactive_file"),
    "cgroup": ("total_active_file", "total_inactive_file"),
}
"""Fields of a group's `memory.stat` that count copies of files, which give way when memory is
needed (kernel documentation, cgroup-v2 and cgroup-v1, memory)."""

_RESIDENT = 256 * 2**20
"""Bytes of memory that this process is taken to have where the system does not tell."""


def allowed_memory() -> int:
    """Return the bytes of memory that this process may take, with all that share its limits."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return min([physical, *group_limits(_PROC)])


def available_memory() -> int:
    """Return the bytes of memory that all who share this process's limits can still take."""
    return min([_available(_PROC.parent), *group_rooms(_PROC)])


def free_address_space() -> int | None:
    """Return the bytes that `ulimit -v` leaves this process; None where it sets no limit."""
    limit, _ = resource.getrlimit(resource.RLIMIT_AS)
    return None if limit == resource.RLIM_INFINITY else max(0, limit - _pages(0, default=0))


def _available(proc: Path) -> int:
    """Return the bytes that the machine has for new work (proc_meminfo(5), MemAvailable)."""
    with contextlib.suppress(OSError):
        if found := re.search(r"MemAvailable: *([0-9]+) kB", (proc / "meminfo").read_text()):
            return int(found[1]) * 1024
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def resident_memory() -> int:
    """Return the bytes of memory that this process has."""
    return _pages(1, default=_RESIDENT)


def _pages(field: int, default: int) -> int:
    """Return a field of `statm` in bytes (proc_pid_statm(5))."""
    with contextlib.suppress(OSError):
        return int((_PROC / "statm").read_text().split()[field]) * os.sysconf("SC_PAGE_SIZE")
    return default


def group_limits(proc: Path) -> Iterator[int]:
    """Yield the limits in bytes of the memory cgroups that a process is in: of each and all above.

    Args:
        proc: the folder of the process in `/proc`.
    """
    for kind, folder in _group_folders(proc):
        yield from _numbers(folder, _LIMITS[kind])


def group_rooms(proc: Path) -> Iterator[int]:
    """Yield the bytes that are left below each of these limits, copies of files not counted.

    Args:
        proc: the folder of the process in `/proc`.
    """
    for kind, folder in _group_folders(proc):
        limits, used = list(_numbers(folder, _LIMITS[kind])), list(_numbers(folder, [_USED[kind]]))
        if limits and used:
            yield max(0, min(limits) - used[0] + _cached(folder, _CACHES[kind]))


def _group_folders(proc: Path) -> Iterator[tuple[str, Path]]:
    """Yield the folders of a process's memory groups, and the types of their file systems."""
    with contextlib.suppress(OSError, ValueError):  # no Linux, or no `/proc`
        groups = dict(_groups(proc))
        for kind, root, place in _mounts(proc):
            if kind in groups:
                for folder in _folders(groups[kind], root, place):
                    yield kind, folder


def _groups(proc: Path) -> Iterator[tuple[str, str]]:
    """Yield the type of file system and the path of the process's memory groups (cgroups(7))."""
    for line in (proc / "cgroup").read_text().splitlines():
        number, controllers, path = line.split(":", 2)
        if number == "0":
            yield "cgroup2", path
        elif "memory" in controllers.split(","):
            yield "cgroup", path


def _mounts(proc: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield the type, the root and the place of what may hold groups (proc_pid_mountinfo(5))."""
    for line in (proc / "mountinfo").read_text(errors="surrogateescape").splitlines():
        fields, _, others = line.partition(" - ")
        kind, _, options = others.split(" ", 2)
        root, place = (_unescaped(field) for field in fields.split(" ")[3:5])
        if kind == "cgroup2" or (kind == "cgroup" and "memory" in options.split(",")):
            yield kind, root, Path(place)


def _unescaped(field: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), field)


def _folders(path: str, root: str, place: Path) -> Iterator[Path]:
    """Yield the folders of a group and of those above it, as far as they can be seen.

    A container sees its own group at the root of the file system, whatever path is named.
    """
    group = PurePosixPath(path)
    inside = group.is_relative_to(root) and ".." not in group.parts
    folder = place / group.relative_to(root) if inside else place
    yield folder
    yield from (above for above in folder.parents if above.is_relative_to(place))


def _numbers(folder: Path, names: Sequence[str]) -> Iterator[int]:
    for name in names:
        with contextlib.suppress(OSError, ValueError):  # none at the root, or `max`
            yield int((folder / name).read_text())


def _cached(folder: Path, names: Sequence[str]) -> int:
    with contextlib.suppress(OSError, ValueError):
        fields = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return sum(int(fields.get(name, 0)) for name in names)
    return 0
