"""The two formats of model files, told apart by their first bytes and not by the suffix."""

import itertools
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.models.allowlist import check_compilation, check_record, checked_config, quoted
from mnist_batch.models.containers import HDF5_SIGNATURE, MAX_OBJECTS, Arrays, opened
from mnist_batch.models.network_config import Config, layer_name, layers_of, parsed_config

if TYPE_CHECKING:
    import h5py
import io
import re
import zipfile
from collections import Counter
from collections.abc import Container

# import moved here
from mnist_batch.models.containers import read_members
from mnist_batch.models.network_config import PARTS, is_model

ATTRIBUTE = "mnist_batch"
"""Where a model trained by this package says in JSON how it was made."""

MAX_JSON = 4 * 2**20

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
class StoredModel:
    """What is in a model file.

    Attributes:
        config: the network as Keras describes it, checked by `config_allowlist`.
        weights: the arrays of each of the model's layers that has any, in the order of the
            layers; those of a layer that is made of layers, or is a model, come as one list.
        origin: what wrote it; that says how such a list is ordered.
        training: what our own `train` wrote; empty for other models.
        optimizer_bytes: how many bytes are the state of the optimizer, which is not read.
    """

    config: Config
    weights: Sequence[Weights]
    origin: Origin
    training: Config
    optimizer_bytes: int


def room_for(size: int) -> int:
    """Return how many bytes the content of a file of `size` bytes may take when it is unpacked.

    Arrays that were trained hardly shrink when they are packed; those of zeros are small.
    """
    return min(64 * 2**20 + 4 * size, 2**31)


def config_in(text: str | bytes) -> Config:
    """Return the configuration of a network, checked.

    Raises:
        ModelError: it is too long, nested too deep, or refused by `config_allowlist`.
        ValueError: it is not JSON.
    """
    return checked_config(parsed(text, "configuration"))


def record_in(text: str | bytes | None) -> Config:
    """Return what our own `train` wrote, empty for None.

    Raises:
        ModelError: it is too long, nested too deep, or has texts that cannot be printed.
        ValueError: it is not a JSON object.
    """
    record = parsed("{}" if text is None else text, "training record")
    if not isinstance(record, dict):
        raise ValueError(f"its record {ATTRIBUTE} is not a JSON object")
    check_record(record)
    return record


def parsed(text: str | bytes, what: str) -> Any:  # noqa: ANN401 - JSON
    """Parse the JSON in a model file.

    Raises:
        ModelError: it is too long or nested too deep.
        ValueError: it is not JSON.
    """
    if len(text) > MAX_JSON:
        raise ModelError(f"its {what} is too long, {len(text):,} characters; save it anew")
    try:
        return parsed_config(text)
    except RecursionError as error:
        raise ModelError(f"its {what} is nested too deep; save it anew") from error


def read_stored_model(content: bytes) -> StoredModel:
    """Read a model file by its bytes, which start with one of the `SIGNATURES`.

    Raises:
        ModelError: they are damaged, hold no configuration, or hold what one of the checks
            refuses (`config_allowlist`, `hdf5_arrays`, `zip_members`). The message does not name
            the file.
    """
    [read] = [read for signature, read in _READERS.items() if content.startswith(signature)]
    try:
        return read(content)
    except ModelError:
        raise
    except Exception as error:
        # h5py, zipfile and json raise nearly any type on damaged files, and so does reading a
        # structure that is not Keras's.
        raise ModelError(
            f"damaged or incomplete model file ({_cause(error)}); copy or save it anew"
        ) from error


