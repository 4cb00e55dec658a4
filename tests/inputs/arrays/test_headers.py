"""Headers tell what an array is; those that claim what cannot be are refused."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.inputs.arrays.headers import HeaderError, StoredArray, read_idx, read_npy
from mnist_batch.inputs.arrays.stored_bytes import Checkpoints, StoredBytes
from mnist_batch.inputs.parquet.footers import identity_of
from tests.support.forms.arrays import idx


def opened(path: Path, content: bytes) -> Checkpoints:
    """Write a file, and return what opens it."""
    path.write_bytes(content)
    return Checkpoints(StoredBytes(str(path), identity_of(str(path)), 0, len(content)))


def saved(array: object) -> bytes:
    """Return an array as NumPy saves it."""
    file = io.BytesIO()
    np.save(file, np.asanyarray(array), allow_pickle=True)
    return file.getvalue()


def claimed(header: bytes) -> bytes:
    """Return a header of NumPy's."""
    return b"\x93NUMPY\1\0" + struct.pack("<H", len(header)) + header


def npy(path: Path, content: bytes) -> StoredArray:
    """Read the header of bytes."""
    return read_npy("a", opened(path, content))


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_numpy_says_type_shape_and_order(tmp_path: Path, version: tuple[int, int]) -> None:
    """In each version of its format."""
    file = io.BytesIO()
    np.lib.format.write_array(file, np.asfortranarray(np.zeros((3, 5), ">f4")), version)
    found = npy(tmp_path / "a", file.getvalue())
    assert (found.dtype, found.shape, found.by_columns) == (np.dtype(">f4"), (3, 5), True)
    assert (found.rows, found.row_bytes, found.start) == (3, 20, len(file.getvalue()) - 60)


def test_python_objects_are_refused(tmp_path: Path) -> None:
    """Their values are a pickle, which is not touched."""
    with pytest.raises(HeaderError, match="Python objects, a pickle"):
        npy(tmp_path / "a", saved(np.array(["7", None], object)))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x93NUMPY\1\0",
        b"\x93NUMPY\1\0\x04\0{'a'",
        b"\x93NUMPY\2\0\xff\xff\xff\xff{}",
        claimed(b"(" * 5000),
        b"\x93NUMPY\1\0"
        + struct.pack("<H", 55)
        + b"{'descr':'|u1','fortran_order':False,'shape':(-1,784)}  ",
        b"\x93NUMPY\1\0"
        + struct.pack("<H", 55)
        + b"{'descr':'nope','fortran_order':False,'shape':(1,784)}  ",
        saved(np.zeros(3, [("a", "u1"), ("b", "u1")])),
        claimed(b"{'descr':'<U0','fortran_order':False,'shape':(3,)}"),
        claimed(b"{'descr':'(2,)<i8','fortran_order':False,'shape':(3,)}"),
        claimed(b"{'descr':'<i8','fortran_order':False,'shape':(%d,)}" % 10**4000),
    ],
)
def test_a_damaged_header_of_numpy_is_an_error(tmp_path: Path, content: bytes) -> None:
    """Nothing else is raised, and no memory is taken for it."""
    with pytest.raises(HeaderError) as caught:
        npy(tmp_path / "a", content)
    assert len(str(caught.value)) < 100


def test_idx_says_type_and_shape(tmp_path: Path) -> None:
    """Most significant bytes come first."""
    found = read_idx(opened(tmp_path / "a", idx(np.zeros((2, 28, 28), np.float32))))
    assert (found.dtype, found.shape, found.start) == (np.dtype(">f4"), (2, 28, 28), 16)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "does not start"),
        (b"\0\0\7\3" + bytes(12), "does not start"),
        (b"\0\0\x08\xff" + bytes(999), "255 axes"),
        (b"\0\0\x08\3" + bytes(11), "cut off"),
    ],
)
def test_a_damaged_header_of_idx_is_an_error(tmp_path: Path, content: bytes, why: str) -> None:
    """It says what is wrong."""
    with pytest.raises(HeaderError, match=why):
        read_idx(opened(tmp_path / "a", content))
