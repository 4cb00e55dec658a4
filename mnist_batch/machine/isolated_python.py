"""Start a second Python that finds the modules of this one, and that nothing else influences.

It is isolated (-I), so that neither variables of the environment nor the working folder name
modules, and goes without `site` (-S), whose folders the first process has found already.
"""

import os
import site
import sys
from pathlib import Path

from mnist_batch.machine import environment

_FINDING_MODULES = """
import sys
package, folders, *sys.argv[1:] = sys.argv[1:]
folders = folders.split('\\n')
sys.path[:] = [package, *folders]
import mnist_batch
sys.path[:] = folders
"""


def command(program: str, *arguments: str) -> list[str]:
    """Return the command line that runs a program, for which `sys` is imported."""
    package = str(Path(__file__).parent.parent.parent)
    folders = "\n".join(_folders_of_modules())
    return [
        sys.executable,
        *("-I", "-S", "-c", _FINDING_MODULES + program),
        package,
        folders,
        *arguments,
    ]


def variables() -> dict[str, str]:
    """Return its environment: this one without what is meant for others."""
    # It computes next to nothing, and each thread of OpenBLAS would take memory.
    return environment.settled(os.environ) | {"OPENBLAS_NUM_THREADS": "1"}


def _folders_of_modules() -> list[str]:
    """Return the folders in which this process finds modules.

    The working folder is among them only where packages are installed there.
    """
    try:
        working = Path.cwd()
    except OSError:  # it is gone
        return sys.path
    installed = (
        Path(os.__file__).parent,
        *map(Path, [*site.getsitepackages(), site.USER_SITE or ""]),
    )
    return [
        folder
        for folder in sys.path
        if folder and (Path(folder) != working or working in installed)
    ]
