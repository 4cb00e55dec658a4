"""The table of models in docs/models.md: each of its lines is true, and each has a model here."""

import pickle
import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from skl2onnx import to_onnx
from sklearn.linear_model import LogisticRegression

from mnist_batch.errors import ModelError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.predictors import load_model
from tests.support.model_files import DENSE, KERNEL, config_of, hdf5_model, keras_model
from tests.support.onnx_files import dense

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
EXPORT = "torch.onnx.export("


def layer(class_name: str, **settings: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return the configuration of a layer."""
    return {"class_name": class_name, "config": {"name": "other", **settings}}


def colours() -> bytes:
    """Return a network of colour images."""
    config = config_of(layer("Flatten"), DENSE)
    config["config"]["layers"][0] = layer("InputLayer", batch_shape=[None, 28, 28, 3])
    return hdf5_model(config, kernel=np.repeat(KERNEL / 3, 3, axis=0))


def quantized() -> bytes:
    """Return a network that Keras itself quantized."""
    keras = import_keras()
    network = keras.Sequential([keras.Input((784,)), keras.layers.Dense(10, "softmax")])
    network.quantize("int8")
    with tempfile.TemporaryDirectory() as folder:
        network.save(f"{folder}/model.keras")
        return Path(folder, "model.keras").read_bytes()


def learnt() -> bytes:
    """Return a classifier of scikit-learn as ONNX."""
    pixels = np.random.default_rng(0).random((30, 784), np.float32)
    classifier = LogisticRegression(max_iter=5).fit(pixels, np.arange(30) % 10)
    content: bytes = to_onnx(classifier, pixels[:1]).SerializeToString()
    return content


def elsewhere(whole: Any) -> None:  # noqa: ANN401 - of onnx
    """Let an array lie in another file."""
    whole.graph.initializer[0].data_location = TensorProto.EXTERNAL


def evil(whole: Any) -> None:  # noqa: ANN401 - of onnx
    """Add an operator of another domain."""
    whole.graph.node.append(helper.make_node("Evil", ["rows"], ["x"], domain="evil"))


MINE = {"loss": {"class_name": "function", "config": "my_loss", "module": "builtins"}}
FUNCTION = {"class_name": "__lambda__", "config": {"code": "4w"}}
GPTQ = {"class_name": "GPTQDTypePolicy", "config": {"mode": "gptq/4/128"}}

Model = tuple[Callable[[], bytes], str]

# What runs it or a part of its error, after the line of the table up to the comma or bracket.
MODELS: Mapping[str, Model] = {
    "Keras, `.h5`": (hdf5_model, "numpy"),
    "Keras, `.keras`, also written on Windows": (keras_model, "numpy"),
    "of 28x28 images in three colours": (colours, "numpy"),
    "compiled with a loss, metric or optimizer of one's own": (
        lambda: keras_model({**config_of(DENSE), "compile_config": MINE}),
        "numpy",
    ),
    "with random layers, noise, MixUp or CutMix": (
        lambda: keras_model(config_of(layer("RandomShear", x_factor=[-1, 1]), DENSE)),
        "numpy",
    ),
    "quantized by Keras to int8, int4 or float8": (quantized, "keras"),
    "quantized by GPTQ, AWQ or TensorFlow Model Optimization": (
        lambda: keras_model(config_of({**DENSE, "config": {**DENSE["config"], "dtype": GPTQ}})),  # type: ignore[dict-item] # JSON
        "is quantized by GPTQ, which is not read; save it before it is quantized",
    ),
    "with Lambda layers or classes of one's own": (
        lambda: keras_model(config_of(layer("Lambda", function=FUNCTION), DENSE)),
        "would run code that is in the file",
    ),
    "weights alone, `.weights.h5`": (
        lambda: hdf5_model(change=lambda file: file.attrs.pop("model_config")),
        "model.save(",
    ),
    "ONNX, of (n, 784), (n, 28, 28), (n, 1, 28, 28) or (n, 28, 28, 1)": (
        lambda: dense(("n", 28, 28, 1)),
        "onnx",
    ),
    "ONNX of scikit-learn, with tensors or maps of probabilities": (learnt, "onnx"),
    "ONNX with arrays in another file": (
        lambda: dense(change=elsewhere),
        "model'), 'model-whole.onnx')",
    ),
    "ONNX with operators of its own, loops or random numbers": (
        lambda: dense(change=evil),
        "'Evil' of 'evil', not run here",
    ),
    "PyTorch: `.pt`, `.pth`, `.ckpt`, TorchScript, safetensors": (
        lambda: pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2),
        EXPORT,
    ),
    "TensorFlow: SavedModel, frozen graph, TensorFlow Lite": (
        lambda: b"\x1c\x00\x00\x00TFL3",
        "python -m tf2onnx.convert --tflite",
    ),
    "TensorFlow checkpoint": (lambda: b'model_checkpoint_path: "cp"', "model.load_weights("),
    "scikit-learn: pickle, joblib": (
        lambda: pickle.dumps(LogisticRegression()),
        "skl2onnx.to_onnx(",
    ),
    "XGBoost, LightGBM": (lambda: b'{"learner":{}}', "onnxmltools.convert_xgboost("),
    "Core ML": (lambda: b"\x08\x04\x12\x60\x0a\x12\x0a\x05image", EXPORT),
}


def lines() -> dict[str, str]:
    """Return the lines of the table: a model, and what becomes of it."""
    section = PAGE.read_text().split("## Your own model\n")[1].split("\n#")[0]
    cells = re.findall(r"^\| (.+?) \| (.+) \|$", section, re.MULTILINE)
    return {name: outcome for name, outcome in cells[1:] if set(name) != {"-"}}


def test_each_line_of_the_table_has_a_model() -> None:
    """And each model a line, in one order."""
    assert [*lines()] == [*MODELS]


@pytest.mark.parametrize("name", MODELS)
def test_what_the_table_of_models_says_is_true(name: str, tmp_path: Path) -> None:
    """A model runs, on what it says, or there is one line that says what to do."""
    (content, outcome), said = MODELS[name], lines()[name]
    path = tmp_path / "model"
    path.write_bytes(content())
    if said.startswith("refused"):
        with pytest.raises(ModelError) as caught:
            load_model(path)
        assert outcome in str(caught.value)
        assert "\n" not in str(caught.value)
        return
    assert said.startswith("runs")
    predictor = load_model(path)
    assert str(predictor.name) == outcome
    assert predictor.notes or "note" not in said
    images = np.zeros((2, 28, 28), np.uint8)
    np.testing.assert_allclose(predictor.probabilities(images).sum(axis=1), 1, atol=1e-5)
