"""Read the two formats in which Keras saves a network: HDF5 (`.h5`) and Keras v3 (`.keras`)."""

import io
import itertools
import math
import re
import zipfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.machine.failures import is_out_of_memory, out_of_memory
from mnist_batch.models.allowlist import (
    check_record,
    checked_config,
    compilations,
    foreign_names,
    quoted,
)
from mnist_batch.models.containers import HDF5_SIGNATURE, MAX_OBJECTS, Arrays, opened, read_members
from mnist_batch.models.network_config import (
    MAX_JSON,
    PARTS,
    Config,
    is_network,
    layer_name,
    layers_of,
    parsed,
)
from mnist_batch.models.other_kinds import in_python, said_of_zip

if TYPE_CHECKING:
    import h5py

ATTRIBUTE = "mnist_batch"
"""Where a model file of this package's `train` tells in JSON how the network was trained."""

Weights = list[npt.NDArray[np.float32]]


class ArrayOrder(StrEnum):
    """The order in which a file has the arrays of a layer that is made of layers."""

    TRAINED_FIRST = "those that are trained, of all its layers, before those that are not"
    BY_LAYER = "layer by layer"


@dataclass(frozen=True)
class StoredNetwork:
    """The content of a model file, whichever its format.

    Attributes:
        config: the network as Keras describes it, `class_name` and `config`; all names in it are
            on the lists of `allowlist`, and how it was compiled is left out.
        weights: the arrays of each layer that has any, in the order of the layers; those of a layer
            that is made of layers, or is a network, come as one list.
        array_order: the order in such a list.
        keras_version: the version that wrote the file, as `2.2.4-tf`; empty where it does not tell.
        backend: what that ran on, as `theano`; empty where the file does not tell.
        training: the record of our own `train`: scale, classes, settings, data and accuracy; empty
            in other files.
        optimizer_bytes: the bytes that the state of the optimizer takes. It is not read, and
            prediction does not need it; Adam's is twice the size of the weights.
        notes: what the user should know of how the file was read, one sentence each.
    """

    config: Config = field(repr=False)
    weights: Sequence[Weights] = field(repr=False)
    array_order: ArrayOrder
    keras_version: str
    backend: str
    training: Config
    optimizer_bytes: int
    notes: Sequence[str]


def read_stored_network(content: bytes) -> StoredNetwork:
    """Read the bytes of a model file, which start with one of the `SIGNATURES`.

    Raises:
        ModelError: they are damaged, hold no configuration, or something that `allowlist` or
            `containers` refuse. The message does not name the file.
        MachineError: memory ran out.
    """
    [read] = [read for signature, read in _READERS.items() if content.startswith(signature)]
    try:
        return read(content)
    except ModelError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise out_of_memory(error, "a model file") from error
        # h5py, zipfile and json raise nearly any type on damaged files, and so does reading a
        # structure that is not Keras's.
        raise ModelError(
            f"damaged or incomplete model file ({_cause(error)}); copy or save it anew"
        ) from error


def _cause(error: Exception) -> str:
    """Return the message of an exception as one short line; it may quote any characters."""
    text = " ".join(str(error).split()) or type(error).__name__
    return "".join(character if character.isprintable() else "?" for character in text[:200])


def room_for(size: int) -> int:
    """Return how many bytes the content of a file of `size` bytes may take when it is unpacked.

    Trained arrays hardly shrink when they are packed; arrays of zeros are small.
    """
    return min(64 * 2**20 + 4 * size, 2**31)


def _training_record(text: str | bytes | None) -> Config:
    """Parse and check the record of our own `train`, empty for None."""
    record = parsed("{}" if text is None else text, "training record")
    if not isinstance(record, dict):
        raise ValueError(f"its record {ATTRIBUTE} is not a JSON object")
    check_record(record)
    return record


