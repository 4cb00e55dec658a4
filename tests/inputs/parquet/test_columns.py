"""Columns of images are found in every layout, or refused with what to do."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.schema import PREDICTIONS
from tests.support.parquet_files import IMAGES, LAYOUTS, PNGS, opened, read, refused, write


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
