"""What is no model of Keras or ONNX is named by its first bytes, as other programs write them."""

import ast
import bz2
import gzip
import io
import pickle
import shlex
import shutil
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import h5py
import numpy as np
import onnx
import pytest
from sklearn.linear_model import LogisticRegression

from mnist_batch.errors import ModelError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.models.model_file import read_model_file
from mnist_batch.models.other_kinds import in_shell, with_names
from tests.support.onnx_files import dense


def zipped(*names: str) -> bytes:
    """Return a zip file of members with these names."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name in names:
            archive.writestr(name, b"x")
    return content.getvalue()


def array() -> bytes:
    """Return an array of NumPy."""
    content = io.BytesIO()
    np.save(content, np.zeros(3))
    return content.getvalue()


def weights_alone() -> bytes:
    """Return a file as `save_weights` of Keras 3 writes it."""
    content = io.BytesIO()
    with h5py.File(content, "w") as file:
        file["layers/dense/vars/0"] = np.zeros((784, 10), np.float32)
    return content.getvalue()


LEARNT = pickle.dumps(LogisticRegression())
EXPORT = "torch.onnx.export(net.eval(), (torch.zeros(1, 1, 28, 28),), 'model.onnx', dynamo=False,"

# The first bytes of a PyTorch file are pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2), its magic
# number; those of a SavedModel, version 1 and a graph; those of a frozen graph, a node, its name
# and operation; those of Core ML, its version and a description that begins with an input.
FILES: dict[str, tuple[bytes, str, str]] = {
    "pickle": (pickle.dumps({"a": 1}), "a pickle, which", "export the model to ONNX"),
    "scikit-learn": (LEARNT, "a pickle of scikit-learn", "joblib.load('{path}')"),
    "joblib, zlib": (zlib.compress(LEARNT), "a pickle of scikit-learn", "skl2onnx.to_onnx("),
    "joblib, gzip": (gzip.compress(LEARNT), "a pickle of scikit-learn", "skl2onnx.to_onnx("),
    "old PyTorch": (
        pickle.dumps(0x1950A86A20F9469CFC6C, protocol=2),
        "a PyTorch file",
        "net.load_state_dict(torch.load('{path}', weights_only=True)); " + EXPORT,
    ),
    "PyTorch": (zipped("archive/data.pkl", "archive/data/0"), "a PyTorch file", EXPORT),
    "many tensors": (
        zipped("a/data.pkl", *(f"a/{n}" for n in range(300))),
        "a PyTorch file",
        EXPORT,
    ),
    "TorchScript": (
        zipped("m/data.pkl", "m/code/__torch__.py", "m/constants.pkl"),
        "a TorchScript file",
        "torch.jit.load('{path}').eval(), (torch.zeros(1, 1, 28, 28),), 'model.onnx'",
    ),
    "torch.export": (
        zipped("m/archive_format", "m/models/model.json"),
        "a program of torch.export",
        "torch.export.load('{path}').module()",
    ),
    "SavedModel": (
        b"\x08\x01\x12\xf0\x01\x0a\x10\x22\x05serve",
        "a TensorFlow SavedModel",
        "tf2onnx.convert --saved-model",
    ),
    "packed SavedModel": (zipped("m/saved_model.pb"), "a packed TensorFlow SavedModel", "unpack"),
    "frozen graph": (
        b"\x0a\x14\x0a\x05input\x12\x0bPlaceholder",
        "a frozen graph of TensorFlow",
        "tf2onnx.convert --graphdef {path}",
    ),
    "checkpoint": (b'model_checkpoint_path: "cp"\n', "checkpoint", "load_weights('model')"),
    "index": (
        b"\x00\x00" * 50 + bytes.fromhex("57fb808b247547db"),
        "checkpoint",
        "model.save('model.h5')",
    ),
    "TensorFlow Lite": (
        b"\x1c\x00\x00\x00TFL3\x14\x00",
        "a TensorFlow Lite file",
        "python -m tf2onnx.convert --tflite {path} --output model.onnx",
    ),
    "safetensors": (
        b'\x40\x00\x00\x00\x00\x00\x00\x00{"a":{}}',
        "a safetensors file",
        "safetensors.torch.load_file('{path}')",
    ),
    "Core ML": (b"\x08\x04\x12\x60\x0a\x12\x0a\x05image", "a Core ML model", "torch.onnx.export("),
    "XGBoost": (b'{"learner":{"attributes"', "a model of XGBoost", "onnxmltools.convert_xgboost("),
    "XGBoost, UBJSON": (b"{L\0\0\0\0\0\0\0\x07learner{", "a model of XGBoost", "load_model("),
    "LightGBM": (b"tree\nversion=v4\n", "a model of LightGBM", "convert_lightgbm("),
    "weights": (weights_alone(), "holds weights alone", "load_weights('{path}'); model.save("),
    "NumPy": (array(), "a NumPy array", "expected"),
    "NumPy arrays": (zipped("a.npy", "b.npy"), "arrays of NumPy without a network", "expected"),
    "packed model": (zipped("m/model.h5"), "a packed folder with a model in it", "unpack"),
    "zip": (zipped("a.txt"), "a zip file without a config.json", "expected"),
    "JSON": (b'{"class_name": "Sequential", "config": []}', "without its weights", "expected"),
    "gzip": (gzip.compress(b"a"), "a packed file", "unpack it first"),
    "bzip2": (bz2.compress(b"a"), "a packed file", "unpack it first"),
    "LFS": (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer", "git lfs pull"),
    "HTML": (b"<!DOCTYPE html>", "a page of HTML or XML", "expected"),
    "GGUF": (b"GGUF\x03", "a GGUF file", "expected"),
    "empty": (b"", "an empty file", "expected"),
    "text": (b"hello", "not a Keras model", "expected a file of Keras (.h5"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_of_another_kind_is_named_with_what_to_do(name: str, tmp_path: Path) -> None:
    """Whatever its suffix, in one line, with the lines that turn it into a model that is read."""
    content, kind, remedy = FILES[name]
    path = tmp_path / "model.h5"
    path.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        read_model_file(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert kind in message
    assert remedy.replace("{path}", str(path)) in message
    assert "\n" not in message and "<FILE>" not in message and "<STEM>" not in message


def test_data_of_a_checkpoint_is_known_by_its_name(tmp_path: Path) -> None:
    """It is numbers and nothing else; the name without its end is that of the checkpoint."""
    path = tmp_path / "cp.ckpt.data-00000-of-00001"
    path.write_bytes(b"\x00\x00\x80\x3f" * 10)
    with pytest.raises(ModelError, match=r"checkpoint.*load_weights\('cp.ckpt'\)"):
        read_model_file(path)


@pytest.mark.parametrize(
    ("inside", "kind", "remedy"),
    [
        ("saved_model.pb", "a folder with a TensorFlow SavedModel", "--saved-model {path}"),
        ("Manifest.json", "a folder with a Core ML model", "torch.onnx.export"),
        ("model.weights.h5", "an unpacked .keras file", "cd {path} && zip -r ../model.keras ."),
        ("checkpoint", "a TensorFlow checkpoint", "load_weights("),
        ("model.safetensors", "a safetensors file", "load_file("),
        ("other.txt", "a folder", "expected a file of Keras"),
    ],
)
def test_a_folder_is_named_by_what_is_in_it(
    inside: str, kind: str, remedy: str, tmp_path: Path
) -> None:
    """As the file would be."""
    path = tmp_path / "model"
    path.mkdir()
    (path / inside).write_bytes(b"\x08\x01\x12")
    with pytest.raises(ModelError) as caught:
        read_model_file(path)
    assert kind in str(caught.value)
    assert remedy.replace("{path}", str(path)) in str(caught.value)


EVIL = """a'"; touch X; $(touch Y) `touch Z` <FILE> <python STEM>"""


