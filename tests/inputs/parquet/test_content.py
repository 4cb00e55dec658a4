"""Columns of images and labels are found in every layout, or refused with what to do."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.schema import PREDICTIONS
from tests.support.parquet_files import (
    IMAGES,
    LAYOUTS,
    PNGS,
    opened,
    read,
    refused,
    with_fixed,
    write,
)


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


def test_label_file_must_tell_rows_apart(tmp_path: Path) -> None:
    """Labels of Parquet rows need the column row."""
    path = write(tmp_path / "a.parquet", {"image": PNGS})
    csv = tmp_path / "labels.csv"
    csv.write_text("file_name,label\na,1\n")
    with pytest.raises(LabelError, match=r"labels\.csv: no column row"):
        opened(path, label_file=LabelFile(csv))
