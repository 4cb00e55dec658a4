"""Model files made to do harm, given to the commands as a user gives them: nothing happens."""

import base64
import marshal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from mnist_batch.errors import ModelError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.predictors import load_model
from tests.support.model_files import DENSE, INPUT, config_of, hdf5_model, keras_model


def lambda_layer(canary: Path) -> dict[str, Any]:
    """Return a Lambda layer as Keras 3 saves it, whose function writes a file."""
    code = compile(f"lambda x: (open({str(canary)!r}, 'w'), x)[1]", "<model>", "eval").co_consts[0]
    function = {
        "class_name": "__lambda__",
        "config": {
            "code": base64.b64encode(marshal.dumps(code)).decode(),
            "defaults": None,
            "closure": None,
        },
    }
    return {
        "module": "keras.layers",
        "class_name": "Lambda",
        "config": {"name": "evil", "function": function, "arguments": {}},
        "registered_name": None,
        "build_config": {"input_shape": [None, 784]},
    }


def foreign_module(canary: Path) -> dict[str, Any]:
    """Return a layer of a module that writes a file when it is imported."""
    canary.with_name("evil_module.py").write_text(f"open({str(canary)!r}, 'w')\nclass Evil: ...\n")
    return {
        "module": "evil_module",
        "class_name": "Evil",
        "config": {"name": "evil"},
        "registered_name": "evil>Evil",
    }


def saved_program(canary: Path) -> dict[str, Any]:
    """Return a layer that runs a TensorFlow program beside the file."""
    return {"class_name": "TFSMLayer", "config": {"name": "evil", "filepath": str(canary.parent)}}


EVILS: list[Callable[[Path], dict[str, Any]]] = [lambda_layer, foreign_module, saved_program]


def dense(**settings: object) -> dict[str, Any]:
    """Return a Dense layer with settings of its own."""
    config: dict[str, Any] = {"name": "d", "units": 10, "activation": "softmax"}
    return {"class_name": "Dense", "config": {**config, **settings}}


PLACES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "layer": lambda evil: config_of(evil, DENSE),
    "nested": lambda evil: config_of(config_of(config_of(evil)), DENSE),
    "wrapped": lambda evil: config_of(
        {"class_name": "TimeDistributed", "config": {"name": "t", "layer": evil}}, DENSE
    ),
    "activation": lambda evil: config_of(dense(activation=evil)),
    "initializer": lambda evil: config_of(dense(kernel_initializer=evil)),
    "number type": lambda evil: config_of(dense(dtype=evil)),
    "call": lambda evil: config_of({**DENSE, "inbound_nodes": [["d", 0, 0, {"x": evil}]]}),
}


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("evil", EVILS)
def test_code_is_not_run(
    evil: Callable[[Path], dict[str, Any]],
    place: str,
    suffix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In no place of either format; the file is refused with the layer and why."""
    monkeypatch.syspath_prepend(str(tmp_path))
    canary, path = tmp_path / "canary", tmp_path / f"model{suffix}"
    config = PLACES[place](evil(canary))
    path.write_bytes(hdf5_model(config) if suffix == ".h5" else keras_model(config))
    with pytest.raises(ModelError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    assert any(named in message for named in ("'evil'", "'d' (Dense)"))
    assert not canary.exists()


@pytest.mark.parametrize("evil", EVILS)
def test_code_in_what_a_network_was_compiled_with_is_not_run(
    evil: Callable[[Path], dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is left out unread, in both formats; a note names it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    canary = tmp_path / "canary"
    compiled = {"loss": evil(canary)}
    contents = {
        "model.h5": hdf5_model(training_config=compiled),
        "inner.h5": hdf5_model({**config_of(DENSE), "compile_config": compiled}),
        "model.keras": keras_model({**config_of(DENSE), "compile_config": compiled}),
    }
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
        notes = load_model(tmp_path / name).notes
        assert any("was compiled with" in note for note in notes) == (name != "inner.h5")
    assert not canary.exists()


def test_the_code_would_run_if_it_were_let(tmp_path: Path) -> None:
    """Keras told to trust the file writes the canary: the tests above show something."""
    canary, path = tmp_path / "canary", tmp_path / "model.keras"
    config = config_of(lambda_layer(canary), {**DENSE, "module": "keras.layers"})
    config["config"]["layers"][0] = {**INPUT, "module": "keras.layers"}
    path.write_bytes(keras_model({**config, "module": "keras"}))
    model = import_keras().models.load_model(path, compile=False, safe_mode=False)
    model(np.zeros((1, 784), np.float32))
    assert canary.exists()


@pytest.mark.parametrize(
    "arguments",
    [
        ["predict", "{digits}", "--out", "{out}", "--model", "{model}"],
        ["inspect", "{model}"],
        ["benchmark", "{digits}", "--model", "{model}"],
    ],
    ids=lambda arguments: arguments[0],
)
def test_every_command_refuses_alike(arguments: list[str], tmp_path: Path) -> None:
    """With one line and exit 1; nothing is written."""
    model, out = tmp_path / "model.keras", tmp_path / "out.parquet"
    model.write_bytes(keras_model(config_of(lambda_layer(tmp_path / "canary"), DENSE)))
    places = {"digits": "examples/digits", "out": str(out), "model": str(model)}
    command = [argument.format(**places) for argument in arguments]
    result = subprocess.run(
        [sys.executable, "-m", "mnist_batch", *command], capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert result.stdout == ""
    [line] = result.stderr.splitlines()
    assert "layer 'evil' (Lambda) would run code that is in the file" in line
    assert [path.name for path in tmp_path.iterdir()] == ["model.keras"]
