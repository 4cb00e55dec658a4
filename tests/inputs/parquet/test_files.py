"""Parquet files: every layout of images, labels, and footers that are refused."""

import errno
import os
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from mnist_batch import _kernels
from mnist_batch.errors import LabelError, MachineError
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.schema import PREDICTIONS
from tests.support.parquet_files import (
    IMAGES,
    LAYOUTS,
    PNGS,
    RAMP,
    opened,
    read,
    refused,
    with_fixed,
    with_null,
    write,
)


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


# Which columns


def test_image_column_is_found(tmp_path: Path) -> None:
    """`image` is taken before others; a single column of images by any name is found."""
    other = {"text": ["a"] * 3, "number": [1, 2, 3], "flags": [True] * 3}
    path = write(tmp_path / "a.parquet", {"raw": PNGS[::-1], "image": PNGS, **other})
    np.testing.assert_array_equal(read(opened(path))[1], IMAGES)
    np.testing.assert_array_equal(read(opened(path, image_column="raw"))[1], IMAGES[::-1])
    path = write(tmp_path / "b.parquet", {**other, "the digit": PNGS})
    np.testing.assert_array_equal(read(opened(path))[1], IMAGES)


@pytest.mark.parametrize("name", ["my.image", "image.bytes", "a.bytes", "列", "new\nline", "."])
@pytest.mark.parametrize("layout", ["struct", "binary", "list", "fixed_size_list"])
def test_columns_may_have_any_name(tmp_path: Path, name: str, layout: str) -> None:
    """Dots, blanks and other letters in names of columns do no harm."""
    path = write(tmp_path / "a.parquet", {name: LAYOUTS[layout], f"{name}.x": [4, 5, 6]})
    rows, images = read(opened(path, image_column=name, label_column=f"{name}.x"))
    assert [label for _, label, _ in rows] == [4, 5, 6]
    np.testing.assert_array_equal(images, IMAGES)


@pytest.mark.parametrize("layout", ["struct", "binary", "list", "fixed_size_list"])
def test_another_column_may_seem_to_lie_within_that_of_images(tmp_path: Path, layout: str) -> None:
    """Parquet's paths have dots, and so have the names of flattened tables."""
    lists = [[7] * 784] * len(IMAGES)
    for inner in ("image.raw", "image.bytes.x"):
        columns = {inner: lists, "image": LAYOUTS[layout], "label": [1, 2, 3]}
        for names in ([*columns], [*columns][::-1]):
            path = write(tmp_path / "a.parquet", {name: columns[name] for name in names})
            rows, images = read(opened(path))
            assert [(label, error) for _, label, error in rows] == [(1, None), (2, None), (3, None)]
            np.testing.assert_array_equal(images, IMAGES)


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


@pytest.mark.parametrize(
    ("columns", "options", "parts"),
    [
        ({"text": ["a"]}, {}, ["no column of images", "text (string)", "784 raw pixels"]),
        ({}, {}, ["no column of images among no columns"]),
        (
            pa.Table.from_batches([], PREDICTIONS.append(pa.field("path", pa.string()))),
            {},
            ["these are predictions: name the images that were predicted"],
        ),
        ({"image": ["a"]}, {}, ["no column of images", "image (string)"]),
        ({"image": [{"path": "a.png"}]}, {}, ["no column of images"]),
        ({"image": [{"bytes": "text"}]}, {}, ["no column of images"]),
        ({"a": [b"x"], "b": [[1, 2]]}, {}, ["several columns", "a, b", "image_column"]),
        ({"image": [b"x"]}, {"image_column": "img"}, ["no column 'img'", "image (binary)"]),
        ({"image": [b"x"]}, {"label_column": "y"}, ["no column 'y'", "image (binary)"]),
        ({"image": [b"x"], "y": [1]}, {"image_column": "y"}, ["'y' is int64", "784 raw pixels"]),
        ({"image": [b"x"]}, {"image_column": "image.bytes"}, ["no column 'image.bytes'"]),
        (
            pa.Table.from_arrays([pa.array([b"x"])] * 2, ["image", "image"]),
            {},
            ["2 columns 'image'"],
        ),
        (
            pa.Table.from_arrays([pa.array([b"x"]), *[pa.array([1])] * 2], ["i", "label", "label"]),
            {},
            ["2 columns 'label'"],
        ),
    ],
)
def test_columns_not_as_expected_are_an_error(
    tmp_path: Path,
    columns: Any,  # noqa: ANN401 - a dict or a table
    options: dict[str, str],
    parts: list[str],
) -> None:
    """The error says which columns there are and what would do."""
    text = refused(write(tmp_path / "a.parquet", columns), **options)
    for part in parts:
        assert part in text


def test_two_columns_of_another_name_do_no_harm(tmp_path: Path) -> None:
    """Columns that are not read may be called alike."""
    table = pa.Table.from_arrays([pa.array(PNGS), *[pa.array([1, 2, 3])] * 2], ["image", "x", "x"])
    np.testing.assert_array_equal(read(opened(write(tmp_path / "a.parquet", table)))[1], IMAGES)


# Labels


@pytest.mark.parametrize(
    "labels",
    [
        pa.array([3, None, 9], pa.int64()), pa.array([3, None, 9], pa.uint8()),
        pa.array([3, None, 9], pa.float64()), pa.array(["3", None, "9"]),
        pa.array(["3", None, "9"], pa.string_view()),
        pa.array(["3", None, "9"]).dictionary_encode(),
        pa.array([3, None, 9]).dictionary_encode(),
    ],
    ids=lambda labels: str(labels.type),
)  # fmt: skip
def test_label_columns_of_any_type_are_read(tmp_path: Path, labels: pa.Array) -> None:
    """Integers, floats, text and dictionaries of them are labels, by any name of the column."""
    for name, option in (("label", None), ("y", "y")):
        path = write(tmp_path / "a.parquet", {"image": PNGS, name: labels})
        for batch_size in (1, 3):
            rows, _ = read(opened(path, label_column=option), batch_size)
            assert [label for _, label, _ in rows] == [3, None, 9]


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


