"""What is told of a model file: its layers, its scale, what runs it, and what is odd about it."""

import hashlib
import io
import json
import re
import subprocess
import sys
import warnings
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import LogisticRegression

from mnist_batch.errors import InputError, LabelError, ModelError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inspection.models import ModelInspection, inspect_model
from mnist_batch.models.model_file import DEFAULT_MODEL, read_model_file
from mnist_batch.options import Scale
from mnist_batch.synthetic.generator import draw_digits
from tests.support.linear_model import write_linear_model

pytestmark = pytest.mark.usefixtures("models_read_here")

keras = import_keras()
layers = keras.layers
Input, Sequential, Dense = keras.Input, keras.Sequential, layers.Dense

RESCALING = {"class_name": "Rescaling", "config": {"name": "r", "scale": 1 / 255, "offset": 0}}


def saved(path: Path, *stack: Any, **compiled: object) -> Path:  # noqa: ANN401 - Keras
    """Save a network and return its path."""
    network = Sequential(list(stack))
    if compiled:
        network.compile(**compiled)
        network.optimizer.build(network.trainable_variables)
    network.save(path)
    return path


def trained() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return kernel and bias that read drawn digits with pixels from 0 to 1."""
    images, labels = draw_digits(600)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not converge in so few steps, nor need it
        network = LogisticRegression(max_iter=20).fit(images.reshape(-1, 784) / 255, labels)
    return network.coef_.T.astype(np.float32), network.intercept_.astype(np.float32)


TRAINED = trained()


def write_trained(path: Path, **settings: Any) -> Path:  # noqa: ANN401
    """Write a model that reads drawn digits with pixels from 0 to 1."""
    write_linear_model(path, TRAINED, **settings)
    return path


def test_a_handmade_model_is_told(tmp_path: Path) -> None:
    """All there is to know of it, as JSON takes it."""
    path = tmp_path / "linear.h5"
    write_linear_model(path)
    assert json.loads(json.dumps(inspect_model(path).record())) == {
        "model_file": str(path),
        "sha256": hashlib.sha256(path.read_bytes()).hexdigest(),
        "size_bytes": len(path.read_bytes()),
        "layers": [
            {
                "name": "dense",
                "type": "Dense",
                "output_shape": [10],
                "activation": "softmax",
                "parameters": 7850,
            }
        ],
        "parameters": 7850,
        "input_shape": [784],
        "output_activation": "softmax",
        "predictor": "numpy",
        "why": "all of its layers are ones that NumPy runs",
        "scale": {
            "taken": "0-1",
            "said_by": None,
            "best": None,
            "best_prepare": None,
            "trial_rows": 0,
            "trials": [],
        },
        "training": {},
        "suspicious": [
            "the file does not say which pixel range it expects, so 0-1 is taken; "
            "--data LABELLED finds it with labelled digits"
        ],
    }


def best_scale(found: ModelInspection) -> Scale | None:
    """Return the scale at which labelled images are read best."""
    return found.best.scale if found.best else None


def test_the_model_that_comes_along_is_not_suspicious(digits_parquet: Path) -> None:
    """Its file says how it was made and how it wants the pixels, and labelled digits agree."""
    found = inspect_model(DEFAULT_MODEL, data=digits_parquet)
    assert found.suspicious == []
    assert [layer.parameters for layer in found.layers] == [784 * 128 + 128, 128 * 64 + 64, 650]
    assert found.parameters == 109_386
    assert (found.scale, found.scale_source, best_scale(found)) == (
        "0-1",
        "training record",
        "0-1",
    )
    assert found.training == read_model_file(DEFAULT_MODEL).training
    assert found.trials
    assert found.trials.rows == 1050


def test_the_original_model_has_its_optimizer_with_it(seed_model: Path, mnist: Path) -> None:
    """And does not say its scale; MNIST's digits tell."""
    found = inspect_model(seed_model, data=mnist / "test-00000-of-00001.parquet")
    assert (found.predictor, found.scale_source, best_scale(found)) == ("numpy", None, "0-1")
    assert found.trials
    accuracies = [round(trial.accuracy, 2) for trial in found.trials.trials]
    assert accuracies == [0.98, 0.98, 0.11, 0.11]
    assert found.suspicious == [
        "65% of the file is its optimizer's state, of use for more training only"
    ]


