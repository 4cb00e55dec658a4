"""Model files read as data: both formats, what is no model, and files with damage."""

import hashlib
import io
import json
import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from mnist_batch.errors import MachineError, ModelError
from mnist_batch.inference.predictors import load_model
from mnist_batch.models import model_file
from mnist_batch.models.model_file import DEFAULT_MODEL, read_model_file
from tests.support.model_files import (
    BIAS,
    CONFIG,
    FORMATS,
    INPUT,
    KERNEL,
    hdf5_model,
    keras_file,
    keras_model,
)
from tests.support.s3_server import Bucket


def png() -> bytes:
    """Return a picture."""
    content = io.BytesIO()
    Image.new("L", (28, 28)).save(content, "PNG")
    return content.getvalue()


def other_zip() -> bytes:
    """Return a zip file that is no model, as a spreadsheet is."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("xl/workbook.xml", "<workbook/>")
    return content.getvalue()


def refusal(path: Path) -> str:
    """Return the message with which a model is refused; fail unless it is one line on the path."""
    with pytest.raises(ModelError) as caught:
        load_model(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return message


def test_a_model_lies_in_object_storage_too(bucket: Bucket) -> None:
    """It is the same as the local file, and what is wrong is said of its address."""
    address = bucket.put("models/linear.h5", hdf5_model())
    found = read_model_file(address)
    assert (found.path, found.file_name) == (address, "linear.h5")
    assert found.sha256 == hashlib.sha256(hdf5_model()).hexdigest()
    with pytest.raises(ModelError, match=f"^{bucket.url}/none.h5: no such object; expected a file"):
        load_model(f"{bucket.url}/none.h5")


@pytest.mark.parametrize("content", FORMATS)
def test_arrays_and_configuration_come_as_stored(
    content: Callable[[], bytes], tmp_path: Path
) -> None:
    """Each format gives the same configuration and the same arrays, layer by layer."""
    path = tmp_path / "model"
    path.write_bytes(content())
    file = keras_file(path)
    assert file.config == CONFIG
    assert file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    [[kernel, bias]] = file.weights
    np.testing.assert_array_equal(kernel, KERNEL)
    np.testing.assert_array_equal(bias, BIAS)
    assert file.training == {}


def test_names_cut_in_numbered_attributes_are_joined(tmp_path: Path) -> None:
    """Keras cuts a list of names above 64 KB into attributes with numbers."""
    path = tmp_path / "model.h5"
    path.write_bytes(hdf5_model(chunked=True))
    [[kernel, bias]] = keras_file(path).weights
    assert (kernel.shape, bias.shape) == ((784, 10), (10,))


@pytest.mark.parametrize("name", ["model.h5", "model.keras", "MODEL.H5", "model.hdf5", "model"])
@pytest.mark.parametrize("content", FORMATS)
def test_format_is_told_by_content_not_by_suffix(
    content: Callable[[], bytes], name: str, tmp_path: Path
) -> None:
    """A model is read under any name."""
    path = tmp_path / name
    path.write_bytes(content())
    assert load_model(path).name == "numpy"


def test_prediction_follows_from_the_arrays(tmp_path: Path) -> None:
    """A black image gives the softmax of the biases: exp(i) / sum(exp(0..9))."""
    path = tmp_path / "model.h5"
    path.write_bytes(hdf5_model())
    [row] = load_model(path).probabilities(np.zeros((1, 28, 28), np.uint8))
    np.testing.assert_allclose(row, np.exp(np.arange(10)) / np.exp(np.arange(10)).sum(), rtol=1e-5)


def test_own_training_record_is_read(tmp_path: Path) -> None:
    """The attribute of our own training comes as the object that was written."""
    path = tmp_path / "model.h5"
    path.write_bytes(hdf5_model())
    with h5py.File(path, "a") as file:
        file.attrs["mnist_batch"] = json.dumps({"scale": "-1-1"})
    assert read_model_file(path).training == {"scale": "-1-1"}
    assert load_model(path).scale == "-1-1"
    assert load_model(path, scale="0-255").scale == "0-255"
    with h5py.File(path, "a") as file:
        file.attrs["mnist_batch"] = json.dumps({"scale": "0-7"})
    assert refusal(path).endswith("pass scale")


def test_training_record_that_does_not_print_is_refused(tmp_path: Path) -> None:
    """It is shown in a terminal."""
    path = tmp_path / "model.h5"
    path.write_bytes(hdf5_model(mnist_batch={"data": {"name": "\x1b[2J"}}))
    assert "its training record holds the text" in refusal(path)


@pytest.mark.parametrize("record", ["5", "[]", "null", "{"])
def test_training_record_of_another_kind_is_refused(record: str, tmp_path: Path) -> None:
    """It has to be an object; what it says of the pixels would else be lost."""
    path = tmp_path / "model.h5"
    path.write_bytes(hdf5_model())
    with h5py.File(path, "a") as file:
        file.attrs["mnist_batch"] = record
    assert "damaged or incomplete model file" in refusal(path)


@pytest.mark.parametrize("content", [b"", b"not a model\n", png()], ids=["empty", "text", "png"])
@pytest.mark.parametrize("name", ["model.h5", "model.keras"])
def test_other_file_is_no_model(content: bytes, name: str, tmp_path: Path) -> None:
    """A file of another kind is refused with the kinds that were expected, whatever its name."""
    path = tmp_path / name
    path.write_bytes(content)
    message = refusal(path)
    assert ("not a Keras model" if content else "an empty file") in message
    assert message.endswith("; expected a file of Keras (.h5, .keras) or ONNX (.onnx)")


def test_other_zip_is_no_model(tmp_path: Path) -> None:
    """A zip without config.json is not a model."""
    path = tmp_path / "model.keras"
    path.write_bytes(other_zip())
    assert "a zip file without a config.json" in refusal(path)


def test_missing_file_and_folder_cannot_be_read(tmp_path: Path) -> None:
    """No file, and a folder, are refused with what the system says."""
    assert "No such file" in refusal(tmp_path / "none.h5")
    assert "expected a file of Keras (.h5, .keras) or ONNX (.onnx)" in refusal(tmp_path)


def test_what_is_no_file_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe may never say anything, a device never end."""
    os.mkfifo(tmp_path / "model.h5")
    assert "neither a file nor a folder; expected a file" in refusal(tmp_path / "model.h5")
    assert "neither a file nor a folder" in refusal(Path("/dev/zero"))


