"""Every layout of images and labels is read alike, and what cannot be read is a row."""

import errno
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from mnist_batch import _kernels
from mnist_batch.errors import LabelError, MachineError
from mnist_batch.inputs.labelling.label_file import LabelFile
from tests.support.parquet_files import IMAGES, LAYOUTS, PNGS, RAMP, opened, read, with_null, write


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("null", [False, True])
def test_every_layout_gives_the_same_images(
    tmp_path: Path,
    layout: str,
    null: bool,
) -> None:
    """Encoded or raw, nested or flat: the images are these; a null row is a row with a reason."""
    column, expected = LAYOUTS[layout], IMAGES.copy()
    if null:
        column, expected[1] = with_null(column), 0
    path = write(tmp_path / "a.parquet", {"image": column, "label": [7, 0, None]})
    rows, images = read(opened(path))
    assert rows == [(0, 7, None), (1, 0, "no bytes" if null else None), (2, None, None)]
    np.testing.assert_array_equal(images, expected)


def test_null_bytes_and_null_structs_are_rows_without_bytes(tmp_path: Path) -> None:
    """Null bytes, a null struct, and empty bytes have no bytes; text is not an image."""
    image = pa.array(
        [
            {"bytes": PNGS[0], "path": None},
            {"bytes": None, "path": "x.png"},
            None,
            {"bytes": b"", "path": None},
            {"bytes": b"text", "path": None},
            {"bytes": PNGS[2], "path": "x.png"},
        ]
    )
    rows, images = read(opened(write(tmp_path / "a.parquet", {"image": image})))
    only_path = "no bytes: only the path 'x.png'; --image-root DIR reads such files"
    assert [error for _, _, error in rows] == [
        None, only_path, "no bytes", "no bytes", "not an image", None,
    ]  # fmt: skip
    np.testing.assert_array_equal(images[[0, 5]], IMAGES[[0, 2]])
    assert not images[1:5].any()


def test_bad_pixels_are_rows(tmp_path: Path) -> None:
    """A wrong count, NaN, a negative number and 256 are each a row with its reason."""
    good = RAMP.astype(float).tolist()
    lists = [good, good[:-1], [float("nan"), *good[1:]], [-1.0, *good[1:]], [256.0, *good[1:]], []]
    rows, images = read(opened(write(tmp_path / "a.parquet", {"pixels": lists})))
    assert [error for _, _, error in rows] == [
        None,
        "bad pixels: expected 784 of them",
        *["bad pixels: expected numbers from 0 to 255"] * 3,
        "bad pixels: expected 784 of them",
    ]
    np.testing.assert_array_equal(images[0], IMAGES[0])
    assert not images[1:].any()


def test_only_what_is_needed_is_read(tmp_path: Path) -> None:
    """A struct's other fields and other columns are not read, be they damaged or large."""
    image = pa.array([{"bytes": png, "thumbnail": os.urandom(10**5)} for png in PNGS])
    path = write(tmp_path / "a.parquet", {"image": image}, compression="none")
    content = bytearray(path.read_bytes())
    thumbnails = pq.read_metadata(path).row_group(0).column(1)
    assert thumbnails.path_in_schema == "image.thumbnail"
    start = thumbnails.dictionary_page_offset
    content[start : start + 100] = bytes(100)
    path.write_bytes(content)
    np.testing.assert_array_equal(read(opened(path))[1], IMAGES)


@pytest.mark.parametrize("batch_size", [1, 7, 1000])
@pytest.mark.parametrize("value", [10, -2])
def test_bad_label_names_file_row_and_column(tmp_path: Path, batch_size: int, value: int) -> None:
    """The row is counted in the file, whatever the batches and row groups."""
    labels = [i % 10 for i in range(250)]
    labels[137] = value
    path = write(tmp_path / "a.parquet", {"image": PNGS[:1] * 250, "y": labels}, row_group_size=100)
    with pytest.raises(LabelError) as caught:
        read(opened(path, label_column="y"), batch_size)
    assert str(caught.value).startswith(
        f"{path}, row 137, column y: label {value} is not a digit from 0 to 9"
    )
    rows, _ = read(opened(path, label_column="y", unlabelled=True))
    assert {label for _, label, _ in rows} == {None}


def test_label_file_counts_alone(tmp_path: Path) -> None:
    """Labels from a file replace the column's, which is not even read; other rows have none."""
    path = write(tmp_path / "a.parquet", {"image": PNGS, "label": [1, 99, 1]})
    csv = tmp_path / "labels.csv"
    csv.write_text("source,row,label\ns.parquet,2,8\ns.parquet,0,4\nother.parquet,1,5\n")
    for batch_size in (1, 3):
        rows, _ = read(opened(path, label_file=LabelFile(csv)), batch_size)
        assert [label for _, label, _ in rows] == [4, None, 8]


@pytest.mark.parametrize("change", ["gone", "cut", "another", "the same", "a pipe", "a folder"])
@pytest.mark.parametrize("layout", ["binary", "binary(784)"])
def test_file_that_changes_after_it_was_listed_is_rows(
    tmp_path: Path, change: str, layout: str
) -> None:
    """Cut, gone or replaced, be it by as many rows: all rows it had have an error, at each try."""
    path = write(tmp_path / "a.parquet", {"image": LAYOUTS[layout], "label": [1, 2, 3]})
    shards, content = opened(path), path.read_bytes()
    path.rename(tmp_path / "moved")
    if change == "another":
        write(path, {"image": LAYOUTS[layout], "label": [4, 5, 6]})
    elif change in ("cut", "the same"):
        path.write_bytes(content if change == "the same" else content[:500])
    elif change == "a pipe":
        os.mkfifo(path)
    elif change == "a folder":
        path.mkdir()
    if change == "gone":
        error = "missing file"
    elif change in ("a pipe", "a folder"):
        error = "unreadable file: not a regular file"
    else:
        error = "unreadable file: replaced after it was listed"
    for _ in range(2):
        rows, images = read(shards)
        assert rows == [(row, None, error) for row in range(3)]
        assert not images.any()


@pytest.mark.parametrize("batch_size", [2048, 777])
def test_real_mnist_is_that_of_the_idx_files(
    mnist: Path,
    mnist_test_images: NDArray[np.uint8],
    mnist_test_labels: NDArray[np.uint8],
    batch_size: int,
) -> None:
    """Hugging Face's Parquet of the test split decodes to just the IDX files' images and labels."""
    rows, images = read(opened(mnist / "test-00000-of-00001.parquet"), batch_size)
    assert rows == [(i, label, None) for i, label in enumerate(mnist_test_labels.tolist())]
    np.testing.assert_array_equal(images, mnist_test_images)


def test_storage_that_fails_makes_no_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the headers of pages are read: the rows may be sound, so the run ends."""
    shards = opened(write(tmp_path / "a.parquet", {"image": PNGS}))

    def failing(*_: int) -> bytes:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(_kernels, "ready", lambda: False)  # which would not ask Python
    monkeypatch.setattr(os, "pread", failing)
    expected = r"a\.parquet: the storage cannot be reached .*Input/output error.*nothing is wrong"
    with pytest.raises(MachineError, match=expected):
        read(shards)
