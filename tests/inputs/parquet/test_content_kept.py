"""Columns of Parquet files that predictions keep, and the names that images carry themselves."""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import mnist_batch
from mnist_batch.errors import ColumnError
from mnist_batch.inputs.kept import columns_as
from mnist_batch.inputs.sources import OpenInputs, open_inputs
from mnist_batch.options import ReadOptions
from tests.support.parquet_files import PNGS, chunk_of, damage, numbered, write


def _opened(paths: list[Path], *keep: str) -> OpenInputs:
    return open_inputs(paths, ReadOptions(keep_columns=keep))


def _kept(opened: OpenInputs, batch_size: int = 2) -> dict[str, list[Any]]:
    """Return the values of all rows, by column, and the errors as `!`."""
    found: dict[str, list[Any]] = {**{field.name: [] for field in opened.kept}, "!": []}
    for shard in opened.shards:
        for batch in shard.read(batch_size):
            columns = columns_as(batch.kept, opened.kept, len(batch))
            for field, column in zip(opened.kept, columns, strict=True):
                assert column.type == field.type
                found[field.name] += column.to_pylist()
            found["!"] += batch.error.to_pylist()
    return found


def _named(paths: list[str | None]) -> pa.Array:
    """Return images as Hugging Face has them, with names."""
    return pa.array(
        [{"bytes": PNGS[at % 3], "path": path} for at, path in enumerate(paths)],
        pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    )


@settings(deadline=None, max_examples=30)
@given(
    lots=st.lists(st.none() | st.text(max_size=5), min_size=1, max_size=30),
    group_rows=st.integers(1, 12),
    batch_size=st.integers(1, 40),
    as_dictionary=st.booleans(),
)
def test_values_stay_with_their_rows(
    tmp_path_factory: pytest.TempPathFactory,
    lots: list[str | None],
    group_rows: int,
    batch_size: int,
    as_dictionary: bool,
) -> None:
    """However row groups and batches are cut, they are what pyarrow reads of the file."""
    path = tmp_path_factory.mktemp("property") / "kept.parquet"
    column = pa.array(lots, pa.string())
    table = numbered(len(lots)).append_column(
        "lot", column.dictionary_encode() if as_dictionary else column
    )
    write(path, table.append_column("n", pa.array(range(len(lots)))), row_group_size=group_rows)
    read = pq.read_table(path, columns=["n", "lot"]).to_pydict()
    kept = _kept(_opened([path], "n", "lot"), batch_size)
    assert {name: kept[name] for name in ("n", "lot")} == read


def test_files_may_differ_in_type_or_lack_the_column(tmp_path: Path) -> None:
    """One type for all, null where there is no column; read together or apart."""
    tables = [
        numbered(2).append_column("lot", pa.array([1, None], pa.int8())),
        numbered(1),
        numbered(2).append_column("lot", pa.array([2.5, 3.0])),
        numbered(1).append_column("lot", pa.array(["x"])),
    ]
    paths = [write(tmp_path / f"{at}.parquet", table) for at, table in enumerate(tables)]
    together = _opened(paths, "lot")
    assert [str(field.type) for field in together.kept] == ["string"]
    expected = ["1", None, None, "2.5", "3", "x"]
    assert _kept(together, 1)["lot"] == _kept(together, 100)["lot"] == expected
    numbers = _opened([paths[0], paths[1]], "lot")
    assert _kept(numbers, 100) == {"lot": [1, None, None], "!": [None] * 3}


def test_a_file_whose_column_cannot_be_kept_ends_the_run(tmp_path: Path) -> None:
    """It is no file that cannot be read: its digits would be lost for a column."""
    good = write(tmp_path / "a.parquet", numbered(2).append_column("lot", pa.array([1, 2])))
    nested = numbered(2).append_column("lot", pa.array([[1], [2]]))
    bad = write(tmp_path / "b.parquet", nested)
    with pytest.raises(ColumnError, match=r"b\.parquet: column 'lot' is list<.*cannot be kept"):
        _opened([good, bad], "lot")
    twice = nested.set_column(2, "lot", pa.array([1, 2])).append_column("lot", pa.array([1, 2]))
    write(bad, twice)
    with pytest.raises(ColumnError, match=r"b\.parquet: 2 columns 'lot'; rename all but one"):
        _opened([good, bad], "lot")
    with pytest.raises(ColumnError, match="no Parquet file of the inputs has it"):
        _opened([good], "lots")


