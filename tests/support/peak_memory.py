"""Run a command and measure the largest resident memory of it and of what it starts."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="getrusage gives bytes elsewhere")

# A process that starts another gives it its own peak, so a small one starts the command.
_SMALL = """
import resource, subprocess, sys
status = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
sys.exit(status)
"""


def peak_bytes(
    command: Sequence[object], *, prefix: Sequence[str] = (), stdin: Path | None = None
) -> int:
    """Run a command that has to succeed, and return its peak in bytes.

    `prefix` is what runs it within limits, see `confined`; `stdin` a file for its standard input.
    """
    with Path(stdin or "/dev/null").open() as given:
        done = subprocess.run(
            [*prefix, sys.executable, "-S", "-c", _SMALL, *map(str, command)],
            stdin=given,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)
