"""Files that hold models of other programs, told by their first bytes; none of them is opened."""

import re
from collections.abc import Sequence
from pathlib import Path

# Pickles of PyTorch before 1.6 start with its magic number; later ones are zip files. The messages
# of ONNX and of TensorFlow start with their version and the field that follows it.
_KINDS: Sequence[tuple[bytes, str]] = (
    (rb"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19", "a PyTorch file, which is a program"),
    (rb"\x80[\x02-\x05]", "a pickle, which is a program"),
    (rb".{4}TFL3", "a TensorFlow Lite file"),
    (rb"\x08\x01\x12", "the graph of a TensorFlow SavedModel"),
    (rb"\x08[\x02-\x20][\x12\x1a\x22\x3a\x42]", "an ONNX file"),
    (rb"GGUF", "a GGUF file"),
    (rb".{8}\{\"", "a safetensors file, weights without a network"),
    (rb"\x93NUMPY", "a NumPy array"),
    (rb"\s*\{[^}]*\"class_name\"", "the configuration of a network without its weights"),
    (rb"\x1f\x8b|BZh|\xfd7zXZ\x00", "a packed file, which must be unpacked first"),
    (rb"version https://git-lfs", "a Git LFS pointer, in place of a file that was not downloaded"),
    (rb"\s*<", "a page of HTML or XML"),
    (rb"$", "an empty file"),
)
_MEMBERS = (
    (r"(.*/)?data\.pkl", "a PyTorch file, which is a program"),
    (r"(.*/)?saved_model\.pb", "a packed TensorFlow SavedModel"),
    (r".*\.npy", "arrays of NumPy without a network"),
    (r".*\.(h5|hdf5|keras)", "a packed folder with a model in it, which must be unpacked first"),
)


def file_kind(content: bytes) -> str | None:
    """Return what a file that is no model of Keras is, None where its first bytes do not tell."""
    for start, kind in _KINDS:
        if re.match(start, content[:1000], re.DOTALL):
            return kind
    return None


def zip_kind(names: Sequence[str]) -> str:
    """Return what a zip file is that has no `config.json`, by the names of its members."""
    for pattern, kind in _MEMBERS:
        if any(re.fullmatch(pattern, name) for name in names):
            return kind
    return "a zip file without a config.json"


def folder_kind(path: Path) -> str:
    """Return what a folder is that was named as a model."""
    if (path / "saved_model.pb").exists():
        return "a folder with a TensorFlow SavedModel"
    return "a folder"