def test_a_file_has_a_largest_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No more of it is read."""
    path = tmp_path / "model.h5"
    path.write_bytes(hdf5_model())
    monkeypatch.setattr(model_file, "MAX_FILE_BYTES", len(hdf5_model()) - 1)
    assert "larger than" in refusal(path)
    monkeypatch.setattr(model_file, "MAX_FILE_BYTES", len(hdf5_model()))
    assert load_model(path).name == "numpy"


def test_only_files_of_others_are_read_in_a_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one of this package is read at once."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    assert load_model().model.path == DEFAULT_MODEL
    copy = tmp_path / "MNIST.h5"
    copy.write_bytes(DEFAULT_MODEL.read_bytes())
    with pytest.raises(MachineError, match=r"MNIST\.h5: a process to read a model: it cannot"):
        load_model(copy)


def test_weights_alone_are_refused_with_the_remedy(tmp_path: Path) -> None:
    """A file of weights says nothing of the layers; the whole model must be saved."""
    path = tmp_path / "model.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = KERNEL
    message = refusal(path)
    assert "weights alone" in message
    assert f"model.load_weights('{path}'); model.save('model.weights.keras')" in message


def test_array_in_another_file_is_refused(tmp_path: Path) -> None:
    """HDF5 can name any file of the machine as the place of an array; a model is one file."""
    path, other = tmp_path / "model.h5", tmp_path / "secret"
    other.write_bytes(KERNEL.tobytes())
    path.write_bytes(hdf5_model())
    with h5py.File(path, "a") as file:
        layer = file["model_weights/d"]
        del layer["d/kernel:0"]
        layer.create_dataset(
            "d/kernel:0", KERNEL.shape, np.float32, external=[(str(other), 0, KERNEL.nbytes)]
        )
    assert "takes an array from another file" in refusal(path)


@pytest.mark.parametrize("content", FORMATS)
def test_cut_file_is_refused_at_any_length(content: Callable[[], bytes], tmp_path: Path) -> None:
    """A file that was cut short raises ModelError, never another exception."""
    whole = content()
    path = tmp_path / "model.h5"
    for length in (1, 7, 8, 9, 30, 100, 500, 2048, len(whole) // 2, len(whole) * 9 // 10):
        path.write_bytes(whole[:length])
        refusal(path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"units": 11}, "layer d: stored array (784, 10); expected (784, 11)"),
        ({"units": 10, "batch_input_shape": [None, 28, 28]}, "stored array (784, 10)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    """Arrays of other shapes than the layers have are refused with both shapes."""
    dense = {"class_name": "Dense", "config": {"name": "d", **change}}
    layers = [dense] if "batch_input_shape" in change else [INPUT, dense]
    path = tmp_path / "model.h5"
    path.write_bytes(hdf5_model(config={"class_name": "Sequential", "config": layers}))
    assert message in refusal(path)


def stored_as(path: Path, classes: list[str], groups: dict[str, int]) -> list[list[float]]:
    """Return what is read for layers of some classes, where groups hold one array of a number."""
    layers = [{"class_name": name, "config": {"name": f"l{i}"}} for i, name in enumerate(classes)]
    config = {"class_name": "Sequential", "config": {"name": "s", "layers": layers}}
    weights = io.BytesIO()
    with h5py.File(weights, "w") as file:
        for group, number in groups.items():
            file[f"{group}/vars/0"] = number
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps(config))
        archive.writestr("model.weights.h5", weights.getvalue())
    return [[float(array) for array in arrays] for arrays in keras_file(path).weights]


def test_classes_are_written_in_paths_as_keras_does(tmp_path: Path) -> None:
    """Examples of Keras 3.15's own."""
    paths = {
        "PReLU": "p_re_lu",
        "Conv2DTranspose": "conv2d_transpose",
        "BatchNormalization": "batch_normalization",
        "SeparableConv1D": "separable_conv1d",
    }
    groups = {f"layers/{path}": number for number, path in enumerate(paths.values())}
    assert stored_as(tmp_path / "m.keras", list(paths), groups) == [[0], [1], [2], [3]]