def _read_hdf5(content: bytes) -> StoredNetwork:
    """Read an HDF5 file as Keras 2 and 3 save it.

    The attribute `model_config` has the configuration in JSON; in the group `model_weights` the
    group of each layer lists its arrays in the attribute `weight_names` (Keras,
    legacy_h5_format.py).
    """
    with opened(content) as file:
        text = _text(file, "model_config")
        if text is None:
            raise ModelError(
                "holds weights alone, no configuration of a network; build the network as for "
                f"training, then: model.load_weights({in_python('FILE')}); "
                f"model.save({in_python('STEM.keras')})"
            )
        config = checked_config(parsed(text, "configuration"))
        compilation = parsed(_text(file, "training_config") or "{}", "training configuration")
        training = _training_record(_text(file, ATTRIBUTE))
        arrays = Arrays(file, room_for(len(content)))
        groups = file["model_weights"]
        stored = {name: _weights(groups[name], arrays) for name in _names(groups, "layer_names")}
        weights = [layer for layer in _in_order(stored, config) if layer]
        version, backend = (_text(file, name) or "" for name in ("keras_version", "backend"))
        optimizer = arrays.bytes_under("/optimizer_weights/")
        order = ArrayOrder.TRAINED_FIRST
        notes = _notes([compilation])
        return StoredNetwork(config, weights, order, version, backend, training, optimizer, notes)


def _weights(layer: "h5py.Group", arrays: Arrays) -> Weights:
    return [arrays.read(layer, name) for name in _names(layer, "weight_names")]


def _in_order(stored: dict[str, Weights], config: Config) -> list[Weights]:
    """Return the arrays of each layer in the order of the configuration.

    Versions of Keras sort the layers of a functional model differently. Where a layer has no name
    in the configuration, the order is that of the file.
    """
    order = {layer_name(layer): number for number, layer in enumerate(layers_of(config))}
    if any(arrays and name not in order for name, arrays in stored.items()):
        return list(stored.values())
    return [stored[name] for name in sorted(stored, key=lambda name: order.get(name, 0))]


def _text(holder: "h5py.Group", name: str) -> str | None:
    """Return the text of an attribute, None where there is no such attribute."""
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
    """Refuse an attribute before it is read if it has too many values or too long ones."""
    stored = holder.attrs.get_id(name)
    values, size = math.prod(stored.shape), stored.dtype.itemsize
    if values > most or values * size > MAX_JSON:
        shown = f"its attribute {quoted(name)}"
        raise ModelError(f"{shown} is too large, {values:,} values of {size:,} bytes; save it anew")


_CONFIG, _METADATA, _WEIGHTS = "config.json", "metadata.json", "model.weights.h5"
_RECORD = f"{ATTRIBUTE}.json"


def _read_keras_v3(content: bytes) -> StoredNetwork:
    """Read a file in the format Keras v3.

    It is a zip with the configuration in `config.json` and the arrays in `model.weights.h5`. There
    the arrays of a layer lie under `layers/<class name in snake case, numbered>/vars`, and those of
    layers that it is made of under their attributes, as `forward_layer/cell/vars` (Keras,
    saving_lib.py).
    """
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if _CONFIG not in archive.namelist():
            raise ModelError(said_of_zip(archive.namelist()))
        known = (_CONFIG, _METADATA, _WEIGHTS, _RECORD)
        members = read_members(archive, known, room_for(len(content)))
    whole = parsed(members[_CONFIG], "configuration")
    config = checked_config(whole)
    notes = _notes(compilations(whole))
    about = parsed(members.get(_METADATA, "{}"), "metadata")
    version = str(about.get("keras_version", ""))
    training = _training_record(members.get(_RECORD))
    if not members[_WEIGHTS].startswith(HDF5_SIGNATURE):
        raise ValueError(f"its {_WEIGHTS} is not HDF5")
    with opened(members[_WEIGHTS]) as file:
        arrays = Arrays(file, room_for(len(content)))
        root = _folders(file)
        layers = [
            [arrays.read(file, name) for name in _stored(root, path, layer)]
            for path, layer in _stored_layers(root, config)
        ]
        weights = [layer for layer in layers if layer]
        optimizer = arrays.bytes_under("/optimizer/", "/optimizer\\")
        order = ArrayOrder.BY_LAYER
        return StoredNetwork(config, weights, order, version, "", training, optimizer, notes)


