"""Open a model file as data: what it is, what is in it, and how it says to scale the pixels."""

import hashlib
import os
import re
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from mnist_batch.errors import MachineError, ModelError
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.models.allowlist import quoted
from mnist_batch.models.formats import SIGNATURES, StoredNetwork, read_stored_network
from mnist_batch.models.network_config import own_scale
from mnist_batch.models.reading_process import read_in_child
from mnist_batch.options import Prepare, Scale

DEFAULT_MODEL = Path(__file__).parent.parent / "MNIST.h5"
MAX_FILE_BYTES = 2**30

_EXPECTED = "expected a file, .h5 or .keras"


class ScaleSource(StrEnum):
    """The part of a model file that tells the scale of the network's pixels."""

    RECORD = "training record"
    FIRST_LAYERS = "first layers"

    @property
    def says(self) -> str:
        """Subject and verb of a sentence about it."""
        return f"its {self.value} {'says' if self is ScaleSource.RECORD else 'say'}"


@dataclass(frozen=True)
class ModelFile(StoredNetwork):
    """A model file and the network that it stores, read but not run."""

    path: Path
    sha256: str  # of its bytes, in hexadecimal
    size_bytes: int

    def stated_scale(self) -> tuple[Scale, ScaleSource] | None:
        """Return the scale that the network wants its pixels in and what tells it, or None.

        Raises:
            ModelError: the training record names an unknown scale.
        """
        if "scale" in self.training:
            try:
                return Scale(self.training["scale"]), ScaleSource.RECORD
            except ValueError as error:
                named = quoted(self.training["scale"])
                why = f"{self.path}: names an unknown scale, {named}; pass --scale"
                raise ModelError(why) from error
        own = own_scale(self.config)
        return (own, ScaleSource.FIRST_LAYERS) if own else None

    def stated_prepare(self) -> Prepare | None:
        """Return how the images of the training were prepared, or None where nothing tells.

        Raises:
            ModelError: the training record names an unknown way.
        """
        if "prepare" not in self.training:
            return None
        try:
            return Prepare(self.training["prepare"])
        except ValueError as error:
            named = quoted(self.training["prepare"])
            why = f"{self.path}: names an unknown way to prepare images, {named}; pass --prepare"
            raise ModelError(why) from error

    def class_names(self) -> tuple[str, ...] | None:
        """Return the names of the classes in their order, as the training record has them, or None.

        Raises:
            ModelError: they are no texts, or two are the same.
        """
        names = self.training.get("class_names")
        if names is None:
            return None
        is_texts = isinstance(names, list) and all(isinstance(name, str) for name in names)
        if not is_texts or len(set(names)) != len(names):
            raise ModelError(f"{self.path}: its training record has no sound names of classes")
        return tuple(names)


def read_model_file(path: Path) -> ModelFile:
    """Read a model file; any but that of this package in a process of its own.

    Raises:
        ModelError: there is no such file, it is of neither format, too large or damaged, holds
            weights without a configuration, or something that `allowlist` or `containers` refuse.
    """
    content = _content(path)
    if not content.startswith(SIGNATURES):
        kind = _file_kind(content)
        raise ModelError(
            f"{path}: not a Keras model{f' but {kind}' if kind else ''}; "
            "expected HDF5 (.h5) or a Keras v3 file (.keras)"
        )
    read = read_stored_network if path == DEFAULT_MODEL else read_in_child
    try:
        stored = read(content)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    except MachineError as error:
        raise MachineError(f"{path}: {error}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    return ModelFile(**vars(stored), path=path, sha256=sha256, size_bytes=len(content))


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            is_saved_model = (path / "saved_model.pb").exists()
            more = " with a TensorFlow SavedModel" if is_saved_model else ""
            raise ModelError(f"{path}: a folder{more}; {_EXPECTED}")
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for ever, a device never end
            raise ModelError(f"{path}: neither a file nor a folder; {_EXPECTED}")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            # So much is allocated at once, and one byte more tells whether the file grew.
            content = file.read(min(size, MAX_FILE_BYTES) + 1)
    except OSError as error:
        raise_if_of_machine(error, str(path))
        raise ModelError(f"{path}: model cannot be read: {error.strerror}; {_EXPECTED}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ModelError(
            f"{path}: larger than {MAX_FILE_BYTES:,} bytes, no model of digits is; {_EXPECTED}"
        )
    if len(content) != size:
        raise ModelError(f"{path}: changed while it was read; load it again")
    return content


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


def _file_kind(content: bytes) -> str | None:
    """Tell what a file of neither format is, None where its first bytes do not tell."""
    kinds = (kind for start, kind in _KINDS if re.match(start, content[:1000], re.DOTALL))
    return next(kinds, None)
