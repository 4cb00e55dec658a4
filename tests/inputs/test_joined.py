"""Small shards joined: the same rows in the same order, in fewer batches and shards."""

import os
import shutil
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import mnist_batch
from mnist_batch.errors import LabelError
from mnist_batch.inputs import joined as module
from mnist_batch.inputs.joined import JoinedShards, joined
from mnist_batch.inputs.shards import Shard, UnreadableSource
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.outputs.parts.parts import parts_of
from tests.inputs.test_shards_spread import numbered, rows_of
from tests.support.parquet_files import IMAGES, LAYOUTS, PNGS
from tests.support.parquet_files import numbered as digits


def _sizes(shards: Sequence[Shard]) -> list[list[int]]:
    return [
        [one.rows for one in shard.shards] if isinstance(shard, JoinedShards) else [shard.rows]
        for shard in shards
    ]


def test_neighbours_are_joined_up_to_the_rows_of_a_shard(monkeypatch: pytest.MonkeyPatch) -> None:
    """By hand: of ten rows; a larger one stays by itself."""
    monkeypatch.setattr(module, "SHARD_ROWS", 10)
    sizes = [3, 3, 4, 1, 12, 10, 9, 1, 1]
    assert _sizes([*joined(numbered(sizes))]) == [[3, 3, 4], [1], [12], [10], [9, 1], [1]]
    assert [*joined([])] == []


def test_neighbours_are_joined_up_to_the_bytes_of_a_shard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parquet knows the sizes of its images: three of equal size fit into that of three."""
    for number in range(7):
        pq.write_table(pa.table({"image": [os.urandom(1000)]}), tmp_path / f"{number}.parquet")
    (shard,) = open_inputs([tmp_path / "0.parquet"]).shards
    assert 1000 < shard.size < 5000
    monkeypatch.setattr(module, "SHARD_BYTES", 3 * shard.size)
    assert _sizes(open_inputs([tmp_path]).shards) == [[1] * 3, [1] * 3, [1]]


@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=20), batch_size=st.integers(1, 30))
def test_all_rows_come_in_order(sizes: list[int], batch_size: int) -> None:
    """In batches as large as whole ones of the shards' allow; a batch is never cut."""
    (shard,) = joined(numbered(sizes))
    batches = [len(batch) for batch in shard.read(batch_size)]
    assert max(batches) <= batch_size
    assert all(one + other > min(batch_size, 9) for one, other in pairwise(batches))
    assert rows_of([shard], batch_size) == list(range(sum(sizes)))


@given(sizes=st.lists(st.integers(1, 9), min_size=2, max_size=9), chosen=st.data())
def test_rows_are_taken_by_their_places(sizes: list[int], chosen: st.DataObject) -> None:
    """Any of them."""
    (shard,) = joined(numbered(sizes))
    places = chosen.draw(st.sets(st.integers(0, sum(sizes) - 1), min_size=1))
    wanted = np.array(sorted(places))
    assert rows_of([shard.take(wanted)]) == wanted.tolist()


def test_of_files_that_hold_no_taken_row_nothing_is_read(tmp_path: Path) -> None:
    """They may have gone."""
    for number in range(4):
        pq.write_table(digits(2), tmp_path / f"{number}.parquet")
    (shard,) = open_inputs([tmp_path]).shards
    taken = shard.take(np.array([3, 4]))
    for number in (0, 3):
        (tmp_path / f"{number}.parquet").unlink()
    batches = [*taken.read(10)]
    assert [batch.source.to_pylist() for batch in batches] == [["1.parquet", "2.parquet"]]
    assert [batch.row.to_pylist() for batch in batches] == [[1, 0]]
    assert [batch.error.to_pylist() for batch in batches] == [[None, None]]
    assert shard.place(6) == ("3.parquet", 0)  # known without reading
    with pytest.raises(IndexError, match="row 8 of 8"):
        shard.place(8)


def test_files_that_cannot_be_opened_are_joined_too(tmp_path: Path) -> None:
    """Each is a row with its error; among encoded images it has none, among pixels a black one."""
    for name, column in (("encoded", LAYOUTS["binary"]), ("pixels", LAYOUTS["binary(784)"])):
        folder = tmp_path / name
        folder.mkdir()
        for file in "bdf":
            pq.write_table(pa.table({"image": column}), folder / f"{file}.parquet")
        for file in "aceg":
            (folder / f"{file}.parquet").write_bytes(b"no Parquet")
        opened = open_inputs([folder])
        assert opened.uncounted == [f"{file}.parquet" for file in "aceg"]
        (shard,) = opened.shards
        (batch,) = shard.read(2048)
        assert batch.source.to_pylist() == [f"{file}.parquet" for file in "abbbcdddefffg"]
        assert batch.row.to_pylist() == [0, 0, 1, 2] * 3 + [0]
        lost = [0, 4, 8, 12]
        errors = batch.error.to_pylist()
        assert [place for place, error in enumerate(errors) if error is not None] == lost
        if name == "encoded":
            assert isinstance(batch.images, pa.Array)
            assert batch.images.to_pylist() == [None, *PNGS] * 3 + [None]
        else:
            assert not batch.images[lost].any()
            np.testing.assert_array_equal(np.delete(batch.images, lost, axis=0), [*IMAGES] * 3)


