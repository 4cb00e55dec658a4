"""ONNX Runtime is imported late and quietly, and what it lacks is said in one line."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.errors import ModelError
from mnist_batch.inference.onnx import runtime
from mnist_batch.inference.predictors import load_model
from tests.support.onnx_files import dense


def test_without_onnx_runtime_a_line_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is an extra."""
    (tmp_path / "model.onnx").write_bytes(dense())
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r"not installed; pip install 'mnist-batch\[onnx\]'"):
        load_model(tmp_path / "model.onnx")


def test_without_onnx_runtime_the_command_says_so_in_one_line(tmp_path: Path) -> None:
    """In a process whose import of it fails."""
    (tmp_path / "model.onnx").write_bytes(dense())
    np.save(tmp_path / "x.npy", np.zeros((2, 28, 28), np.uint8))
    program = (
        "import sys; sys.modules['onnxruntime'] = None; from mnist_batch.__main__ import main; "
        "sys.argv = 'mnist-batch predict x.npy --model model.onnx --out o.csv'.split(); main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=tmp_path, check=False
    )
    assert done.returncode == 1
    assert done.stdout == ""
    [line] = done.stderr.splitlines()
    assert line == (
        "error: model.onnx: an ONNX file needs ONNX Runtime, which is not installed; "
        "pip install 'mnist-batch[onnx]'"
    )


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
