"""Peak memory and CPU time of processes, as Linux keeps them in `/proc`; unknown elsewhere.

The peak is `VmHWM`, the most that was resident. `ru_maxrss` is not it: that of a new process
begins at the size of the one that started it.
"""

import os
import re
import resource
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

_PROC = Path("/proc")


def reset_peak(pid: int | None = None) -> None:
    """Let the peak of a process, by default this one, begin anew at what is resident now.

    So does that of all that it started, where the system can do it.
    """
    processes = ["self"] if pid is None else [str(number) for number in (pid, *_descendants(pid))]
    for process in processes:
        with suppress(OSError):
            (_PROC / process / "clear_refs").write_text("5")  # proc(5): resets VmHWM


def peak_while_running(command: Sequence[str]) -> int | None:
    """Run a command to its end, and return its peak, see `peak_of_processes`.

    It is looked at 50 times a second, so what a process takes within its last moment may be missed.

    Raises:
        subprocess.CalledProcessError: it ended with another status than 0.
    """
    peak = None
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            now = peak_of_processes(process.pid)
            peak = max(filter(None, (peak, now)), default=None)
            time.sleep(0.02)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return peak


def own_peak() -> int | None:
    """Return this process' peak in bytes since `reset_peak`."""
    return _peak("self")


def peak_of_processes(pid: int) -> int | None:
    """Return the sum of the peaks of a process and of all that it started, in bytes.

    An upper bound where there are several: their peaks may be at different times, and memory that
    they share is counted in each.
    """
    peaks = [_peak(str(number)) for number in (pid, *_descendants(pid))]
    known = [peak for peak in peaks if peak is not None]
    return sum(known) if known else None


def own_cpu_s() -> float:
    """Return the CPU time of this process and of those that it started and waited for."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


def cpu_of_processes(pid: int) -> float | None:
    """Return the CPU time of a process and of all that it started, in seconds."""
    ticks = [_ticks(number) for number in (pid, *_descendants(pid))]
    known = [count for count in ticks if count is not None]
    return sum(known) / os.sysconf("SC_CLK_TCK") if known else None


def _ticks(pid: int) -> int | None:
    """Return the clock ticks of a process, and of its children that ended and were waited for."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:  # another system, or it has just ended
        return None
    return sum(map(int, fields[11:15]))  # proc(5): utime stime cutime cstime, from the 14th on


def _peak(process: str) -> int | None:
    try:
        status = (_PROC / process / "status").read_text()
    except OSError:  # another system, or it has just ended
        return None
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 if found else None


def _descendants(pid: int) -> Iterator[int]:
    children: dict[int, list[int]] = {}
    for folder in _PROC.glob("[0-9]*"):
        try:
            # proc(5): pid (name) state ppid; the name may hold anything, so from its end.
            parent = int((folder / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:  # it has just ended
            continue
        children.setdefault(parent, []).append(int(folder.name))
    waiting = [pid]
    while waiting:
        found = children.get(waiting.pop(), [])
        yield from found
        waiting += found