def _cause(error: Exception) -> str:
    """Return what an exception says in one short line; names in it may be of any characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(character if character.isprintable() else "?" for character in text[:200])


def read_hdf5(content: bytes) -> StoredModel:
    """Read a model by the bytes of its file.

    Raises:
        ModelError: it holds no configuration, or one that is refused; or `hdf5_arrays` refuses it.
        Exception: of nearly any type, where it is damaged.
    """
    with opened(content) as file:
        text = _text(file, "model_config")
        if text is None:
            raise ModelError(
                "holds no configuration of a network, as a file of weights alone; "
                "save the whole model with model.save(...)"
            )
        config = config_in(text)
        compilation = _text(file, "training_config")
        if compilation is not None:
            check_compilation(parsed(compilation, "training configuration"))
        training = record_in(_text(file, ATTRIBUTE))
        origin = Origin(
            ArrayOrder.TRAINED_FIRST,
            _text(file, "keras_version") or "",
            _text(file, "backend") or "",
        )
        arrays = Arrays(file, room_for(len(content)))
        groups = file["model_weights"]
        stored = {name: _weights(groups[name], arrays) for name in _names(groups, "layer_names")}
        weights = [layer for _, layer in _in_order(stored, config) if layer]
        return StoredModel(
            config, weights, origin, training, arrays.bytes_under("/optimizer_weights/")
        )


def _weights(layer: "h5py.Group", arrays: Arrays) -> Weights:
    return [arrays.read(layer, name) for name in _names(layer, "weight_names")]


def _in_order(stored: dict[str, Weights], config: Config) -> list[tuple[str, Weights]]:
    """Return the arrays of each layer in the order of the configuration.

    Versions of Keras sort the layers of a functional model differently. Where a layer has no name
    in the configuration, the order in the file has to do.
    """
    order = {layer_name(layer): number for number, layer in enumerate(layers_of(config))}
    if any(arrays and name not in order for name, arrays in stored.items()):
        return list(stored.items())
    return sorted(stored.items(), key=lambda item: order.get(item[0], 0))


def _text(holder: "h5py.Group", name: str) -> str | None:
    """Return the text in an attribute, None where there is none of that name."""
    if name not in holder.attrs:
        return None
    _check_size(holder, name, 1)
    text = holder.attrs[name]
    if not isinstance(text, str | bytes):
        raise ValueError(f"its attribute {name} is not text")
    return text.decode() if isinstance(text, bytes) else str(text)


def _names(group: "h5py.Group", attribute: str) -> Iterator[str]:
    """Yield the names in an attribute; Keras cuts a list of over 64 KB in numbered attributes."""
    pieces = (f"{attribute}{number}" for number in itertools.count())
    whole = [attribute] if attribute in group.attrs else []
    for piece in whole or itertools.takewhile(group.attrs.__contains__, pieces):
        _check_size(group, piece, MAX_OBJECTS)
        for name in group.attrs[piece]:
            yield name.decode() if isinstance(name, bytes) else str(name)


def _check_size(holder: "h5py.Group", name: str, most: int) -> None:
    """Raise `ModelError` before an attribute is read that has too many values or too long ones."""
    stored = holder.attrs.get_id(name)
    values = math.prod(stored.shape)
    if values > most or values * stored.dtype.itemsize > MAX_JSON:
        raise ModelError(
            f"its attribute {quoted(name)} is too large, {values:,} values of "
            f"{stored.dtype.itemsize:,} bytes; save it anew"
        )


_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_RECORD = f"{ATTRIBUTE}.json"


def read_keras_v3(content: bytes) -> StoredModel:
    """Read a model by the bytes of its file.

    Raises:
        ModelError: it is another zip file; its configuration is refused; or `zip_members` or
            `hdf5_arrays` refuse it.
        Exception: of nearly any type, where it is damaged.
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if _CONFIG not in archive.namelist():
            raise ModelError(f"{zip_kind(archive.namelist())}; expected a Keras v3 file (.keras)")
        known = (_CONFIG, _METADATA, _WEIGHTS, _RECORD)
        members = read_members(archive, known, room_for(len(content)))
    config = config_in(members[_CONFIG])
    about = parsed(members.get(_METADATA, "{}"), "metadata")
    origin = Origin(ArrayOrder.BY_LAYER, str(about.get("keras_version", "")), backend="")
    training = record_in(members.get(_RECORD))
    if not members[_WEIGHTS].startswith(HDF5_SIGNATURE):
        raise ValueError(f"its {_WEIGHTS} is not HDF5")
    with opened(members[_WEIGHTS]) as file:
        arrays = Arrays(file, room_for(len(content)))
        layers = [
            [arrays.read(group, name) for group, name in _stored(file, path, layer)]
            for path, layer in _stored_layers(file, config)
        ]
        weights = [layer for layer in layers if layer]
        return StoredModel(config, weights, origin, training, arrays.bytes_under("/optimizer/"))


def zip_kind(names: Sequence[str]) -> str:
    """Return what a zip file is that has no `config.json`, by the names of its members."""
    for pattern, kind in _MEMBERS:
        if any(re.fullmatch(pattern, name) for name in names):
            return kind
    return "a zip file without a config.json"


_MEMBERS = (
    (r"(.*/)?data\.pkl", "a PyTorch file, which is a program"),
    (r"(.*/)?saved_model\.pb", "a packed TensorFlow SavedModel"),
    (r".*\.npy", "arrays of NumPy without a network"),
    (r".*\.(h5|hdf5|keras)", "a packed folder with a model in it, which must be unpacked first"),
)


def _stored_layers(group: "h5py.Group", config: Config) -> Iterator[tuple[str, Config]]:
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


def _stored(group: "h5py.Group", path: str, layer: Config) -> Iterator[tuple["h5py.Group", str]]:
    """Yield where the arrays of a layer are: its own, then those of the layers it is made of."""
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
            yield variables, name
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


def _snake_case(name: str) -> str:
    """Return a class name as Keras writes it in paths: `PReLU` becomes `p_re_lu`."""
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", name)
    return re.sub(r"([a-z])([A-Z])", r"\1_\2", name).lower()


_READERS = {HDF5_SIGNATURE: read_hdf5, b"PK\x03\x04": read_keras_v3}

SIGNATURES = tuple(_READERS)
