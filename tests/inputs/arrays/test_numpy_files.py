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


def test_an_array_of_another_name_is_no_label(tmp_path: Path) -> None:
    """A note names it, and how it becomes one."""
    path = npz(pictures=IMAGES, fold=LABELS, seed=np.array(7))(tmp_path)
    opened = open_inputs([path])
    assert next(opened.shards[0].read(200)).label.null_count == 100
    assert "the array 'fold' may hold labels: pass --label-column fold" in str(opened.label_note())
    assert labels_in(path, label_column="fold") == LABELS.tolist()


def labels_in(path: Path, **read: str) -> list[int | None]:
    """Return the labels of all arrays of images."""
    shards = open_inputs([path], ReadOptions(**read)).shards  # type: ignore[arg-type]
    return [label for one in shards for batch in one.read(9) for label in batch.label.to_pylist()]


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 2, 1, 3)])
def test_arrays_without_names_are_labelled_in_order(tmp_path: Path, order: list[int]) -> None:
    """As of `savez(x_train, y_train, x_test, y_test)`, or all images first."""
    arrays = (IMAGES, LABELS, IMAGES[:30], LABELS[:30])
    path = tmp_path / "d.npz"
    np.savez(path, *(arrays[place] for place in order))
    assert labels_in(path) == [*LABELS.tolist(), *LABELS[:30].tolist()]
    name = f"arr_{order.index(2)}"
    assert labels_in(path / name) == LABELS[:30].tolist()


def test_other_arrays_are_no_images(tmp_path: Path) -> None:
    """Features of 64 numbers are no pictures beside the digits; alone they may be."""
    path = npz(x=IMAGES, y=LABELS, embeddings=np.random.default_rng(1).random((100, 64)))(tmp_path)
    assert labels_in(path) == LABELS.tolist()
    (shard,) = open_inputs(
        [npz(data=np.zeros((64, 64)), target=np.arange(64) % 10)(tmp_path)]
    ).shards
    assert (shard.rows, next(shard.read(1)).images[0].as_py()[:7]) == (64, b"P5 8 8 ")
    with pytest.raises(InputError, match=r"several arrays could hold the images.* image_column"):
        open_inputs([npz(a=np.zeros((9, 32, 32)), b=np.zeros((9, 64)))(tmp_path)])


@pytest.mark.parametrize("shape", [(28, 28, 200), (784, 2500)])
def test_pictures_along_the_last_axis_are_refused(tmp_path: Path, shape: tuple[int, ...]) -> None:
    """They would be read as other pictures."""
    with pytest.raises(InputError, match="one after the other along the first axis"):
        open_inputs([npz(x=np.zeros(shape, np.uint8))(tmp_path)])


def test_an_array_of_objects_is_left_out_where_it_is_of_no_use(tmp_path: Path) -> None:
    """As are records; as labels they are refused by name."""
    other = np.array({"a": 1}, dtype=object)
    path = npz(x=IMAGES, y=LABELS, meta=other, notes=np.zeros(3, "u1,u1"))(tmp_path)
    assert labels_in(path) == LABELS.tolist()
    with pytest.raises(InputError, match="array 'y': it holds Python objects, a pickle"):
        open_inputs([npz(x=IMAGES, y=LABELS.astype(object))(tmp_path)])
    with pytest.raises(InputError, match="array 'meta': it holds Python objects"):
        open_inputs([npz(meta=other)(tmp_path)])


def test_two_arrays_of_one_name_are_refused(tmp_path: Path) -> None:
    """Their rows could not be told apart."""
    path = npz(x=IMAGES)(tmp_path)
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x.npy", archive.read("x.npy"))
    with pytest.raises(InputError, match="it holds 2 arrays 'x'"):
        open_inputs([path])


@pytest.mark.parametrize("kind", ["<M8[s]", "<c8", "f4,f4"])
def test_labels_of_other_types_are_named(tmp_path: Path, kind: str) -> None:
    """In one line."""
    dtype = np.dtype(kind)
    header = repr({"descr": kind, "fortran_order": False, "shape": (100,)}).encode()
    content = b"\x93NUMPY\1\0" + len(header).to_bytes(2, "little") + header
    path = npz(x=IMAGES)(tmp_path)
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("y.npy", content + bytes(100 * dtype.itemsize))
    with pytest.raises(LabelError, match="; expected numbers or text") as caught:
        labels_in(path)
    assert f"y: labels of type {dtype}" in str(caught.value)


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
