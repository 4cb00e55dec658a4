"""Reading a Keras model file as data: its configuration, its weights and what it says of itself.

Two formats are read, told apart by their first bytes and not by the suffix:

- HDF5 (`.h5`): attribute `model_config` (JSON) and group `model_weights`, in which each layer's
  group lists its arrays in the attribute `weight_names` (Keras, legacy_h5_format.py).
- Keras v3 (`.keras`): a zip with `config.json` and `model.weights.h5`, in which a layer's arrays
  lie under `layers/<class name in snake case, numbered>/vars` (Keras, saving_lib.py).

A model trained by this package says how it was made in JSON: the HDF5 attribute, or the zip
member, named `ATTRIBUTE`.
"""

import hashlib
import io
import itertools
import json
import re
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.network_config import Config, is_model, layers_of

ATTRIBUTE = "mnist_batch"
DEFAULT_MODEL = Path(__file__).with_name("MNIST.h5")

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ZIP_SIGNATURE = b"PK\x03\x04"

Weights = list[npt.NDArray[np.float32]]


@dataclass(frozen=True)
class ModelFile:
    """A model file, read but not run.

    Attributes:
        path: where it is.
        sha256: SHA-256 of its bytes, in hexadecimal.
        config: the network as Keras describes it: `class_name` and `config`.
        weights: the arrays of each of the model's layers that has any, in the order of the
            layers; those of a model within the model come as one list.
        training: what our own `train` wrote of scale, classes, settings, data and accuracy;
            empty for other models.
    """

    path: Path
    sha256: str
    config: Config = field(repr=False)
    weights: Sequence[Weights] = field(repr=False)
    training: Config


def read_model_file(path: Path) -> ModelFile:
    """Read a model file.

    Raises:
        ModelError: there is no such file, it is of neither format, is damaged, or holds weights
            without a configuration.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ModelError(
            f"{path}: model cannot be read: {error.strerror}; expected a file, .h5 or .keras"
        ) from error
    sha256 = hashlib.sha256(content).hexdigest()
    try:
        if content.startswith(_HDF5_SIGNATURE):
            config, weights, training = _read_hdf5(content)
        elif content.startswith(_ZIP_SIGNATURE):
            config, weights, training = _read_zip(content)
        else:
            raise ModelError(
                f"{path}: not a Keras model; expected HDF5 (.h5) or a Keras v3 file (.keras)"
            )
    except _DAMAGE as error:
        cause = " ".join(str(error).split()) or type(error).__name__
        raise ModelError(
            f"{path}: damaged or incomplete model file ({cause}); copy or save it anew"
        ) from error
    if config is None:
        raise ModelError(
            f"{path}: holds no configuration of a network, as a file of weights alone; "
            "save the whole model with model.save(...)"
        )
    return ModelFile(path, sha256, config, weights, training)


def optimizer_bytes(path: Path) -> int:
    """Return how many bytes of a model file are the state of its optimizer.

    Prediction does not need it; Adam's is twice the size of the weights. It is 0 where there is
    none, or where it cannot be read.
    """
    import h5py

    content: Path | io.BytesIO = path
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                content = io.BytesIO(archive.read("model.weights.h5"))
        with h5py.File(content, "r") as file:
            sizes: list[int] = []
            for name in ("optimizer_weights", "optimizer"):  # HDF5, Keras v3
                if name in file:
                    file[name].visititems(lambda _, item: sizes.append(getattr(item, "nbytes", 0)))
    except _DAMAGE:
        return 0
    return sum(sizes)


# What h5py, zipfile and json raise on damaged files, and reading a structure that is not Keras's.
_DAMAGE = (
    ArithmeticError,
    AttributeError,
    EOFError,
    LookupError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    zipfile.BadZipFile,
    zlib.error,
)

_Parts = tuple[Config | None, Sequence[Weights], Config]


def _read_hdf5(content: bytes) -> _Parts:
    import h5py

    with h5py.File(io.BytesIO(content), "r") as file:
        config = file.attrs.get("model_config")
        if config is None:
            return None, [], {}
        groups = file["model_weights"]
        layers = [groups[name] for name in _names(groups, "layer_names")]
        weights = [
            [_array(layer[name]) for name in _names(layer, "weight_names")] for layer in layers
        ]
        training = _record(file.attrs.get(ATTRIBUTE, "{}"))
    return json.loads(config), [arrays for arrays in weights if arrays], training


def _read_zip(content: bytes) -> _Parts:
    import h5py

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if "config.json" not in archive.namelist():
            raise KeyError("no config.json in it")
        config = json.loads(archive.read("config.json"))
        training = (
            _record(archive.read(f"{ATTRIBUTE}.json"))
            if f"{ATTRIBUTE}.json" in archive.namelist()
            else {}
        )
        with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
            weights = [list(_stored(file, path, layer)) for path, layer in _stored_layers(config)]
    return config, [arrays for arrays in weights if arrays], training


def _record(text: str | bytes) -> Config:
    record = json.loads(text)
    if not isinstance(record, dict):
        raise ValueError(f"its record {ATTRIBUTE} is not a JSON object")
    return record


def _stored_layers(config: Config) -> Iterator[tuple[str, Config]]:
    """Yield each layer of a model with its path in `model.weights.h5`."""
    numbers: Counter[str] = Counter()
    for layer in layers_of(config):
        name = _snake_case(layer["class_name"])
        number = numbers[name]
        numbers[name] += 1
        yield f"layers/{name}_{number}" if number else f"layers/{name}", layer


def _stored(group: Any, path: str, layer: Config) -> Iterator[npt.NDArray[np.float32]]:  # noqa: ANN401 - h5py has no types
    """Yield the arrays of a layer, or of all layers of a model within the model."""
    if path not in group:
        return
    if is_model(layer):
        for inner_path, inner in _stored_layers(layer):
            yield from _stored(group[path], inner_path, inner)
    elif "vars" in group[path]:
        variables = group[path]["vars"]
        for name in sorted(variables, key=lambda name: (len(name), name)):
            yield _array(variables[name])


def _names(group: Any, attribute: str) -> Iterator[str]:  # noqa: ANN401 - h5py has no types
    """Yield the names in an attribute; Keras cuts a list of over 64 KB in numbered attributes."""
    pieces = (f"{attribute}{number}" for number in itertools.count())
    whole = [attribute] if attribute in group.attrs else []
    for piece in whole or itertools.takewhile(group.attrs.__contains__, pieces):
        for name in group.attrs[piece]:
            yield name.decode() if isinstance(name, bytes) else str(name)


def _array(dataset: Any) -> npt.NDArray[np.float32]:  # noqa: ANN401 - h5py has no types
    if dataset.external:  # HDF5 would read any file of this machine as numbers
        raise ValueError("it takes an array from another file")
    return np.asarray(dataset[()])


def _snake_case(name: str) -> str:
    """Return a class name as Keras writes it in paths: `ReLU` becomes `re_lu`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower()