def test_a_dense_model_needs_no_tensorflow(model: Path, digits_parquet: Path) -> None:
    """Nor Keras, the scales tried as well."""
    code = (
        "import sys; from mnist_batch import inspect_model; "
        "assert inspect_model(sys.argv[1], data=sys.argv[2]).trials; "
        "print([name for name in ('tensorflow', 'keras') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code, str(model), str(digits_parquet)],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (result.stdout, result.stderr) == ("[]\n", "")


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_a_model_of_keras_is_told_with_the_reason(
    suffix: str, tmp_path: Path, digits_parquet: Path
) -> None:
    """Layers and their shapes come from Keras; labelled digits are read on it too."""
    path = saved(
        tmp_path / f"cnn{suffix}",
        Input((28, 28, 1)),
        layers.Conv2D(4, 5, activation="relu"),
        layers.Flatten(),
        Dense(10, "softmax"),
    )
    found = inspect_model(path, data=digits_parquet)
    assert (found.predictor, found.why) == ("keras", "Conv2D is not a layer that NumPy runs")
    assert found.input_shape == (28, 28, 1)
    assert [layer.output_shape for layer in found.layers] == [(24, 24, 4), (2304,), (10,)]
    assert found.parameters == 5 * 5 * 4 + 4 + 23_050
    assert found.trials
    assert found.trials.rows == 1050


# Scale


def suspicions(path: Path, data: Path | None = None) -> list[str]:
    """Return what is suspicious about a model, but the want of a scale."""
    found = inspect_model(path, data=data).suspicious
    return [text for text in found if "does not say which pixel range" not in text]


def test_a_scale_that_is_not_in_the_file_is_found(tmp_path: Path, digits_parquet: Path) -> None:
    """By labelled digits; then the want of it is no longer suspicious."""
    path = write_trained(tmp_path / "model.h5")
    found = inspect_model(path, data=digits_parquet)
    assert (found.scale, found.scale_source, best_scale(found)) == ("0-1", None, "0-1")
    assert found.suspicious == []
    kernel, bias = TRAINED
    write_linear_model(path, (kernel / np.float32(255), bias))
    assert best_scale(inspect_model(path, data=digits_parquet)) == "0-255"


def test_a_record_against_which_the_digits_speak_is_suspicious(
    tmp_path: Path, digits_parquet: Path
) -> None:
    """With both accuracies; the record that is right is not."""
    right = write_trained(tmp_path / "right.h5", record={"scale": "0-1"})
    assert inspect_model(right, data=digits_parquet).suspicious == []
    wrong = write_trained(tmp_path / "wrong.h5", record={"scale": "-1-1"})
    found = inspect_model(wrong, data=digits_parquet)
    assert (found.scale, best_scale(found)) == ("-1-1", "0-1")
    [said] = found.suspicious
    assert re.fullmatch(
        r"its training record says that pixels come as -1-1, but labelled digits are read better "
        r"as 0-1: accuracy 0\.9\d+, log loss 0\.\d+ instead of accuracy 0\.\d+, log loss \d\.\d+",
        said,
    )


def test_a_network_that_reads_nothing_is_suspicious(
    model: Path, tmp_path: Path, digits_parquet: Path
) -> None:
    """One of random weights; another order of the classes."""
    kernel, bias = TRAINED
    write_linear_model(tmp_path / "turned.h5", (kernel[:, ::-1], bias[::-1]))
    for path in (model, tmp_path / "turned.h5"):
        assert best_scale(inspect_model(path, data=digits_parquet)) is None
        [said] = suspicions(path, digits_parquet)
        assert said.startswith("at no scale are more than ")
        assert said.endswith("on other images, or on classes in another order")


def test_scales_that_cannot_be_told_apart_are_said(tmp_path: Path, digits_parquet: Path) -> None:
    """A network that normalises its inputs gives the same digits at each scale."""
    path = saved(
        tmp_path / "model.h5", Input((784,)), layers.LayerNormalization(), Dense(10, "softmax")
    )
    network = keras.models.load_model(path)
    kernel, bias = TRAINED
    network.set_weights([np.ones(784), np.zeros(784), kernel, 0 * bias])
    network.save(path)
    [said] = [text for text in suspicions(path, digits_parquet) if "optimizer" not in text]
    assert said.startswith("labelled digits are read as well with pixels as 0-1 or 0-255 or -1-1")


def test_a_rescaling_layer_says_the_scale(tmp_path: Path) -> None:
    """A record that says otherwise is suspicious, for pixels would be scaled twice."""
    path = write_trained(tmp_path / "model.h5", before=[RESCALING])
    found = inspect_model(path)
    assert (found.scale, found.scale_source) == ("0-255", "first layers")
    assert found.suspicious == []
    write_trained(path, before=[RESCALING], record={"scale": "0-1"})
    assert inspect_model(path).suspicious == [
        "its training record says that pixels come as 0-1, but its first layers take them as 0-255"
    ]
    write_trained(path, before=[RESCALING], record={"scale": "0-255"})
    assert inspect_model(path).suspicious == []


def test_a_scale_of_the_record_that_is_unknown_is_an_error(tmp_path: Path) -> None:
    """As it is when predicting."""
    with pytest.raises(ModelError, match="names an unknown scale"):
        inspect_model(write_trained(tmp_path / "model.h5", record={"scale": "0-7"}))


# Outputs, weights, what else is in the file


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("sigmoid", "its outputs are ten sigmoids; divided by their sum they are taken"),
        (None, "its outputs have no activation: they are taken as logits"),
        ("relu", "its outputs end with relu, neither softmax nor logits"),
    ],
)
def test_outputs_that_are_no_probabilities_are_said(
    activation: str | None, expected: str, tmp_path: Path
) -> None:
    """What they are, and what is made of them."""
    write_linear_model(tmp_path / "model.h5", activation=activation)
    [said] = suspicions(tmp_path / "model.h5")
    assert said.startswith(expected)