def _notes(compiled: Sequence[object]) -> list[str]:
    """Return the note on losses, metrics and optimizers that are not of Keras, if there are any."""
    names = sorted({name for one in compiled for name in foreign_names(one)})
    if not names:
        return []
    shown = ", ".join(map(quoted, names[:3])) + (" and others" if len(names) > 3 else "")
    return [f"was compiled with {shown}, not of Keras: it is not needed to predict"]


_Folder = dict[str, Any]
"""A group of `model.weights.h5`: by name, a folder, or the path of an array."""


def _folders(file: "h5py.File") -> _Folder:
    """Return the groups and arrays of a file by the folders they lie in.

    Keras 2.12 to 2.15 parted names with the separator of the system, on Windows a backslash.
    """
    import h5py

    root: _Folder = {}

    def add(path: str, item: object) -> None:
        *folders, name = path.replace("\\", "/").split("/")
        folder = root
        for inner in folders:
            folder = folder.setdefault(inner, {})
        if isinstance(item, h5py.Dataset):
            folder[name] = path
        else:
            folder.setdefault(name, {})

    file.visititems(add)
    return root


def _within(folder: _Folder, path: str) -> _Folder | None:
    """Return the folder at a path within another, None where there is none."""
    found: Any = folder
    for name in path.split("/"):
        found = found.get(name) if isinstance(found, dict) else None
    return found if isinstance(found, dict) else None


def _stored_layers(folder: _Folder, config: Config) -> Iterator[tuple[str, Config]]:
    """Yield each layer of a network with its path in `model.weights.h5`."""
    layers = layers_of(config)
    # Keras 2.13 counts layers with arrays twice; the numbers that it leaves out are not there.
    of_2_13 = "_layer_checkpoint_dependencies"
    if of_2_13 in folder:
        return zip(_numbered(of_2_13, layers, there=folder), layers, strict=True)
    return zip(_numbered("layers", layers), layers, strict=True)


def _numbered(folder: str, layers: Sequence[Config], there: _Folder | None = None) -> Iterator[str]:
    """Yield the path of each of several layers: its class, numbered from the second one on.

    `there` has what exists, where numbers are left out; it is None where none are.
    """
    numbers: Counter[str] = Counter()
    for layer in layers:
        name = f"{folder}/{_snake_case(layer['class_name'])}"
        number = numbers[name]
        while (
            there is not None
            and number < 2 * len(layers)
            and _within(there, _path(name, number)) is None
        ):
            number += 1
        numbers[name] = number + 1
        yield _path(name, number)


def _path(name: str, number: int) -> str:
    return f"{name}_{number}" if number else name


def _stored(folder: _Folder, path: str, layer: Config) -> Iterator[str]:
    """Yield the paths of the arrays of a layer: its own, then those of the layers it is made of."""
    # Where the attribute that holds a layer was private, so is its path.
    places = (_within(folder, name) for name in (path, f"_{path}"))
    inner = next((place for place in places if place is not None), None)
    if inner is None:
        return
    parts = _stored_layers(inner, layer) if is_network(layer) else _parts(layer)
    if not is_network(layer) and "vars" in inner:
        for _, array in sorted(inner["vars"].items(), key=lambda item: (len(item[0]), item[0])):
            yield array
    for part_path, part in parts:
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


_READERS = {HDF5_SIGNATURE: _read_hdf5, b"PK\x03\x04": _read_keras_v3}

SIGNATURES = tuple(_READERS)
"""The first bytes of the two formats; the suffix of the file does not matter."""