def test_only_files_that_cannot_be_opened_are_a_batch() -> None:
    """As a shard of some among others can be."""
    lost = [UnreadableSource(name, f"unreadable file: {name}", name) for name in "abc"]
    (shard,) = joined(lost)
    (batch,) = shard.read(10)
    assert batch.source.to_pylist() == shard.failures == ["a", "b", "c"]
    assert (shard.encoded, batch.images.shape) == (False, (3, 28, 28))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_is_joined(tmp_path: Path, layout: str) -> None:
    """To one batch that predicts as the rows of the same images in one file do."""
    column = LAYOUTS[layout]
    (tmp_path / "many").mkdir()
    for number in range(3):
        one = pa.table({"image": column.slice(number, 1)})
        pq.write_table(one, tmp_path / "many" / f"{number}.parquet")
    pq.write_table(pa.table({"image": column}), tmp_path / "one.parquet")
    (shard,) = open_inputs([tmp_path / "many"]).shards
    assert [len(batch) for batch in shard.read(10)] == [3]
    many, one = (
        pa.Table.from_batches(mnist_batch.stream(tmp_path / name, probabilities=True))
        for name in ("many", "one.parquet")
    )
    others = [name for name in one.column_names if name not in ("source", "row")]
    assert many.select(others).equals(one.select(others))
    assert many["source"].to_pylist() == ["0.parquet", "1.parquet", "2.parquet"]


def test_files_of_different_kinds_are_batches_of_their_own(tmp_path: Path) -> None:
    """Encoded images, pixels, and packed files, whose images were prepared."""
    pq.write_table(pa.table({"image": LAYOUTS["binary"]}), tmp_path / "in.parquet")
    folder = tmp_path / "all"
    folder.mkdir()
    mnist_batch.pack(tmp_path / "in.parquet", folder / "c.parquet")
    for name, layout in (("a", "binary"), ("b", "binary(784)"), ("d", "large_binary")):
        pq.write_table(pa.table({"image": LAYOUTS[layout]}), folder / f"{name}.parquet")
    (shard,) = open_inputs([folder]).shards
    batches = [*shard.read(100)]
    assert [len(batch) for batch in batches] == [3, 3, 3, 3]
    assert [batch.formed for batch in batches] == [False, False, True, False]
    assert [batch.prepared is None for batch in batches] == [True, True, False, True]


def test_large_images_make_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is joined up to `BATCH_BYTES`: two images of 1,000 bytes fit into 2,500."""
    for number in range(5):
        pq.write_table(pa.table({"image": [os.urandom(1000)]}), tmp_path / f"{number}.parquet")
    (shard,) = open_inputs([tmp_path]).shards
    monkeypatch.setattr(module, "BATCH_BYTES", 2500)
    assert [len(batch) for batch in shard.read(100)] == [2, 2, 1]


def test_a_change_of_any_file_changes_the_fingerprint(tmp_path: Path) -> None:
    """Which that of the part is made of; and nothing else does."""
    for number in range(5):
        pq.write_table(digits(2), tmp_path / f"{number}.parquet")
    (shard,) = open_inputs([tmp_path]).shards
    prints = {shard.fingerprint()}
    assert [piece.fingerprint for piece in shard.pieces()] == [*prints]
    for number in range(5):
        path = tmp_path / f"{number}.parquet"
        shutil.copy(path, tmp_path / "x")
        (tmp_path / "x").replace(path)
        prints |= {one.fingerprint() for one in open_inputs([tmp_path]).shards}
    assert len(prints) == 6


def test_a_part_holds_as_many_rows_of_small_files_as_of_large_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Four shards of Parquet, here of 4 rows each."""
    for number in range(20):
        pq.write_table(digits(2), tmp_path / f"{number}.parquet")
    monkeypatch.setattr(module, "SHARD_ROWS", 4)
    monkeypatch.setattr("mnist_batch.inputs.parquet.files.SHARD_ROWS", 4)
    monkeypatch.setattr("mnist_batch.inputs.parquet.shard.SHARD_ROWS", 4)
    found = parts_of(open_inputs([tmp_path]).shards, block_rows=0)
    assert [(part.rows, len(part.shards)) for part in found] == [(16, 4), (16, 4), (8, 2)]


def test_a_file_that_was_replaced_is_noticed(tmp_path: Path) -> None:
    """Between being listed and being read: its row has an error, the others are read."""
    for number in range(3):
        pq.write_table(digits(1), tmp_path / f"{number}.parquet")
    (shard,) = open_inputs([tmp_path]).shards
    pq.write_table(digits(1), tmp_path / "x")
    (tmp_path / "x").replace(tmp_path / "1.parquet")
    (batch,) = shard.read(10)
    assert batch.error.to_pylist() == [
        None, "unreadable file: replaced after it was listed", None,
    ]  # fmt: skip


def test_a_label_that_is_no_digit_names_its_file(tmp_path: Path) -> None:
    """The files before it do no harm."""
    for number in range(3):
        table = pa.table({"image": [PNGS[0]], "label": [10 * (number // 2)]})
        pq.write_table(table, tmp_path / f"{number}.parquet")
    (shard,) = open_inputs([tmp_path]).shards
    with pytest.raises(LabelError, match=r"2\.parquet, row 0, column label: label 10 is not"):
        list(shard.read(10))