def test_odd_weights_are_said_with_their_layer(tmp_path: Path) -> None:
    """In words of the layers; see their tests."""
    kernel, bias = TRAINED[0].copy(), TRAINED[1]
    kernel[:, 3] = 0
    write_linear_model(tmp_path / "model.h5", (kernel, bias))
    assert suspicions(tmp_path / "model.h5") == ["layer dense: 1 of 10 units have no weight but 0"]


@pytest.mark.filterwarnings("error")
def test_a_network_of_nan_is_told_and_not_refused(tmp_path: Path, digits_parquet: Path) -> None:
    """To predict with it is an error; here one wants to know where the numbers went wrong."""
    write_linear_model(tmp_path / "model.h5", (np.full((784, 10), np.nan, np.float32), TRAINED[1]))
    found = inspect_model(tmp_path / "model.h5", data=digits_parquet)
    assert (found.predictor, found.trials) == ("numpy", None)
    assert found.suspicious == [
        "the network gives NaN for a black image: its training went wrong",
        "layer dense: 7,840 of an array's 7,840 weights are NaN or infinite",
    ]


@pytest.mark.parametrize("suffix", [".h5", ".keras"])
def test_the_optimizers_state_is_said(suffix: str, tmp_path: Path) -> None:
    """Adam keeps two values for each weight: two thirds of the file."""
    stack = (Input((784,)), Dense(100), Dense(10, "softmax"))
    path = saved(tmp_path / f"model{suffix}", *stack, optimizer="adam", loss="mse")
    [said] = suspicions(path)
    assert said.startswith(("65% of the file is", "66% of the file is"))
    bare = saved(tmp_path / f"bare{suffix}", *stack)
    assert suspicions(bare) == []


# What cannot be run, or read


