"""What is said of the machine beside its speeds."""

import importlib.metadata
import platform

import numpy as np

from mnist_batch.inference.workers import available_workers
from mnist_batch.tuning.surroundings import machine


def test_a_machine_is_told_with_what_runs_on_it() -> None:
    """Cores that the process may use, the system, and versions with those of what runs networks."""
    found = machine({"keras": "9.9"})
    assert found["cores"] == available_workers()
    assert found["platform"] == platform.platform()
    versions = found["versions"]
    assert (versions["python"], versions["numpy"]) == (platform.python_version(), np.__version__)
    assert versions["keras"] == "9.9"
    assert versions["opencv-python-headless"] == importlib.metadata.version(
        "opencv-python-headless"
    )
    assert versions["h5py"] == importlib.metadata.version("h5py")
