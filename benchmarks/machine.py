"""What the benchmarks run on: processor, cores, memory, package versions."""

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from mnist_batch import __version__
from mnist_batch.inference.workers import available_workers

_LOAD = os.getloadavg()[0]  # of the minute before the benchmarks, which are a load themselves

PACKAGES = ("numpy", "pyarrow", "pillow", "h5py", "keras", "tensorflow", "jax", "torch")


def describe() -> Mapping[str, Any]:
    """Return what stands beside the results."""
    return {
        "cores": available_workers(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "keras_backend": os.environ.get("KERAS_BACKEND", "tensorflow"),
        "load": _LOAD,
        "versions": {
            "mnist-batch": __version__,
            "python": platform.python_version(),
            **_versions(),
        },
    }


def identity(machine: Mapping[str, Any]) -> tuple[str, ...]:
    """Return what tells one machine from another: its name, its processor and its cores."""
    return (machine["node"], machine["cpu"].get("brand_raw", "unknown"), str(machine["cores"]))


def _versions() -> Mapping[str, str]:
    found = {}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:  # another backend of Keras
            continue
    return found
