"""The model of this package, read by its index."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from mnist_batch.models import packaged
from mnist_batch.models.formats import read_stored_network
from mnist_batch.models.model_file import DEFAULT_MODEL
from mnist_batch.models.packaged import INDEX, read_packaged, write_index


def test_the_index_says_what_h5py_reads() -> None:
    """Every array to the last bit, in the order of the layers, and all else that is in the file."""
    content = DEFAULT_MODEL.read_bytes()
    indexed, stored = read_packaged(content), read_stored_network(content)
    with h5py.File(DEFAULT_MODEL) as file:
        layer = file["model_weights/hidden_1"]
        kernel = layer[layer.attrs["weight_names"][0]][()]
    assert np.array_equal(indexed.weights[0][0], kernel)
    for ours, theirs in zip(indexed.weights, stored.weights, strict=True):
        assert all(np.array_equal(one, other) for one, other in zip(ours, theirs, strict=True))
    for name in vars(stored).keys() - {"weights"}:
        assert getattr(indexed, name) == getattr(stored, name)


def test_an_index_is_written_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that `make model` changes the index with the model alone."""
    monkeypatch.setattr(packaged, "INDEX", tmp_path / "MNIST.json")
    (tmp_path / "MNIST.h5").write_bytes(DEFAULT_MODEL.read_bytes())
    write_index()
    assert (tmp_path / "MNIST.json").read_bytes() == INDEX.read_bytes()


def test_another_file_in_its_place_is_read_as_any_other(tmp_path: Path) -> None:
    """The index is of one file and of no other."""
    other = tmp_path / "other.h5"
    other.write_bytes(DEFAULT_MODEL.read_bytes())
    with h5py.File(other, "r+") as file:
        file.attrs["keras_version"] = "1.2.3"
        file["model_weights/hidden_1"].visititems(_negate)
    ours, theirs = read_packaged(other.read_bytes()), read_packaged(DEFAULT_MODEL.read_bytes())
    assert ours.keras_version == "1.2.3"
    assert np.array_equal(ours.weights[0][0], -theirs.weights[0][0])


def _negate(_: str, entry: h5py.Dataset | h5py.Group) -> None:
    if isinstance(entry, h5py.Dataset):
        entry[()] = -entry[()]
