"""A model is run by what runs its kind of file; anything else that was asked for is refused."""

from pathlib import Path

import pytest

from mnist_batch.errors import ModelError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.predictors import load_model
from tests.support.onnx_files import dense


def test_another_predictor_is_refused(tmp_path: Path) -> None:
    """With the one to pass."""
    path = tmp_path / "model.onnx"
    path.write_bytes(dense())
    for predictor in ("numpy", "keras"):
        with pytest.raises(ModelError, match=f"an ONNX file, not run by {predictor}; pass"):
            load_model(path, predictor=predictor)
    with pytest.raises(ModelError, match="a model of Keras, which ONNX Runtime does not run"):
        load_model(predictor="onnx")


def test_a_model_that_numpy_runs_needs_no_gpu() -> None:
    """Where there is none, the error says how the model runs."""
    if import_keras().distribution.list_devices("gpu"):
        pytest.skip("this machine has a GPU")
    said = (
        'no GPU here; pass device="cpu" or auto; with device="cpu" NumPy runs this model, without'
    )
    with pytest.raises(ModelError, match=said):
        load_model(device="gpu")
