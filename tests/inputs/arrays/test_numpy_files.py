"""NumPy's files: which arrays are read, and what is refused."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import ReadOptions
from tests.support.forms.arrays import npz
from tests.support.forms.form import IMAGES, LABELS


def test_splits_of_one_file_are_sources_of_their_own(tmp_path: Path) -> None:
    """Those to train on come first."""
    few = (IMAGES[:3], LABELS[:3])
    path = npz(x_test=few[0], y_test=few[1], x_train=IMAGES, y_train=LABELS)(tmp_path)
    shards = open_inputs([path]).shards
    assert [shards[0].place(0), shards[0].place(100)] == [
        ("digits.npz/x_train", 0), ("digits.npz/x_test", 0),
    ]  # fmt: skip
    (only,) = open_inputs([path], ReadOptions(image_column="x_test")).shards
    assert (only.source, only.rows) == ("digits.npz", 3)
    assert next(only.read(9)).label.to_pylist() == LABELS[:3].tolist()


def test_the_only_other_array_of_that_length_holds_the_labels(tmp_path: Path) -> None:
    """Whatever it is called."""
    path = npz(pictures=IMAGES, what=LABELS, seed=np.array(7))(tmp_path)
    (shard,) = open_inputs([path]).shards
    assert next(shard.read(200)).label.to_pylist() == LABELS.tolist()


def test_labels_may_lie_in_a_file_of_their_own(tmp_path: Path) -> None:
    """As KMNIST's; a folder of both is read as one input, and nothing is passed over."""
    np.savez_compressed(tmp_path / "k-test-imgs.npz", IMAGES)
    np.savez_compressed(tmp_path / "k-test-labels.npz", LABELS)
    opened = open_inputs([tmp_path])
    assert next(opened.shards[0].read(200)).label.to_pylist() == LABELS.tolist()
    assert not opened.passed_over


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-30], "not a readable NumPy file"),
        (lambda content: content.replace(b"100, 28, 28", b"999, 28, 28"), "its header counts"),
        (lambda content: b"PK\3\4" + b"x" * 99, "not a readable NumPy file"),
        (lambda content: content[:-10] + b"\xff\xff\xff\x7f" + content[-6:], "its directory has"),
    ],
)
def test_damage_to_the_whole_is_one_line(tmp_path: Path, change, message: str) -> None:  # type: ignore[no-untyped-def] # noqa: ANN001
    """With the file and what to do."""
    path = npz(x=IMAGES)(tmp_path)
    path.write_bytes(change(path.read_bytes()))
    with pytest.raises(InputError, match=message) as caught:
        open_inputs([path])
    assert str(caught.value).startswith(f"{path}: ")
    assert len(str(caught.value).splitlines()) == 1


def test_a_header_that_claims_too_much_is_refused(tmp_path: Path) -> None:
    """A gigabyte of zeros in a megabyte would be a row of the output each 784 bytes."""
    path = tmp_path / "x.npy"
    header = b"{'descr':'|u1','fortran_order':False,'shape':(4000000000,28,28)}".ljust(118)
    path.write_bytes(b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header + bytes(784))
    with pytest.raises(InputError, match="counts 4,000,000,000 rows in 912 bytes"):
        open_inputs([path])


def test_a_file_without_images_says_what_it_has(tmp_path: Path) -> None:
    """Names, types and shapes."""
    with pytest.raises(InputError, match=r"no array of images among words \(<U1 \(3,\)\)"):
        open_inputs([npz(words=np.array(["a", "b", "c"]))(tmp_path)])
    with pytest.raises(InputError, match=r"no array 'z'; it has x"):
        open_inputs([npz(x=IMAGES)(tmp_path)], ReadOptions(image_column="z"))


def test_a_damaged_file_of_labels_ends_the_run(tmp_path: Path) -> None:
    """It would be missing without a word."""
    np.save(tmp_path / "x.npy", IMAGES)
    (tmp_path / "y.npy").write_bytes(b"no array")
    with pytest.raises(LabelError, match=r"y\.npy: it is no array"):
        open_inputs([tmp_path / "x.npy"])


def test_arrays_compressed_in_other_ways_are_refused(tmp_path: Path) -> None:
    """NumPy writes none."""
    path = npz(x=IMAGES)(tmp_path)
    with zipfile.ZipFile(path) as archive:
        content = archive.read("x.npy")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("x.npy", content)
    with pytest.raises(InputError, match="compressed in another way"):
        open_inputs([path])
