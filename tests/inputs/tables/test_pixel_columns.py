"""Which columns are pixels and which one is the label, whatever they are called."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from numpy.typing import NDArray

from mnist_batch.errors import InputError
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.inputs.tables.pixel_columns import (
    find_label_column,
    find_pixel_columns,
    numbers_of,
    side_of,
)
from mnist_batch.options import ReadOptions
from mnist_batch.schema import ImageBatch
from tests.support.forms.form import IMAGES, LABELS
from tests.support.parquet_files import chunk_of, damage

NAMES = {
    "kaggle": [f"pixel{place}" for place in range(784)],
    "openml": [f"pixel{place}" for place in range(1, 785)],
    "grid": [f"{row}x{column}" for row in range(1, 29) for column in range(1, 29)],
    "r0c0": [f"r{row}c{column}" for row in range(28) for column in range(28)],
    "x": [f"x{place}" for place in range(784)],
    "plain": [f"{place}" for place in range(784)],
    "zeros": [f"px_{place:03}" for place in range(784)],
}
PIXELS = IMAGES.reshape(-1, 784)


@pytest.mark.parametrize("form", NAMES)
def test_pixels_are_found_in_any_order(form: str) -> None:
    """Among other columns, by their numbers."""
    names = NAMES[form]
    shuffled = np.random.default_rng(2).permutation(names).tolist()
    assert list(find_pixel_columns(["label", *shuffled, "writer", "id"])) == names


@pytest.mark.parametrize(
    "names",
    [
        [],
        ["label"],
        NAMES["kaggle"][:-1],
        [*NAMES["kaggle"][:5], *NAMES["kaggle"][6:], "pixel900"],
        [*NAMES["kaggle"], *NAMES["x"]],
        NAMES["grid"][:-1],
    ],
)
def test_other_columns_are_no_pixels(names: list[str]) -> None:
    """One that lacks, or two sets of which either could be meant."""
    assert find_pixel_columns(names) == ()


def test_smaller_pictures_have_fewer_columns() -> None:
    """As scikit-learn's digits: `pixel_0_0` to `pixel_7_7`."""
    names = [f"pixel_{row}_{column}" for row in range(8) for column in range(8)]
    assert list(find_pixel_columns([*names, "target"])) == names
    assert [side_of(count) for count in (64, 784, 785, 49, 0)] == [8, 28, 0, 0, 0]


@pytest.mark.parametrize(
    ("others", "label"),
    [
        (["label"], "label"),
        (["Class", "writer"], "Class"),
        (["y", "label"], "label"),
        (["what"], None),
        (["Unnamed: 0", " Target"], " Target"),
        (["id"], None),
        (["writer", "school"], None),
        ([], None),
    ],
)
def test_the_label_is_the_column_of_a_known_name(others: list[str], label: str | None) -> None:
    """Others may be anything, even where there is only one."""
    names = [*others, *NAMES["x"]]
    assert find_label_column(names, NAMES["x"]) == label


def test_values_of_any_type_become_numbers() -> None:
    """Text too; what is no number is NaN."""
    columns = [
        pa.array([1, None, 3], pa.uint8()),
        pa.array(["4", " 5.5 ", "six"]),
        pa.array([True, False, None]),
        pa.nulls(3),
    ]
    nan = np.nan
    expected = [[1, 4, 1, nan], [nan, 5.5, 0, nan], [3, nan, nan, nan]]
    np.testing.assert_array_equal(numbers_of(columns), expected)


def _table(pixels: NDArray[Any], **others: Any) -> pa.Table:  # noqa: ANN401
    columns = {name: pixels[:, place] for place, name in enumerate(NAMES["kaggle"])}
    return pa.table({**others, **columns})


def _rows(path: Path) -> list[ImageBatch]:
    return [batch for shard in open_inputs([path]).shards for batch in shard.read(30)]


def _values(batches: list[ImageBatch], name: str) -> list[Any]:
    return [value for batch in batches for value in getattr(batch, name).to_pylist()]


@pytest.mark.parametrize("form", ["openml", "grid"])
@pytest.mark.parametrize("kind", ["u1", "i8", "f4", "f8", "str", "fraction"])
def test_parquet_of_pixel_columns_is_read(tmp_path: Path, form: str, kind: str) -> None:
    """Whole numbers, floats, fractions and text give the same images."""
    pixels = PIXELS / 255 if kind == "fraction" else PIXELS.astype(kind)
    columns = dict(zip(NAMES[form], pixels.T.tolist(), strict=True))
    pq.write_table(pa.table({"class": LABELS.astype(str), **columns}), tmp_path / "a.parquet")
    batches = _rows(tmp_path / "a.parquet")
    assert [len(batch) for batch in batches] == [30, 30, 30, 10]
    np.testing.assert_array_equal(np.concatenate([batch.images for batch in batches]), IMAGES)
    assert _values(batches, "label") == LABELS.tolist()


def test_a_blank_cell_costs_its_row_alone(tmp_path: Path) -> None:
    """As does a number out of range."""
    table = _table(PIXELS.astype(float), label=LABELS)
    place = table.schema.get_field_index("pixel99")
    values: list[float | None] = table["pixel99"].to_pylist()
    values[3], values[40] = None, 300
    table = table.set_column(place, "pixel99", pa.array(values))
    pq.write_table(table, tmp_path / "a.parquet")
    errors = _values(_rows(tmp_path / "a.parquet"), "error")
    assert [row for row, error in enumerate(errors) if error] == [3, 40]
    assert errors[3] == "bad pixels: expected numbers from 0 to 255, or fractions from 0 to 1"


def test_damage_to_one_column_costs_the_rows_of_its_row_group(tmp_path: Path) -> None:
    """As in any other Parquet file."""
    path = tmp_path / "a.parquet"
    pq.write_table(_table(PIXELS, label=LABELS), path, row_group_size=50, compression="none")
    damage(path, chunk_of(path, 1, 500))
    batches = _rows(path)
    errors = _values(batches, "error")
    assert [error is None for error in errors] == [True] * 50 + [False] * 50
    assert errors[60].startswith("unreadable file: row group 1: ")
    assert _values(batches, "label") == LABELS.tolist()


def test_pixels_of_a_table_that_is_none_are_refused(tmp_path: Path) -> None:
    """The message says what is expected."""
    pq.write_table(_table(PIXELS).drop_columns(["pixel5"]), tmp_path / "a.parquet")
    with pytest.raises(InputError, match=r"no column of images .* or a column each"):
        open_inputs([tmp_path / "a.parquet"])


def test_the_label_column_may_have_to_be_named(tmp_path: Path) -> None:
    """Of 785 numbered columns any could be the label."""
    names = [f"{place}" for place in range(785)]
    columns = dict(zip(names, np.c_[LABELS, PIXELS].T, strict=True))
    pq.write_table(pa.table(columns), tmp_path / "a.parquet")
    opened = open_inputs([tmp_path / "a.parquet"], ReadOptions(label_column="0"))
    batch = next(opened.shards[0].read(100))
    np.testing.assert_array_equal(batch.images, IMAGES)
    assert batch.label.to_pylist() == LABELS.tolist()


@pytest.mark.parametrize("name", ["label", "pixel3"])
def test_a_column_twice_is_refused(tmp_path: Path, name: str) -> None:
    """In Parquet, which allows it, too."""
    table = _table(PIXELS, label=LABELS).append_column(name, pa.array(LABELS))
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(InputError, match=f"2 columns '{name}'; rename all but one"):
        open_inputs([tmp_path / "a.parquet"])
