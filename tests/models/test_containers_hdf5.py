"""HDF5 from anywhere: links, places and sizes that no model has are refused, numbers are read."""

import io
import json
from collections.abc import Callable

import h5py
import numpy as np
import pytest

from mnist_batch.errors import ModelError
from mnist_batch.models import containers
from mnist_batch.models.formats import read_stored_network
from tests.support.model_files import BUILDERS, CONFIG, KERNEL, Change, hdf5_model

SHAPE = (784, 10)


def kernel_path(file: h5py.File) -> str:
    """Return where the kernel is, in either format."""
    return "model_weights/d/d/kernel:0" if "model_weights" in file else "layers/dense/vars/0"


def replaced(file: h5py.File) -> tuple[h5py.Group, str]:
    """Remove the kernel; return the group and the name for another one."""
    path = kernel_path(file)
    group, name = path.rsplit("/", 1)
    del file[path]
    return file[group], name


def soft_link(file: h5py.File) -> None:
    """A link by path."""
    group, name = replaced(file)
    file["elsewhere"] = KERNEL
    group[name] = h5py.SoftLink("/elsewhere")


def external_link(file: h5py.File) -> None:
    """A link into another file."""
    group, name = replaced(file)
    group[name] = h5py.ExternalLink("other.h5", "/kernel")


def external_storage(file: h5py.File) -> None:
    """Any file of the machine as numbers."""
    group, name = replaced(file)
    group.create_dataset(name, SHAPE, np.float32, external=[("/etc/passwd", 0, KERNEL.nbytes)])


def virtual_dataset(file: h5py.File) -> None:
    """An array put together from other files."""
    group, name = replaced(file)
    layout = h5py.VirtualLayout(SHAPE, np.float32)
    layout[:] = h5py.VirtualSource("other.h5", "kernel", SHAPE)
    group.create_virtual_dataset(name, layout)


def cycle(file: h5py.File) -> None:
    """A group within itself."""
    file["again"] = file["/"]


def second_link(file: h5py.File) -> None:
    """One array under two names."""
    file["again"] = file[kernel_path(file)]


def named_type(file: h5py.File) -> None:
    """An object that is neither group nor array."""
    file["type"] = np.dtype("f4")


def huge_array(file: h5py.File) -> None:
    """A thousand million zeros, in a few KB."""
    group, name = replaced(file)
    group.create_dataset(name, (10**9,), np.float32, chunks=(2**20,), compression="gzip")


def huge_chunk(file: h5py.File) -> None:
    """A small array in a chunk that is not."""
    group, name = replaced(file)
    group.create_dataset(
        name, (5,), np.float32, maxshape=(None,), chunks=(2**28,), compression="gzip"
    )


def many_arrays(file: h5py.File) -> None:
    """None of them too large, all of them are."""
    for number in range(8):
        file.create_dataset(f"n{number}", (10**7,), np.float32, chunks=(10**6,), compression="gzip")


def text(file: h5py.File) -> None:
    """An array of no numbers."""
    group, name = replaced(file)
    group[name] = ["words"]


def compound(file: h5py.File) -> None:
    """An array of records."""
    group, name = replaced(file)
    group[name] = np.zeros(3, [("a", "f4"), ("b", "i4")])


def complex_numbers(file: h5py.File) -> None:
    """Numbers that no layer has."""
    group, name = replaced(file)
    group[name] = KERNEL.astype(np.complex64)


def lzf(file: h5py.File) -> None:
    """A filter that Keras does not use."""
    group, name = replaced(file)
    group.create_dataset(name, data=KERNEL, compression="lzf")


def many_objects(file: h5py.File) -> None:
    """More groups than the limit that the test sets."""
    for number in range(20):
        file.create_group(f"g{number}")


ATTACKS: dict[Change, str] = {
    soft_link: "is a link to another place",
    external_link: "is a link to another place",
    external_storage: "takes an array from another file",
    virtual_dataset: "takes an array from another file",
    cycle: "'/again' is a second link to one object",
    second_link: "is a second link to one object",
    named_type: "'/type' is neither a group nor an array",
    huge_array: "takes 4,000,000,000 bytes, far more than the file",
    huge_chunk: "takes 1,073,741,824 bytes, far more than the file",
    many_arrays: "its arrays take 320,",
    text: "does not hold plain numbers",
    compound: "does not hold plain numbers",
    complex_numbers: "does not hold plain numbers",
    lzf: "is packed in a way that is not read",
}