def test_labels_of_another_type_are_an_error(tmp_path: Path) -> None:
    """A column of booleans or of structs holds no labels."""
    for labels in ([True, False, None], [{"a": 1}] * 3, [[1]] * 3):
        path = write(tmp_path / "a.parquet", {"image": PNGS, "label": labels})
        with pytest.raises(LabelError, match=r"a\.parquet, row 0, column label: labels of type "):
            read(opened(path))


@pytest.mark.parametrize("length", [4, 2**31 - 1])
def test_labels_of_another_type_are_not_read(tmp_path: Path, length: int) -> None:
    """For values of a fixed length Arrow takes memory before there is any: 2 GiB for each null."""
    path = with_fixed(tmp_path / "a.parquet", "label", length)
    text = rf"a\.parquet, row 0, column label: labels of type fixed_size_binary\[{length}\]; "
    with pytest.raises(LabelError, match=text):
        opened(path)
    rows, _ = read(opened(path, unlabelled=True))
    assert rows == [(row, None, None) for row in range(3)]


def test_labels_of_no_rows_may_have_any_type(tmp_path: Path) -> None:
    """Where there is no row, there is no label that is wrong."""
    table = pa.table({"image": PNGS, "label": [True] * 3})
    assert opened(write(tmp_path / "a.parquet", table.slice(0, 0))) == []


def test_label_file_counts_alone(tmp_path: Path) -> None:
    """Labels from a file replace the column's, which is not even read; other rows have none."""
    path = write(tmp_path / "a.parquet", {"image": PNGS, "label": [1, 99, 1]})
    csv = tmp_path / "labels.csv"
    csv.write_text("source,row,label\ns.parquet,2,8\ns.parquet,0,4\nother.parquet,1,5\n")
    for batch_size in (1, 3):
        rows, _ = read(opened(path, label_file=LabelFile(csv)), batch_size)
        assert [label for _, label, _ in rows] == [4, None, 8]


def test_label_file_must_tell_rows_apart(tmp_path: Path) -> None:
    """Labels of Parquet rows need the column row."""
    path = write(tmp_path / "a.parquet", {"image": PNGS})
    csv = tmp_path / "labels.csv"
    csv.write_text("file_name,label\na,1\n")
    with pytest.raises(LabelError, match=r"labels\.csv: no column row"):
        opened(path, label_file=LabelFile(csv))


@pytest.mark.parametrize("empty", ["no row groups", "no rows"])
def test_empty_files_have_no_shards(tmp_path: Path, empty: str) -> None:
    """A Parquet file without rows or row groups is read, and holds nothing."""
    path = tmp_path / "a.parquet"
    schema = pa.schema([("image", pa.binary())])
    with pq.ParquetWriter(path, schema) as writer:
        if empty == "no rows":
            writer.write_table(schema.empty_table())
    assert opened(path) == []


# Damage


@pytest.mark.parametrize(
    "content", [b"", b"PAR1", b"PAR1PAR1", b"text", b"\x89PNG\r\n", bytes(999)]
)
def test_what_is_not_parquet_is_an_error(tmp_path: Path, content: bytes) -> None:
    """Zero bytes, text and pictures with the suffix are errors that name the file."""
    path = tmp_path / "a.parquet"
    path.write_bytes(content)
    assert refused(path).startswith("not a readable Parquet file: ")


def test_missing_file_folder_and_pipe_are_errors(tmp_path: Path) -> None:
    """A file that went away, a folder, a pipe and a name too long are errors that name it."""
    assert refused(tmp_path / "gone.parquet").startswith("not a readable Parquet file: ")
    assert refused(tmp_path).startswith("not a regular file")
    os.mkfifo(tmp_path / "pipe.parquet")
    assert refused(tmp_path / "pipe.parquet").startswith("not a regular file")
    assert refused(tmp_path / ("n" * 300)).startswith("not a readable Parquet file: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read any file")
def test_closed_file_is_an_error(tmp_path: Path) -> None:
    """A file without read permission is an error that names it."""
    path = write(tmp_path / "a.parquet", {"image": PNGS})
    path.chmod(0)
    assert "Permission denied" in refused(path)


def test_file_cut_anywhere_is_an_error(tmp_path: Path) -> None:
    """A Parquet file that lacks its end is no Parquet file, wherever it was cut."""
    path = write(tmp_path / "a.parquet", {"image": PNGS})
    content = path.read_bytes()
    for size in (*range(0, len(content), 97), len(content) - 1, len(content) - 8):
        path.write_bytes(content[:size])
        assert refused(path).startswith("not a readable Parquet file: ")


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


def test_counts_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    """The footer's own count is that of all row groups."""
    path = write(tmp_path / "a.parquet", {"image": PNGS[:1] * 40})
    before, _, after = path.read_bytes().rpartition(b"\x16\x50")
    path.write_bytes(before + b"\x16\x52" + after)
    assert "its row groups do not have the 40 rows that its footer counts" in refused(path)


def test_damaged_name_of_a_column_is_an_error(tmp_path: Path) -> None:
    """A footer with a column name that is not UTF-8 is an error that names the file."""
    path = write(tmp_path / "a.parquet", {"imagery": PNGS}, store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"imagery", b"im\xffgery"))
    assert refused(path).startswith("not a readable Parquet file: ")


# The real MNIST


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
