"""What Linux tells of processes that run: proc(5)."""

import re
import signal
from pathlib import Path


def is_running(process: int) -> bool:
    """Tell whether a process is there and has not ended; one that nobody waited for has ended."""
    return _state(process) not in (b"", b"Z", b"X")


def is_stopped(process: int) -> bool:
    """Tell whether a signal has stopped a process, and none has let it go on."""
    return _state(process) == b"T"


def children(process: int, name: bytes = b"") -> list[int]:
    """Return the processes that a process has started, with a name in their command lines."""
    threads = (path.name for path in Path(f"/proc/{process}/task").glob("*"))
    found = b" ".join(_told(process, f"task/{thread}/children") for thread in threads)
    return [int(child) for child in found.split() if name in _told(int(child), "cmdline")]


def listens(process: int) -> bool:
    """Tell whether a process has a handler for SIGTERM, as the command has once it has begun."""
    caught = re.search(rb"SigCgt:\s*(\w+)", _told(process, "status"))
    return caught is not None and bool(int(caught[1], 16) >> (signal.SIGTERM - 1) & 1)


def _state(process: int) -> bytes:
    """Return the letter of a process's state, proc_pid_stat(5); none where it has ended."""
    return _told(process, "stat").rpartition(b")")[2].strip()[:1]


def _told(process: int, name: str) -> bytes:
    """Read what `/proc` has of a process; nothing where it, or a thread of it, has ended."""
    try:
        return Path(f"/proc/{process}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
