"""Model files read as data: both formats, what is no model, and files with damage."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest
from PIL import Image

from mnist_batch.errors import ModelError
from mnist_batch.model_file import read_model_file
from mnist_batch.predictors import load_model
from model_files import BIAS, CONFIG, FORMATS, INPUT, KERNEL, hdf5_model


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


@pytest.mark.parametrize("content", FORMATS)
def test_arrays_and_configuration_come_as_stored(
    content: Callable[[], bytes], tmp_path: Path
) -> None:
    """Each format gives the same configuration and the same arrays, layer by layer."""
    path = tmp_path / "model"
    path.write_bytes(content())
    file = read_model_file(path)
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
    [[kernel, bias]] = read_model_file(path).weights
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
    assert refusal(path).endswith("pass --scale")


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
    assert "not a Keras model" in message
    assert message.endswith("; expected HDF5 (.h5) or a Keras v3 file (.keras)")


def test_other_zip_is_no_model(tmp_path: Path) -> None:
    """A zip without config.json is not a model."""
    path = tmp_path / "model.keras"
    path.write_bytes(other_zip())
    assert "a zip file without a config.json" in refusal(path)


def test_missing_file_and_folder_cannot_be_read(tmp_path: Path) -> None:
    """No file, and a folder, are refused with what the system says."""
    assert "No such file" in refusal(tmp_path / "none.h5")
    assert "expected a file, .h5 or .keras" in refusal(tmp_path)


def test_weights_alone_are_refused_with_the_remedy(tmp_path: Path) -> None:
    """A file of weights says nothing of the layers; the whole model must be saved."""
    path = tmp_path / "model.weights.h5"
    with h5py.File(path, "w") as file:
        file["layers/dense/vars/0"] = KERNEL
    message = refusal(path)
    assert "weights alone" in message
    assert "model.save(...)" in message


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
        ({"units": 11}, "layer Dense: stored array (784, 10); expected (784, 11)"),
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