def remedy_of(path: Path, after: str) -> str:
    """Return what is said to do, from some words on."""
    with pytest.raises(ModelError) as caught:
        read_model_file(path)
    return str(caught.value).partition(after)[2]


@pytest.mark.parametrize("name", FILES)
def test_lines_of_python_are_whole_whatever_the_file_is_called(name: str, tmp_path: Path) -> None:
    """They import what they use, and a name with quotes in it is a text."""
    path = tmp_path / f"{EVIL}.bin"
    path.write_bytes(FILES[name][0])
    line = remedy_of(path, "in Python").partition(": ")[2].partition("; for a network of")[0]
    if not line:
        return
    used, imported = set(), {"net", "model"}
    for node in ast.walk(ast.parse(line)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imported |= {one.name.partition(".")[0] for one in node.names}
        elif isinstance(node, ast.Name):
            used.add(node.id)
    assert used <= imported | {"open"}
    assert repr(str(path)) in line


def test_words_of_the_shell_are_quoted(tmp_path: Path) -> None:
    """A name is one word, and no option."""
    path = tmp_path / f"{EVIL}.tflite"
    path.write_bytes(FILES["TensorFlow Lite"][0])
    expected = [
        "python",
        "-m",
        "tf2onnx.convert",
        "--tflite",
        str(path),
        "--output",
        EVIL + ".onnx",
    ]
    assert shlex.split(remedy_of(path, "then: ")) == expected
    assert with_names(in_shell("FILE"), Path("-rf.h5")) == "./-rf.h5"


def run_in_python(line: str, folder: Path) -> None:
    """Run a line as printed, where it is pasted."""
    subprocess.run([sys.executable, "-c", line], cwd=folder, check=True, capture_output=True)


def test_the_line_for_scikit_learn_runs_as_printed(tmp_path: Path) -> None:
    """Though the file has a name that is a program; the network that it writes is read."""
    labels = np.arange(20) % 10
    model = LogisticRegression().fit(np.eye(20, 784), labels)
    path = tmp_path / "a'\"; touch X; $(touch Y).pkl"
    path.write_bytes(pickle.dumps(model))
    run_in_python(remedy_of(path, "in Python: "), tmp_path)
    read_model_file(path.with_suffix(".onnx"))
    assert {*tmp_path.iterdir()} == {path.with_suffix(".onnx"), path}


def test_the_line_for_arrays_in_another_file_runs_as_printed(tmp_path: Path) -> None:
    """The arrays are within the file that it writes."""
    path = tmp_path / "it's.onnx"
    onnx.save(
        onnx.load_from_string(dense()),
        path,
        save_as_external_data=True,
        location="it.data",
        size_threshold=0,
    )
    run_in_python(remedy_of(path, "in Python: "), tmp_path)
    read_model_file(tmp_path / "it's-whole.onnx")


@pytest.mark.skipif(not shutil.which("zip"), reason="there is no zip")
def test_the_line_for_an_unpacked_keras_file_runs_as_printed(tmp_path: Path) -> None:
    """With the name of a folder that is a program."""
    keras = import_keras()
    keras.Sequential([keras.Input((784,)), keras.layers.Dense(10)]).save(tmp_path / "a.keras")
    folder = tmp_path / "b'; touch X; '"
    with zipfile.ZipFile(tmp_path / "a.keras") as archive:
        archive.extractall(folder)
    line = remedy_of(folder, "pack it: ")
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True, capture_output=True)
    read_model_file(tmp_path / f"{folder.name}.keras")
    assert not list(tmp_path.rglob("X"))
