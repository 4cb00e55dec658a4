"""Reading a Keras model file as data: its configuration, its weights and what it says of itself.

Two formats are read, told apart by their first bytes and not by the suffix:

- HDF5 (`.h5`): attribute `model_config` (JSON) and group `model_weights`, in which each layer's
  group lists its arrays in the attribute `weight_names` (Keras, legacy_h5_format.py).
- Keras v3 (`.keras`): a zip with `config.json` and `model.weights.h5`, in which a layer's arrays
  lie under `layers/<class name in snake case, numbered>/vars`, and those of layers that it is
  made of under their attributes, as `forward_layer/cell/vars` (Keras, saving_lib.py).

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
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.network_config import (
    PARTS,
    Config,
    is_model,
    layer_name,
    layers_of,
    parsed_config,
)

ATTRIBUTE = "mnist_batch"
DEFAULT_MODEL = Path(__file__).with_name("MNIST.h5")

_HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_ZIP_SIGNATURE = b"PK\x03\x04"

Weights = list[npt.NDArray[np.float32]]


class ArrayOrder(StrEnum):
    """In which order a file has the arrays of a layer that is made of layers, or is a model."""

    TRAINED_FIRST = "those that are trained, of all its layers, before those that are not"
    BY_LAYER = "layer by layer"


@dataclass(frozen=True)
class Origin:
    """What wrote a model file.

    Attributes:
        array_order: how it orders arrays.
        keras_version: the version of Keras, as `2.2.4-tf`; empty where the file does not say.
        backend: what Keras ran on, as `theano`; empty where the file does not say.
    """

    array_order: ArrayOrder
    keras_version: str
    backend: str


@dataclass(frozen=True)
class ModelFile:
    """A model file, read but not run.

    Attributes:
        path: where it is.
        sha256: SHA-256 of its bytes, in hexadecimal.
        config: the network as Keras describes it: `class_name` and `config`.
        weights: the arrays of each of the model's layers that has any, in the order of the
            layers; those of a layer that is made of layers, or is a model, come as one list.
        origin: what wrote it; that says how such a list is ordered.
        training: what our own `train` wrote of scale, classes, settings, data and accuracy;
            empty for other models.
    """

    path: Path
    sha256: str
    config: Config = field(repr=False)
    weights: Sequence[Weights] = field(repr=False)
    origin: Origin
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
            config, weights, origin, training = _read_hdf5(content)
        elif content.startswith(_ZIP_SIGNATURE):
            config, weights, origin, training = _read_zip(content)
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
    return ModelFile(path, sha256, config, weights, origin, training)


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

_Parts = tuple[Config | None, Sequence[Weights], Origin, Config]


def _read_hdf5(content: bytes) -> _Parts:
    import h5py

    with h5py.File(io.BytesIO(content), "r") as file:
        origin = Origin(
            ArrayOrder.TRAINED_FIRST,
            _text(file.attrs.get("keras_version", "")),
            _text(file.attrs.get("backend", "")),
        )
        if "model_config" not in file.attrs:
            return None, [], origin, {}
        config = parsed_config(file.attrs["model_config"])
        groups = file["model_weights"]
        stored = {
            name: [_array(groups[name][array]) for array in _names(groups[name], "weight_names")]
            for name in _names(groups, "layer_names")
        }
        training = _record(file.attrs.get(ATTRIBUTE, "{}"))
    weights = [arrays for _, arrays in _in_order(stored, config) if arrays]
    return config, weights, origin, training


def _in_order(stored: dict[str, Weights], config: Config) -> list[tuple[str, Weights]]:
    """Return the arrays of each layer in the order of the configuration.

    Versions of Keras sort the layers of a functional model differently. Where a layer has no name
    in the configuration, the order in the file has to do.
    """
    order = {layer_name(layer): number for number, layer in enumerate(layers_of(config))}
    if any(arrays and name not in order for name, arrays in stored.items()):
        return list(stored.items())
    return sorted(stored.items(), key=lambda item: order.get(item[0], 0))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)


def _read_zip(content: bytes) -> _Parts:
    import h5py

    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = archive.namelist()
        if "config.json" not in members:
            raise KeyError("no config.json in it")
        config = parsed_config(archive.read("config.json"))
        about = json.loads(archive.read("metadata.json")) if "metadata.json" in members else {}
        training = (
            _record(archive.read(f"{ATTRIBUTE}.json")) if f"{ATTRIBUTE}.json" in members else {}
        )
        with h5py.File(io.BytesIO(archive.read("model.weights.h5")), "r") as file:
            weights = [
                list(_stored(file, path, layer)) for path, layer in _stored_layers(file, config)
            ]
    origin = Origin(ArrayOrder.BY_LAYER, str(about.get("keras_version", "")), backend="")
    return config, [arrays for arrays in weights if arrays], origin, training


def _record(text: str | bytes) -> Config:
    record = json.loads(text)
    if not isinstance(record, dict):
        raise ValueError(f"its record {ATTRIBUTE} is not a JSON object")
    return record


def _stored_layers(group: Any, config: Config) -> Iterator[tuple[str, Config]]:  # noqa: ANN401
    """Yield each layer of a model with its path in `model.weights.h5`."""
    layers = layers_of(config)
    if _FOLDER_OF_2_13 in group:
        # Keras 2.13 counts layers with arrays twice; what it left out of its numbers is not there.
        paths = _numbered(_FOLDER_OF_2_13, layers, there=group)
    else:
        paths = _numbered("layers", layers)
    return zip(paths, layers, strict=True)


_FOLDER_OF_2_13 = "_layer_checkpoint_dependencies"


def _numbered(
    folder: str, layers: Sequence[Config], there: Container[str] | None = None
) -> Iterator[str]:
    """Yield the path of each of several layers: its class, numbered from the second one on.

    Args:
        folder: the path of all of them.
        layers: their configurations.
        there: the paths that there are, where numbers are left out; None where none are.
    """
    numbers: Counter[str] = Counter()
    for layer in layers:
        name = f"{folder}/{_snake_case(layer['class_name'])}"
        number = numbers[name]
        while there is not None and number < 2 * len(layers) and _path(name, number) not in there:
            number += 1
        numbers[name] = number + 1
        yield _path(name, number)


def _path(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


def _stored(group: Any, path: str, layer: Config) -> Iterator[npt.NDArray[np.float32]]:  # noqa: ANN401 - h5py has no types
    """Yield the arrays of a layer: its own, then those of the layers it is made of."""
    # Where the attribute that holds a layer was private, so is its path.
    found = next((name for name in (path, f"_{path}") if name in group), None)
    if found is None:
        return
    inner = group[found]
    if is_model(layer):
        for inner_path, inner_layer in _stored_layers(inner, layer):
            yield from _stored(inner, inner_path, inner_layer)
        return
    if "vars" in inner:
        variables = inner["vars"]
        for name in sorted(variables, key=lambda name: (len(name), name)):
            yield _array(variables[name])
    for part_path, part in _parts(layer):
        yield from _stored(inner, part_path, part)


def _parts(layer: Config) -> Iterator[tuple[str, Config]]:
    """Yield the layers that a layer is made of, each with its path in that of the layer."""
    inner = layer["config"]
    for part in PARTS.get(layer["class_name"], ()):
        if part == "cells":
            yield from zip(_numbered(part, inner[part]), inner[part], strict=True)
        elif part == "forward_layer":
            yield part, inner["layer"]
        elif part == "backward_layer":
            yield part, inner.get(part) or inner["layer"]
        else:
            yield part, inner.get(part) or {"class_name": "Layer", "config": {}}


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
    """Return a class name as Keras writes it in paths: `PReLU` becomes `p_re_lu`."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()
