"""Start a second Python that finds the modules of this one, and that nothing else influences.

It is isolated (-I), so that neither variables of the environment nor the working folder name
modules, and goes without `site` (-S), whose folders the first process has found already.
"""

import os
import signal
import sys
from pathlib import Path

from mnist_batch.machine import environment
from mnist_batch.machine.module_folders import without_working_folder

_FINDING_MODULES = """
import sys
package, count, *rest = sys.argv[1:]
folders, sys.argv[1:] = rest[: int(count)], rest[int(count) :]
sys.path[:] = [package, *folders]
import mnist_batch
sys.path[:] = folders
"""


def command(program: str, *arguments: str) -> list[str]:
    """Return the command line that runs a program, for which `sys` is imported."""
    package = str(Path(__file__).parent.parent.parent)
    folders = without_working_folder()
    return [
        sys.executable,
        *("-I", "-S", "-c", _FINDING_MODULES + program),
        package,
        str(len(folders)),
        *folders,
        *arguments,
    ]


def variables() -> dict[str, str]:
    """Return its environment: this one without what is meant for others."""
    # It computes next to nothing, and each thread of OpenBLAS would take memory.
    return environment.settled(os.environ) | {"OPENBLAS_NUM_THREADS": "1"}


def end_with_parent() -> None:
    """Let Linux kill this process, the second one, when its parent ends."""
    if sys.platform == "linux":
        import ctypes

        pr_set_pdeathsig = 1  # linux/prctl.h
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
