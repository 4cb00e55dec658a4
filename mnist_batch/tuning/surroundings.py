"""What the speed of a machine depends on, as far as it is known."""

import contextlib
import hashlib
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from mnist_batch import __version__
from mnist_batch.inference.workers import available_workers

_CODE = {".py", ".so"}


def machine(running: Mapping[str, str]) -> dict[str, Any]:
    """Return what the speeds depend on, as far as it is known."""
    versions = {"mnist_batch": __version__, "python": platform.python_version()}
    versions |= _installed("numpy", "pyarrow", "pillow", "opencv-python-headless", "h5py")
    versions |= running
    return {
        "cores": available_workers(),
        "cpu": _cpu_model(),
        "platform": platform.platform(),
        "versions": versions,
    }


def _installed(*packages: str) -> dict[str, str]:
    """Return the versions of packages; one that another distribution brings is left out."""
    found = {}
    for package in packages:
        with contextlib.suppress(PackageNotFoundError):
            found[package] = version(package)
    return found


def _cpu_model() -> str | None:
    """Return the processor's name, which Linux keeps in a file."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or None
    return next((line.partition(": ")[2] for line in lines if line.startswith("model name")), None)


def code_hash() -> str:
    """Return a hash of this package's code, compiled code too: versions alone do not tell it."""
    root = Path(__file__).parents[1]
    found = hashlib.sha256()
    for path in sorted(root.rglob("*")):
        if path.suffix in _CODE:
            found.update(f"{path.relative_to(root)}\n".encode())
            found.update(hashlib.sha256(path.read_bytes()).digest())
    return found.hexdigest()
