"""A library that is not installed is named with the command that installs it."""

import importlib
import sys
from pathlib import Path

import pytest

from mnist_batch.errors import MachineError, MissingExtraError
from mnist_batch.machine import extras


def test_what_is_installed_is_not_refused() -> None:
    """And not imported either, but for what the tests use."""
    extras.require("this", *extras.LIBRARIES)


def test_the_libraries_that_are_missing_are_named_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only these, with one command for all of them."""
    for name in ("tensorflow", "onnxruntime"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingExtraError) as raised:
        extras.require("a.h5", "keras", "tensorflow", "onnxruntime", "tensorflow")
    assert str(raised.value) == (
        "a.h5 needs TensorFlow and ONNX Runtime, which are not installed; "
        "pip install 'mnist-batch[keras,onnx]'"
    )
    with pytest.raises(MissingExtraError, match=r"^a\.h5 needs TensorFlow, which is not installed"):
        extras.require("a.h5", "keras", "tensorflow")


def test_a_folder_of_the_same_name_is_no_library(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python would import it, as a package in parts."""
    for name in extras.LIBRARIES:
        (tmp_path / name).mkdir()
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    importlib.invalidate_caches()
    for name, library in extras.LIBRARIES.items():
        with pytest.raises(MissingExtraError, match=f"this needs {library.title}"):
            extras.require("this", name)


def test_a_missing_library_is_the_machines() -> None:
    """Nothing is wrong with the data or the model."""
    assert issubclass(MissingExtraError, MachineError)


def test_keras_on_another_backend_needs_no_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """`KERAS_BACKEND` names it."""
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    assert extras.for_keras() == ["keras", "tensorflow"]
    monkeypatch.setenv("KERAS_BACKEND", "jax")
    assert extras.for_keras() == ["keras"]
