"""Opening a model file as data: which format it is, what else it may be, and what is in it."""

import hashlib
import stat
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from mnist_batch.errors import ModelError
from mnist_batch.models.formats import SIGNATURES, read_stored_model
from mnist_batch.models.network_config import Config
from mnist_batch.models.other_formats import file_kind, folder_kind
from mnist_batch.models.reading_process import read_in_child
from mnist_batch.models.stored import Origin, Weights

DEFAULT_MODEL = Path(__file__).parent.parent / "MNIST.h5"
MAX_FILE_BYTES = 2**30

_EXPECTED = "expected a file, .h5 or .keras"


@dataclass(frozen=True)
class ModelFile:
    """A model file, read but not run.

    Attributes:
        path: where it is.
        sha256: SHA-256 of its bytes, in hexadecimal.
        size_bytes: its size.
        config: the network as Keras describes it, `class_name` and `config`. All that it names is
            on the lists of `keras_names`; how it was compiled is left out.
        weights: the arrays of each of the model's layers that has any, in the order of the
            layers; those of a layer that is made of layers, or is a model, come as one list.
        origin: what wrote it; that says how such a list is ordered.
        training: what our own `train` wrote of scale, classes, settings, data and accuracy;
            empty for other models.
        optimizer_bytes: how many bytes are the state of its optimizer. Prediction does not need
            it; Adam's is twice the size of the weights.
    """

    path: Path
    sha256: str
    size_bytes: int
    config: Config = field(repr=False)
    weights: Sequence[Weights] = field(repr=False)
    origin: Origin
    training: Config
    optimizer_bytes: int


def read_model_file(path: Path) -> ModelFile:
    """Read a model file.

    One that is not of this package is read in a process of its own (see `reading_process`).

    Raises:
        ModelError: there is no such file, it is of neither format, too large or damaged, holds
            weights without a configuration, or names what is not on the list of
            `config_allowlist`.
    """
    content = _content(path)
    if not content.startswith(SIGNATURES):
        kind = file_kind(content)
        raise ModelError(
            f"{path}: not a Keras model{f' but {kind}' if kind else ''}; "
            "expected HDF5 (.h5) or a Keras v3 file (.keras)"
        )
    read = read_stored_model if path == DEFAULT_MODEL else read_in_child
    try:
        stored = read(content)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    return ModelFile(
        path=path,
        sha256=hashlib.sha256(content).hexdigest(),
        size_bytes=len(content),
        config=stored.config,
        weights=stored.weights,
        origin=stored.origin,
        training=stored.training,
        optimizer_bytes=stored.optimizer_bytes,
    )


def _content(path: Path) -> bytes:
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise ModelError(f"{path}: {folder_kind(path)}; {_EXPECTED}")
        if not stat.S_ISREG(status.st_mode):  # a pipe would wait for ever, a device never end
            raise ModelError(f"{path}: neither a file nor a folder; {_EXPECTED}")
        with path.open("rb") as file:
            content = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise ModelError(f"{path}: model cannot be read: {error.strerror}; {_EXPECTED}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ModelError(
            f"{path}: larger than {MAX_FILE_BYTES:,} bytes, no model of digits is; {_EXPECTED}"
        )
    return content
