"""How shards are cut into parts."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.inputs import image_files, joined
from mnist_batch.inputs.parquet import files, shard
from mnist_batch.inputs.shards import Piece, UnreadableSource
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.outputs.parts import parts
from mnist_batch.outputs.parts.parts import Part, parts_of


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Thirty images are three parts of eight rows and one of six."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)


def test_shards_are_joined_until_a_part_is_large_enough(
    digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that a list of many small files does not become as many parts."""
    shards = open_inputs([digits_folder]).shards
    assert [shard.rows for shard in shards] == [8, 8, 8, 6]
    assert [part.rows for part in parts_of(shards, block_rows=1)] == [8, 8, 8, 6]
    monkeypatch.setattr(image_files, "SHARD_ROWS", 9)
    found = parts_of(shards, block_rows=1)
    assert [(part.number, part.rows, len(part.shards)) for part in found] == [
        (0, 16, 2),
        (1, 14, 2),
    ]


def test_parts_hold_many_blocks(digits_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last block of a part is padded, which costs time."""
    monkeypatch.setattr(parts, "BLOCKS", 3)
    shards = open_inputs([digits_folder]).shards
    assert [part.rows for part in parts_of(shards, block_rows=5)] == [16, 14]


def test_large_files_make_parts_of_fewer_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So that no more than some seconds of photographs are lost."""
    for number, size in enumerate((10, 10, 50, 0, 10, 10, 10, 30)):
        (tmp_path / f"{number}.png").write_bytes(bytes(size))
    monkeypatch.setattr(image_files, "PIECE_BYTES", 40)
    monkeypatch.setattr(image_files, "SHARD_ROWS", 7)
    found = parts_of(open_inputs([tmp_path]).shards, block_rows=1)
    assert [part.rows for part in found] == [3, 5]
    sources = [shard.source for part in found for shard in part.shards]
    assert sources == ["0.png", "3.png", "7.png"]
    assert sum(shard.rows for part in found for shard in part.shards) == 8


@pytest.mark.parametrize(
    ("group_bytes", "rows"), [(1, [64, 64, 16]), (2000, [32, 32, 32, 32, 16]), (9000, [8] * 18)]
)
def test_parquet_makes_parts_of_four_shards_or_of_fewer_large_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group_bytes: int, rows: list[int]
) -> None:
    """Of photographs less is lost, if a shard can be cut at all: between row groups of 8 rows."""
    images = [bytes([row]) * (group_bytes // 8) for row in range(144)]
    pq.write_table(pa.table({"image": images}), tmp_path / "a.parquet", row_group_size=8)
    for module in (files, shard, joined):
        monkeypatch.setattr(module, "SHARD_ROWS", 16)
    for module in (files, joined, parts):
        monkeypatch.setattr(module, "SHARD_BYTES", 8000)
    found = parts_of(open_inputs([tmp_path / "a.parquet"]).shards, block_rows=1)
    assert [part.rows for part in found] == rows
    assert [part.number for part in found] == list(range(len(rows)))


def test_a_part_of_many_shards_counts_its_rows_once() -> None:
    """A part of tiny Parquet files may hold 32,768 shards, and is asked after each batch."""
    asked = 0

    class CountedShard(UnreadableSource):
        @property
        def rows(self) -> int:  # type: ignore[override]
            nonlocal asked
            asked += 1
            return 1

    part = Part(0, [Piece(CountedShard("a", "b", "c"), "", 0, 0.0)] * 100)
    assert [part.rows for _ in range(3)] == [100, 100, 100]
    assert asked == 100
