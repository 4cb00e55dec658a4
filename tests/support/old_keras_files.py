"""Model files as old versions of Keras wrote them, put together without Keras."""

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

Json = dict[str, Any]

# As Keras 2.1 wrote what only training needs; Keras 2.0 wrote a `dtype` with some of it.
_FOR_TRAINING: Json = {
    "kernel_initializer": {
        "class_name": "VarianceScaling",
        "config": {"scale": 1.0, "mode": "fan_avg", "distribution": "uniform", "seed": None},
    },
    "bias_initializer": {"class_name": "Zeros", "config": {"dtype": "float32"}},
    "kernel_regularizer": {"class_name": "L1L2", "config": {"l1": 0.0, "l2": 0.01}},
    "bias_regularizer": None,
    "activity_regularizer": None,
    "kernel_constraint": {"class_name": "MaxNorm", "config": {"max_value": 2, "axis": 0}},
    "bias_constraint": None,
}

_OF_CLASS: Mapping[str, Json] = {
    "Dense": {"activation": "linear", "use_bias": True, **_FOR_TRAINING},
    "Conv2D": {
        "strides": [1, 1],
        "padding": "valid",
        "data_format": "channels_last",
        "dilation_rate": [1, 1],
        "activation": "linear",
        "use_bias": True,
        **_FOR_TRAINING,
    },
    "BatchNormalization": {
        "axis": -1,
        "momentum": 0.99,
        "epsilon": 0.001,
        "center": True,
        "scale": True,
        "beta_initializer": {"class_name": "Zeros", "config": {}},
        "gamma_initializer": {"class_name": "Ones", "config": {}},
        "moving_mean_initializer": {"class_name": "Zeros", "config": {}},
        "moving_variance_initializer": {"class_name": "Ones", "config": {}},
    },
    "Flatten": {"data_format": "channels_last"},
    "MaxPooling2D": {
        "pool_size": [2, 2],
        "padding": "valid",
        "strides": [2, 2],
        "data_format": "channels_last",
    },
    "LSTM": {
        "return_sequences": False,
        "return_state": False,
        "go_backwards": False,
        "stateful": False,
        "unroll": False,
        "time_major": False,
        "activation": "tanh",
        "recurrent_activation": "sigmoid",
        "use_bias": True,
        "unit_forget_bias": True,
        "recurrent_initializer": {"class_name": "Orthogonal", "config": {"gain": 1.0}},
        "recurrent_constraint": None,
        "dropout": 0.0,
        "recurrent_dropout": 0.0,
        "implementation": 1,
        **_FOR_TRAINING,
    },
}


def old(class_name: str, name: str, **settings: object) -> Json:
    """Return the configuration of a layer."""
    always = {"name": name, "trainable": True}
    return {
        "class_name": class_name,
        "config": {**always, **_OF_CLASS.get(class_name, {}), **settings},
    }


def called(layer: Json, *calls: Sequence[Any]) -> Json:
    """Return a layer of a functional model that takes tensors: one list for each call of it."""
    nodes = [[[*tensor, {}] for tensor in call] for call in calls]
    return {**layer, "name": layer["config"]["name"], "inbound_nodes": nodes}


def functional(
    name: str, layers: Sequence[Json], output: Sequence[Any], class_name: str = "Model"
) -> Json:
    """Return a functional model of one input, its first layer, and one output."""
    config = {
        "name": name,
        "layers": list(layers),
        "input_layers": [[layers[0]["name"], 0, 0]],
        "output_layers": [list(output)],
    }
    return {"class_name": class_name, "config": config}


def write_hdf5(
    path: Path,
    config: Json,
    arrays: Mapping[str, Sequence[np.ndarray]],
    version: str = "2.1.6",
    backend: str = "tensorflow",
) -> Path:
    """Write an HDF5 file with the state of an optimizer that nobody knows."""
    with h5py.File(path, "w") as file:
        file.attrs["keras_version"], file.attrs["backend"] = version.encode(), backend.encode()
        file.attrs["model_config"] = json.dumps(config).encode()
        file.attrs["training_config"] = json.dumps(
            {"optimizer_config": {"class_name": "Yogi", "config": {"lr": 0.1}}, "loss": "my_loss"}
        )
        file["optimizer_weights/training/Yogi/iterations:0"] = 5
        groups = file.create_group("model_weights")
        groups.attrs["layer_names"] = [name.encode() for name in arrays]
        for name, values in arrays.items():
            group = groups.create_group(name)
            names = [f"{name}/array_{number}:0" for number in range(len(values))]
            group.attrs["weight_names"] = [one.encode() for one in names]
            for one, value in zip(names, values, strict=True):
                group[one] = value
    return path


def write_zip(
    path: Path,
    config: Json,
    arrays: Mapping[str, Sequence[np.ndarray]],
    version: str = "2.15.0",
) -> Path:
    """Write a Keras v3 file; arrays by the path of the group above `vars`."""
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for group, values in arrays.items():
            file.create_group(f"{group}/vars")
            for number, value in enumerate(values):
                file[f"{group}/vars/{number}"] = value
        file["optimizer/vars/0"] = 5
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("metadata.json", json.dumps({"keras_version": version}))
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights.getvalue())
    return path