def test_layers_of_one_class_are_numbered(tmp_path: Path) -> None:
    """From the second one on; one without arrays has a number too."""
    groups = {"layers/dense": 0, "layers/dense_2": 2}
    assert stored_as(tmp_path / "m.keras", ["Dense", "Dense", "Dense"], groups) == [[0], [2]]


def test_keras_2_13_left_out_numbers(tmp_path: Path) -> None:
    """It counted layers with arrays twice, and named the folder otherwise."""
    folder = "_layer_checkpoint_dependencies"
    groups = {f"{folder}/dense": 0, f"{folder}/dense_2": 1, f"{folder}/dense_4": 2}
    found = stored_as(tmp_path / "m.keras", ["InputLayer", "Dense", "Dense", "Dense"], groups)
    assert found == [[0], [1], [2]]
    del groups[f"{folder}/dense_4"]
    assert stored_as(tmp_path / "n.keras", ["Dense"] * 3, groups) == [[0], [1]]


def test_arrays_of_layers_within_a_layer_are_found(tmp_path: Path) -> None:
    """In the order of the layer's own attributes, private or not; nothing else in its group."""
    path = tmp_path / "m.keras"
    groups = {
        "layers/multi_head_attention/_value_dense": 2,
        "layers/multi_head_attention/_query_dense": 0,
        "layers/multi_head_attention/key_dense": 1,
        "layers/multi_head_attention/output_dense": 3,
        "layers/multi_head_attention/_dropout_layer/seed_generator": 9,
        "layers/gru/cell": 4,
        "layers/gru/other": 9,
    }
    assert stored_as(path, ["MultiHeadAttention", "GRU"], groups) == [[0, 1, 2, 3], [4]]


def test_a_file_says_what_wrote_it(tmp_path: Path) -> None:
    """Version and backend, where they are there; a zip does not tell the backend."""
    path = tmp_path / "model"
    path.write_bytes(hdf5_model())
    with h5py.File(path, "a") as file:
        file.attrs["keras_version"], file.attrs["backend"] = b"2.1.6", "theano"
    file = keras_file(path)
    assert (file.keras_version, file.backend) == ("2.1.6", "theano")
    path.write_bytes(keras_model())
    file = keras_file(path)
    assert (file.keras_version, file.backend) == ("", "")
