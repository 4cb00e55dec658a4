"""Models in HDF5 (`.h5`), as Keras 2 and 3 save them.

The attribute `model_config` has the configuration in JSON; in the group `model_weights` the group
of each layer lists its arrays in the attribute `weight_names` (Keras, legacy_h5_format.py).
"""

import itertools
import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from mnist_batch.errors import ModelError
from mnist_batch.models.allowlist import check_compilation, quoted
from mnist_batch.models.hdf5_arrays import MAX_OBJECTS, Arrays, opened
from mnist_batch.models.network_config import Config, layer_name, layers_of
from mnist_batch.models.stored import (
    ATTRIBUTE,
    MAX_JSON,
    ArrayOrder,
    Origin,
    StoredModel,
    Weights,
    config_in,
    parsed,
    record_in,
    room_for,
)

if TYPE_CHECKING:
    import h5py


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
