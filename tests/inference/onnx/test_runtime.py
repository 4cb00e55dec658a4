"""ONNX Runtime is imported late and quietly, and what it lacks is said in one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from mnist_batch.errors import ModelError
from mnist_batch.inference.onnx import runtime
from mnist_batch.inference.predictors import load_model
from tests.support.onnx_files import dense


def test_a_gpu_that_is_not_there_is_said(tmp_path: Path) -> None:
    """With the package that has one; `auto` takes the processor."""
    if runtime.CUDA in runtime.import_onnxruntime().get_available_providers():
        pytest.skip("this ONNX Runtime is built for a GPU")
    (tmp_path / "model.onnx").write_bytes(dense())
    with pytest.raises(ModelError, match="sees no GPU; install onnxruntime-gpu"):
        load_model(tmp_path / "model.onnx", device="gpu")


def test_a_model_of_keras_does_not_wait_for_it() -> None:
    """Nor does an ONNX file wait for Keras."""
    program = (
        "import sys; from mnist_batch.inference.predictors import load_model; load_model(); "
        "print('onnxruntime' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "False\n"


def test_causes_are_one_line() -> None:
    """Without the name of the error's number, and only characters that print."""
    error = RuntimeError("[ONNXRuntimeError] : 6 : X : Status Message: a\n b \x1b[1m c")
    assert runtime.cause(error) == "a b ?[1m c"
    assert runtime.cause(ValueError()) == "ValueError"