@pytest.mark.parametrize("build", BUILDERS)
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.__name__)
def test_what_no_model_has_is_refused(attack: Change, build: Callable[..., bytes]) -> None:
    """With the path in the file and the reason, in both formats."""
    with pytest.raises(ModelError) as caught:
        read_stored_network(build(change=attack))
    assert ATTACKS[attack] in str(caught.value)
    assert "damaged" not in str(caught.value)


def test_objects_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Groups cost next to nothing in a file."""
    monkeypatch.setattr(containers, "MAX_OBJECTS", 20)
    with pytest.raises(ModelError, match="holds more than 20 arrays and groups"):
        read_stored_network(hdf5_model(change=many_objects))


def test_arrays_that_are_listed_many_times_are_read_few_times() -> None:
    """A list of names would else make memory of nothing."""

    def repeat(file: h5py.File) -> None:
        layer = file["model_weights/d"]
        layer.attrs["weight_names"] = ["d/kernel:0"] * 3000

    with pytest.raises(ModelError, match="lists arrays more than once"):
        read_stored_network(hdf5_model(change=repeat))


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("model_config", np.array([b"a", b"b"])),
        ("model_config", np.zeros((), "S5000000")),
        ("training_config", np.zeros((2, 2))),
    ],
)
def test_an_attribute_that_is_too_large_is_refused(attribute: str, value: object) -> None:
    """Before it is read."""
    content = io.BytesIO()
    # Only newer versions of the format have attributes of more than 64 KB.
    with h5py.File(content, "w", libver="latest") as file:
        file.attrs["model_config"] = json.dumps(CONFIG)
        file.attrs[attribute] = value
    with pytest.raises(ModelError, match=f"its attribute '{attribute}' is too large"):
        read_stored_network(content.getvalue())


def test_long_lists_of_names_are_refused() -> None:
    """Numbered attributes could go on for ever."""
    content = io.BytesIO()
    with h5py.File(content, "w", libver="latest") as file:
        file.attrs["model_config"] = json.dumps(CONFIG)
        file.create_group("model_weights").attrs["layer_names0"] = np.zeros(100_001, "S1")
    with pytest.raises(ModelError, match="its attribute 'layer_names0' is too large"):
        read_stored_network(content.getvalue())


@pytest.mark.parametrize("kind", ["f2", ">f4", "f4", "f8", "i1", ">u2", "i8", "?"])
def test_arrays_of_any_plain_number_are_read(kind: str) -> None:
    """In the byte order of this machine."""
    values = np.arange(6).reshape(2, 3).astype(kind)

    def change(file: h5py.File) -> None:
        group, name = replaced(file)
        group[name] = values

    [[kernel, _]] = read_stored_network(hdf5_model(change=change)).weights
    np.testing.assert_array_equal(kernel, values)
    assert kernel.dtype.isnative
    assert kernel.dtype.kind == values.dtype.kind


def test_bfloat16_becomes_float32() -> None:
    """Its two bytes are the upper half: 0x3FC0 is 1.5, 0xC000 is -2 (IEEE 754 binary32)."""

    def change(file: h5py.File) -> None:
        group, name = replaced(file)
        group[name] = np.array([0x3FC0, 0xC000], np.uint16).view("V2")

    [[kernel, _]] = read_stored_network(hdf5_model(change=change)).weights
    assert kernel.dtype == np.float32
    assert kernel.tolist() == [1.5, -2.0]


def test_packed_arrays_are_read() -> None:
    """Some repack their files with gzip."""

    def change(file: h5py.File) -> None:
        group, name = replaced(file)
        group.create_dataset(name, data=KERNEL, compression="gzip", shuffle=True, fletcher32=True)

    [[kernel, _]] = read_stored_network(hdf5_model(change=change)).weights
    np.testing.assert_array_equal(kernel, KERNEL)
