"""What is no model of Keras is named by its first bytes, as other programs write them."""

import io
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.errors import ModelError
from mnist_batch.models.model_file import read_model_file


def zipped(*names: str) -> bytes:
    """Return a zip file of members with these names."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return content.getvalue()


def array() -> bytes:
    """Return an array of NumPy."""
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    return content.getvalue()


# The first bytes of a PyTorch file are pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2), its magic
# number; those of ONNX, version 8 and the producer; those of a SavedModel, version 1 and a graph.
FILES = {
    "pickle": (pickle.dumps({"a": 1}), "a pickle, which is a program"),
    "old PyTorch": (pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2), "a PyTorch file"),
    "PyTorch": (zipped("archive/data.pkl", "archive/data/0"), "a PyTorch file"),
    "many tensors": (zipped("a/data.pkl", *(f"a/{n}" for n in range(300))), "a PyTorch file"),
    "ONNX": (b"\x08\x08\x12\x07pytorch", "an ONNX file"),
    "SavedModel": (b"\x08\x01\x12\xf0\x01\x0a", "the graph of a TensorFlow SavedModel"),
    "packed SavedModel": (zipped("m/saved_model.pb"), "a packed TensorFlow SavedModel"),
    "TensorFlow Lite": (b"\x1c\x00\x00\x00TFL3\x14\x00", "a TensorFlow Lite file"),
    "safetensors": (b'\x40\x00\x00\x00\x00\x00\x00\x00{"a":{}}', "a safetensors file"),
    "NumPy": (array(), "a NumPy array"),
    "NumPy arrays": (zipped("a.npy", "b.npy"), "arrays of NumPy without a network"),
    "packed model": (zipped("m/model.h5"), "a packed folder with a model in it"),
    "JSON": (b'{"class_name": "Sequential", "config": []}', "without its weights"),
    "gzip": (b"\x1f\x8b\x08\x00", "a packed file, which must be unpacked first"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer"),
    "HTML": (b"<!DOCTYPE html>", "a page of HTML or XML"),
    "empty": (b"", "an empty file"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_kind_is_named(name: str, tmp_path: Path) -> None:
    """With what was expected instead, whatever its suffix."""
    content, kind = FILES[name]
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_model_file(path)
    assert kind in str(caught.value)
    assert "expected" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_saved_model_is_named(tmp_path: Path) -> None:
    """It is a folder."""
    (tmp_path / "saved_model.pb").write_bytes(b"\x08\x01\x12")
    with pytest.raises(ModelError, match="a folder with a TensorFlow SavedModel; expected a file"):
        read_model_file(tmp_path)