def test_a_model_that_cannot_be_run_is_told_as_far_as_its_file_goes(tmp_path: Path) -> None:
    """Its layers by their names, without shapes and sizes; and why."""
    path = saved(
        tmp_path / "model.h5", Input((32, 32, 3)), layers.Flatten(), Dense(10, "softmax", name="d")
    )
    found = inspect_model(path, data="absent")
    assert found.predictor is None
    assert (
        found.why == "takes images of 32x32 in colour (3 channels); expected grey images of 28x28"
    )
    told = [(layer.name, layer.kind, layer.activation) for layer in found.layers]
    assert told[1:] == [("d", "Dense", "softmax")]
    assert [layer.output_shape for layer in found.layers] == [None, None]
    assert (found.parameters, found.input_shape, found.trials) == (None, None, None)
    assert json.dumps(found.record())


def broken(_: object, inputs: Any) -> Any:  # noqa: ANN401 - a layer, a tensor
    """Raise an exception while the graph is traced for a number of rows above 1."""
    if inputs.shape[0] not in (None, 1):
        raise ValueError("the layer is broken")
    return inputs


def test_a_model_that_fails_when_it_runs_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With what Keras says of it."""
    monkeypatch.setattr(layers.ELU, "call", broken)
    path = saved(tmp_path / "model.keras", Input((784,)), layers.ELU(), Dense(10, "softmax"))
    found = inspect_model(path)
    assert found.predictor is None
    assert found.why == "Keras cannot run this model: the layer is broken"
    assert [layer.kind for layer in found.layers] == ["ELU", "Dense"]


def test_code_in_a_model_is_an_error(tmp_path: Path) -> None:
    """A model with a Lambda layer is not even told of."""
    path = saved(
        tmp_path / "model.keras",
        Input((784,)),
        layers.Lambda(lambda values: values / 255, name="shrink"),
        Dense(10, "softmax"),
    )
    with pytest.raises(ModelError, match=r"layer 'shrink' \(Lambda\) would run code"):
        inspect_model(path)


def test_a_file_that_is_no_model_is_an_error(tmp_path: Path) -> None:
    """With the reason that predicting with it has."""
    (tmp_path / "model.h5").write_bytes(b"words")
    with pytest.raises(ModelError, match="not a Keras model"):
        inspect_model(tmp_path / "model.h5")


def test_data_that_cannot_be_read_is_an_error(model: Path, tmp_path: Path) -> None:
    """As for predicting; so are labels that are none."""
    with pytest.raises(InputError, match="no such file"):
        inspect_model(model, data=tmp_path / "absent")
    with pytest.raises(LabelError, match=r"absent\.csv: No such file or directory"):
        inspect_model(model, data="examples/digits", labels=tmp_path / "absent.csv")


def outcome(path: Path) -> ModelInspection | None:
    """Return what is told of a model, None where it is refused."""
    try:
        return inspect_model(path)
    except ModelError:
        return None


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_changed_configuration_raises_nothing_but_model_error(tmp_path: Path) -> None:
    """A configuration with one character in thirty changed is refused or told of, as JSON too."""
    path, changed = tmp_path / "model.h5", tmp_path / "changed.h5"
    write_linear_model(path)
    whole = path.read_bytes()
    with h5py.File(path) as file:
        config = file.attrs["model_config"].encode()
    start = whole.index(config)
    told = 0
    for position in range(start, start + len(config), 30):
        for character in (b"0", b"["):
            changed.write_bytes(whole[:position] + character + whole[position + 1 :])
            found = outcome(changed)
            told += found is not None and json.dumps(found.record()) != ""
    assert told > 1


def test_a_damaged_optimizer_does_not_matter(tmp_path: Path) -> None:
    """Nobody needs it."""
    path = saved(
        tmp_path / "model.keras", Input((784,)), Dense(10, "softmax"), optimizer="adam", loss="mse"
    )
    with zipfile.ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    weights = io.BytesIO(members["model.weights.h5"])
    with h5py.File(weights, "r+") as file:
        del file["optimizer"]
        file["optimizer"] = 5
    members["model.weights.h5"] = weights.getvalue()
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    assert suspicions(path) == []
