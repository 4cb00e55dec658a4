"""An environment of Python with the package and what `pip install mnist-batch` brings, no extra."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent.parent
PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


class CoreEnvironment:
    """A virtual environment that can import the core's dependencies, theirs, and nothing else."""

    def __init__(self, folder: Path, wheel: Path | None = None) -> None:
        """Make it in a folder, of links to what is installed here.

        Args:
            folder: where it is to be.
            wheel: of the package; None for a link to the package in this checkout.
        """
        subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
        [packages] = folder.glob("lib/python*/site-packages")
        for one in installed_with(PROJECT["dependencies"]):
            for place in {path.parts[0] for path in one.files or () if path.parts[0] != ".."}:
                if place != "__pycache__":
                    (packages / place).symlink_to(str(one.locate_file(place)))
        self.python = folder / "bin" / "python"
        if wheel is None:
            (packages / "mnist_batch").symlink_to(ROOT / "mnist_batch")
        else:
            pip = [sys.executable, "-m", "pip", "--python", str(self.python), "install"]
            subprocess.run([*pip, "--quiet", "--no-index", "--no-deps", str(wheel)], check=True)

    def run(self, *arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run Python in a folder, and return what it said."""
        return subprocess.run(
            [self.python, "-P", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            cwd=folder,
        )

    def command(self, *arguments: object, folder: Path) -> subprocess.CompletedProcess[str]:
        """Run `mnist-batch` in a folder, and return what it said."""
        return self.run("-m", "mnist_batch", *arguments, folder=folder)


def installed_with(requirements: Iterable[str]) -> list[Distribution]:
    """Return the installed distributions that satisfy requirements, and what they require."""
    found: dict[str, Distribution] = {}
    wanted = [(Requirement(one), "") for one in requirements]
    while wanted:
        requirement, extra = wanted.pop()
        if requirement.marker and not requirement.marker.evaluate({"extra": extra}):
            continue
        one = distribution(requirement.name)
        name = re.sub("[-_.]+", "-", one.metadata["Name"]).lower()
        if name in found:
            continue
        found[name] = one
        for further in one.requires or ():
            wanted += [(Requirement(further), asked) for asked in ("", *requirement.extras)]
    return list(found.values())