def test_damage_to_a_kept_column_costs_its_values_alone(tmp_path: Path) -> None:
    """Rows are predicted all the same; damage to an image leaves its row's values."""
    table = numbered(150).append_column("lot", pa.array([f"lot {n}" for n in range(150)]))
    path = write(tmp_path / "a.parquet", table, row_group_size=50)
    assert pq.read_schema(path).names == ["image", "label", "lot"]
    damage(path, chunk_of(path, 1, 2))
    kept = _kept(_opened([path], "lot"), 20)
    expected = [None if 50 <= n < 100 else f"lot {n}" for n in range(150)]
    assert kept == {"lot": expected, "!": [None] * 150}
    write(path, table, row_group_size=50)
    damage(path, chunk_of(path, 1, 0))
    kept = _kept(_opened([path], "lot"), 20)
    assert kept["lot"] == [f"lot {n}" for n in range(150)]
    assert [bool(error) for error in kept["!"]] == [50 <= n < 100 for n in range(150)]


def test_names_of_images_are_kept_where_there_are_any(tmp_path: Path) -> None:
    """By the statistics in the footer: with all null, as in MNIST, there is no column."""
    none = write(tmp_path / "none.parquet", {"image": _named([None] * 5)}, row_group_size=2)
    assert list(_opened([none]).kept) == []
    names = [None, "1.png", None, None, '<script>"x"']
    some = write(tmp_path / "some.parquet", {"image": _named(names)}, row_group_size=2)
    assert _kept(_opened([some])) == {"path": names, "!": [None] * 5}
    untold = write(tmp_path / "untold.parquet", {"image": _named([None])}, write_statistics=False)
    assert _kept(_opened([untold])) == {"path": [None], "!": [None]}
    both = _opened([none, some])
    assert _kept(both, 100)["path"] == [None] * 5 + names


def test_names_survive_damage_beside_them(tmp_path: Path) -> None:
    """The images are lost, their names are not; and the other way round."""
    names = [f"{n}.png" for n in range(100)]
    path = write(tmp_path / "a.parquet", {"image": _named([*names])}, row_group_size=50)
    damage(path, chunk_of(path, 1, 0))
    kept = _kept(_opened([path]), 20)
    assert kept["path"] == names
    assert [bool(error) for error in kept["!"]] == [False] * 50 + [True] * 50
    write(path, {"image": _named([*names])}, row_group_size=50)
    damage(path, chunk_of(path, 1, 1))
    kept = _kept(_opened([path]), 20)
    assert kept == {"path": names[:50] + [None] * 50, "!": [None] * 100}


def test_names_of_images_can_be_asked_for(tmp_path: Path) -> None:
    """As to slice by them; they are what there is anyway, wherever the option puts them."""
    named = write(tmp_path / "named.parquet", {"image": _named(["a", None]), "lot": [1, 2]})
    kept = _kept(_opened([named], "lot", "path"))
    assert kept == {"lot": [1, 2], "path": ["a", None], "!": [None] * 2}
    other = write(tmp_path / "other.parquet", {"image": _named([None]), "path": ["x"]})
    assert _kept(_opened([named, other], "path"))["path"] == ["a", None, "x"]
    none = write(tmp_path / "none.parquet", {"image": _named([None])})
    with pytest.raises(ColumnError, match="'path' cannot be kept: no Parquet file"):
        _opened([none], "path")


def test_a_column_called_path_stands_before_the_images_own(tmp_path: Path) -> None:
    """It is what was asked for."""
    table = {"image": _named(["a", "b"]), "path": ["x", "y"]}
    path = write(tmp_path / "a.parquet", table)
    assert _kept(_opened([path], "path"))["path"] == ["x", "y"]
    assert _kept(_opened([path]))["path"] == ["a", "b"]


def test_a_packed_file_may_have_columns_more(tmp_path: Path, digits_folder: Path) -> None:
    """As one to which another tool added them."""
    path = tmp_path / "packed.parquet"
    mnist_batch.pack(digits_folder, path)
    table = pq.read_table(path).append_column("lot", pa.array(np.arange(30)))
    with pq.ParquetWriter(path, table.schema) as writer:
        writer.write_table(table)
        writer.add_key_value_metadata({"mnist_batch_packed": '{"format": 1}'})
    opened = _opened([path], "lot")
    assert _kept(opened, 7) == {"lot": list(range(30)), "!": [None] * 30}
    assert opened.place(3)[0].endswith(".png")
