"""Models in the format Keras v3 (`.keras`).

It is a zip with the configuration in `config.json` and the arrays in `model.weights.h5`. There the
arrays of a layer lie under `layers/<class name in snake case, numbered>/vars`, and those of layers
that it is made of under their attributes, as `forward_layer/cell/vars` (Keras, saving_lib.py).
"""

import io
import re
import zipfile
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from typing import TYPE_CHECKING

from mnist_batch.errors import ModelError
from mnist_batch.models.hdf5_arrays import HDF5_SIGNATURE, Arrays, opened
from mnist_batch.models.network_config import PARTS, Config, is_model, layers_of
from mnist_batch.models.other_formats import zip_kind
from mnist_batch.models.stored import (
    ATTRIBUTE,
    ArrayOrder,
    Origin,
    StoredModel,
    config_in,
    parsed,
    record_in,
    room_for,
)
from mnist_batch.models.zip_members import read_members

if TYPE_CHECKING:
    import h5py

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
