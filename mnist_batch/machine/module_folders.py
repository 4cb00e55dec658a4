"""Where Python looks for modules: not in the working folder, which is of the data, nor for pandas.

Imported before anything else, so it imports only what Python has loaded, or has built in.
"""

# ruff: noqa: PTH100, PTH109, PTH120 - pathlib is not loaded yet

import os
import site
import sys


def leave_out_working_folder() -> None:
    """Find no module in the working folder from now on, as `without_working_folder` says.

    `python -m` looks there first, and so does Python by an empty entry of `PYTHONPATH`.
    """
    sys.path[:] = without_working_folder()


def without_working_folder() -> list[str]:
    """Return the folders in which this process finds modules.

    The working folder is among them only where packages are installed there.
    """
    try:
        working = os.getcwd()
    except OSError:  # it is gone
        return [folder for folder in sys.path if folder]
    installed = (os.path.dirname(os.__file__), *site.getsitepackages(), site.USER_SITE)
    return [
        folder
        for folder in sys.path
        if folder and (os.path.abspath(folder) != working or working in installed)
    ]


class _WithoutPandas:
    """A finder of modules that lets `import pandas` fail.

    Where pandas is installed, pyarrow imports it at its first array. That takes 0.2 to 0.5 s, and
    no command uses pandas. PyTorch asks whether it is there, and takes no exception for an answer.
    """

    def find_spec(self, fullname: str, *_: object) -> None:
        if fullname == "pandas" and "torch" not in sys.modules:
            raise ModuleNotFoundError("pandas is not needed here", name=fullname)


def leave_out_pandas() -> None:
    """Find no pandas from now on, in a process that is this package's own."""
    sys.meta_path.insert(0, _WithoutPandas())
