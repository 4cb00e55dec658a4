"""Model files in both formats (HDF5, .keras) with any content, put together without Keras."""

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from mnist_batch.models.formats import StoredNetwork
from mnist_batch.models.model_file import ModelFile, read_model_file
from mnist_batch.models.reading_process import read_in_child

KERNEL = np.random.default_rng(5).normal(size=(784, 10)).astype(np.float32)
BIAS = np.arange(10, dtype=np.float32)
DENSE = {"class_name": "Dense", "config": {"name": "d", "units": 10, "activation": "softmax"}}
INPUT = {"class_name": "InputLayer", "config": {"batch_shape": [None, 784], "name": "input"}}


def config_of(*layers: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration of a Sequential model of 784 values."""
    return {"class_name": "Sequential", "config": {"name": "model", "layers": [INPUT, *layers]}}


CONFIG = config_of(DENSE)

Change = Callable[[h5py.File], object]


def hdf5_model(
    config: object = CONFIG,
    change: Change | None = None,
    *,
    kernel: npt.NDArray[Any] = KERNEL,
    chunked: bool = False,
    **attributes: object,
) -> bytes:
    """Return a model of one Dense layer as Keras writes it to HDF5.

    Args:
        config: the network's configuration.
        change: what is done to the file at the end.
        kernel: the array of the layer.
        chunked: cut the lists of names in numbered attributes, as Keras does with long ones.
        attributes: further attributes of the file; JSON but for texts.
    """
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        for name, value in {"model_config": config, **attributes}.items():
            file.attrs[name] = value if isinstance(value, str) else json.dumps(value)
        group = file.create_group("model_weights")
        layer = group.create_group("d")
        layer["d/kernel:0"], layer["d/bias:0"] = kernel, BIAS
        if chunked:
            group.attrs["layer_names0"] = [b"d"]
            layer.attrs["weight_names0"], layer.attrs["weight_names1"] = (
                [b"d/kernel:0"],
                [b"d/bias:0"],
            )
        else:
            group.attrs["layer_names"] = [b"d"]
            layer.attrs["weight_names"] = [b"d/kernel:0", b"d/bias:0"]
        if change:
            change(file)
    return content.getvalue()


def keras_model(
    config: object = CONFIG,
    change: Change | None = None,
    *,
    kernel: npt.NDArray[Any] = KERNEL,
    compression: int = zipfile.ZIP_STORED,
    members: Mapping[str, str | bytes] | None = None,
) -> bytes:
    """Return the same model as a Keras v3 file.

    Args:
        config: the network's configuration.
        change: what is done to its HDF5 file at the end.
        kernel: the array of the layer.
        compression: how the members are packed.
        members: further members, by their names.
    """
    weights, content = io.BytesIO(), io.BytesIO()
    with h5py.File(weights, "w") as file:
        variables = file.create_group("layers/dense/vars")
        variables["0"], variables["1"] = kernel, BIAS
        if change:
            change(file)
    with zipfile.ZipFile(content, "w", compression) as archive:
        archive.writestr("metadata.json", "{}")
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights.getvalue())
        for name, member in (members or {}).items():
            archive.writestr(name, member)
    return content.getvalue()


def deflated_model() -> bytes:
    """Return a Keras v3 file that was packed anew, with compression."""
    return keras_model(compression=zipfile.ZIP_DEFLATED)


FORMATS: list[Callable[[], bytes]] = [hdf5_model, keras_model, deflated_model]
BUILDERS: list[Callable[..., bytes]] = [hdf5_model, keras_model]


def keras_file(path: Path) -> ModelFile:
    """Read a model file of Keras."""
    file = read_model_file(path)
    assert isinstance(file, ModelFile)
    return file


def stored_in(content: bytes) -> StoredNetwork:
    """Read the bytes of a model file of Keras in the child process."""
    stored = read_in_child(content)
    assert isinstance(stored, StoredNetwork)
    return stored
