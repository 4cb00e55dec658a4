"""Open a model file as data: what it is, what is in it, and how it says to scale the pixels."""

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from stat import S_ISDIR, S_ISREG
from typing import Any

from mnist_batch.errors import MachineError, ModelError
from mnist_batch.machine.failures import ReplacedError, raise_if_of_machine
from mnist_batch.models.allowlist import quoted
from mnist_batch.models.formats import SIGNATURES, StoredNetwork
from mnist_batch.models.layers import Layer, described
from mnist_batch.models.network_config import output_activation, own_scale, unnested
from mnist_batch.models.onnx.graph import WHOLE_NUMBERS, OnnxGraph
from mnist_batch.models.onnx.reading import is_onnx
from mnist_batch.models.other_kinds import said_of_file, said_of_folder, with_names
from mnist_batch.models.packaged import read_packaged
from mnist_batch.models.reading_process import read_in_child
from mnist_batch.options import Prepare, Scale
from mnist_batch.remote.addresses import Place, name_of

DEFAULT_MODEL = Path(__file__).parent.parent / "MNIST.h5"
MAX_FILE_BYTES = 2**30

_EXPECTED = "expected a file, .h5, .keras or .onnx"


class ScaleSource(StrEnum):
    """The part of a model file that tells the scale of the network's pixels."""

    RECORD = "training record"
    FIRST_LAYERS = "first layers"
    INPUT_TYPE = "input type"
    FIRST_OPERATION = "first operation"

    @property
    def says(self) -> str:
        """Subject and verb of a sentence about it."""
        return f"its {self.value} {'say' if self is ScaleSource.FIRST_LAYERS else 'says'}"


@dataclass(frozen=True)
class ModelFile(StoredNetwork):
    """A model file of Keras and the network that it stores, read but not run."""

    path: Place
    sha256: str  # of its bytes, in hexadecimal
    size_bytes: int

    @property
    def file_name(self) -> str:
        """The name of the file, without its folder."""
        return name_of(str(self.path))

    @property
    def activation(self) -> str:
        """The activation of its outputs, as `softmax`; `linear` for none."""
        return output_activation(self.config)

    def shown_layers(self) -> list[Layer]:
        """Return its layers as the file alone tells them, without its inputs."""
        return [
            described(layer, None, None)
            for layer in unnested(self.config)
            if layer["class_name"] != "InputLayer"
        ]

    def own_scale(self) -> Scale | None:
        """Return the scale of pixels that its first layers take, None if they do not tell."""
        return own_scale(self.config)

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
        own = self.own_scale()
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


@dataclass(frozen=True)
class OnnxFile(OnnxGraph):
    """An ONNX file and its network, read but not run."""

    path: Place
    sha256: str  # of its bytes, in hexadecimal
    content: bytes = field(repr=False)  # what ONNX Runtime gets

    notes: Sequence[str] = ()
    training: Mapping[str, Any] = field(default_factory=dict)  # no record of our own `train`
    optimizer_bytes: int = 0

    @property
    def file_name(self) -> str:
        """The name of the file, without its folder."""
        return name_of(str(self.path))

    @property
    def size_bytes(self) -> int:
        """The bytes of the file."""
        return len(self.content)

    def shown_layers(self) -> list[Layer]:
        """Return its operations, with the number of values that they store."""
        return [
            Layer(one.name, one.operator, None, None, None, self.values_of(one))
            for one in self.nodes
        ]

    def stated_prepare(self) -> Prepare | None:
        """Return None: no file of ONNX tells how images were prepared."""
        return None

    def class_names(self) -> tuple[str, ...] | None:
        """Return the names of the classes in their order, None where the file tells none.

        Labels that are places from 0 on are no names.
        """
        is_numbered = self.labels == tuple(map(str, range(len(self.labels))))
        return self.names or (() if is_numbered else self.labels) or None

    def own_scale(self) -> Scale | None:
        """Return 0-255 for a network that takes whole numbers or has learnt such, else None."""
        stated = self.stated_scale()
        return stated and stated[0]

    def stated_scale(self) -> tuple[Scale, ScaleSource] | None:
        """Return the same and what tells it."""
        if self.input.kind in WHOLE_NUMBERS.values():
            return Scale.BYTES, ScaleSource.INPUT_TYPE
        return (Scale.BYTES, ScaleSource.FIRST_OPERATION) if self.has_learnt_bytes else None


AnyModelFile = ModelFile | OnnxFile


def read_model_file(path: Place) -> AnyModelFile:
    """Read a model file; any but that of this package in a process of its own.

    Raises:
        ModelError: there is no such file, it is of no format that is read, too large or damaged,
            holds weights without a configuration, or something that `allowlist`, `containers` or
            `onnx.reading` refuses.
    """
    content = _content(path)
    if not (content.startswith(SIGNATURES) or is_onnx(content)):
        raise ModelError(f"{path}: {with_names(said_of_file(content, name_of(str(path))), path)}")
    read = read_packaged if path == DEFAULT_MODEL else read_in_child
    try:
        stored = read(content)
    except ModelError as error:
        raise ModelError(f"{path}: {with_names(str(error), path)}") from error
    except MachineError as error:
        raise MachineError(f"{path}: {error}") from error
    sha256 = hashlib.sha256(content).hexdigest()
    if isinstance(stored, OnnxGraph):
        return OnnxFile(**vars(stored), path=path, sha256=sha256, content=content)
    return ModelFile(**vars(stored), path=path, sha256=sha256, size_bytes=len(content))


def _content(path: Place) -> bytes:
    if isinstance(path, str):
        return _content_of_object(path)
    try:
        status = path.stat()
        if S_ISDIR(status.st_mode):
            raise ModelError(f"{path}: {with_names(said_of_folder(path), path)}")
        if not S_ISREG(status.st_mode):  # a pipe would wait for ever, a device never end
            raise ModelError(f"{path}: neither a file nor a folder; {_EXPECTED}")
        with path.open("rb") as file:
            size = os.fstat(file.fileno()).st_size
            # So much is allocated at once, and one byte more tells whether the file grew.
            content = file.read(min(size, MAX_FILE_BYTES) + 1)
    except OSError as error:
        raise_if_of_machine(error, str(path))
        raise ModelError(f"{path}: model cannot be read: {error.strerror}; {_EXPECTED}") from error
    _check_size(path, len(content))
    if len(content) != size:
        raise ModelError(f"{path}: changed while it was read; load it again")
    return content


def _content_of_object(address: str) -> bytes:
    from mnist_batch.remote.objects import stat
    from mnist_batch.remote.transfers import fetched_spans

    try:
        found = stat(address)
        _check_size(address, found.size)
        spans = fetched_spans(found, [(0, found.size)])
        return b"".join(content for _, content in spans)
    except FileNotFoundError as error:
        raise ModelError(f"{address}: {error.strerror}; {_EXPECTED}") from error
    except ReplacedError as error:
        raise ModelError(f"{address}: changed while it was read; load it again") from error


def _check_size(path: Place, size: int) -> None:
    if size > MAX_FILE_BYTES:
        raise ModelError(
            f"{path}: larger than {MAX_FILE_BYTES:,} bytes, no model of digits is; {_EXPECTED}"
        )
