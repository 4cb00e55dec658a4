"""Rows spread over an input: each at most once, in order, from all of its parts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.inputs.shards import Shard, TakenRows, spread_rows
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.schema import ImageBatch
from mnist_batch.synthetic.generator import write_folder


@dataclass(frozen=True)
class Numbered(Shard):
    """A shard without much in it, whose rows count on from `first`."""

    first: int
    rows: int
    encoded: bool = True
    source: str = "a"

    def read_from(self) -> Sequence[str | bytes]:
        """Return nothing."""
        return []

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows."""
        for start in range(0, self.rows, batch_size):
            count = min(batch_size, self.rows - start)
            yield ImageBatch(
                source=pa.repeat("a", count),
                row=pa.array(np.arange(count) + self.first + start),
                label=pa.nulls(count, pa.int8()),
                images=pa.repeat(pa.scalar(b""), count),
                error=pa.nulls(count, pa.string()),
            )


def numbered(sizes: Sequence[int]) -> list[Numbered]:
    """Return shards of these sizes."""
    firsts = np.cumsum([0, *sizes])
    return [Numbered(int(first), rows) for first, rows in zip(firsts, sizes, strict=False)]


def rows_of(shards: Sequence[Shard], batch_size: int = 7) -> list[int]:
    """Return the rows that are read, and fail unless each shard has as many as it says."""
    rows: list[int] = []
    for shard in shards:
        read = [row for batch in shard.read(batch_size) for row in batch.row.to_pylist()]
        assert len(read) == shard.rows
        assert shard.encoded
        rows += read
    return rows


@given(sizes=st.lists(st.integers(1, 60), max_size=20), count=st.integers(1, 200))
def test_as_many_rows_as_are_wanted_come_in_order(sizes: list[int], count: int) -> None:
    """Or all there are; none twice."""
    rows = rows_of(spread_rows(numbered(sizes), count))
    assert len(rows) == min(count, sum(sizes))
    assert rows == sorted(set(rows))


def test_rows_stand_in_the_middle_of_their_parts() -> None:
    """By hand: three of twelve, and one or two of each of three shards."""
    assert rows_of(spread_rows(numbered([12]), 3)) == [2, 6, 10]
    assert rows_of(spread_rows(numbered([4, 4, 4]), 3)) == [2, 6, 10]
    assert rows_of(spread_rows(numbered([4, 4, 4]), 5)) == [2, 5, 7, 9, 11]


def test_of_many_shards_some_are_read() -> None:
    """The first of each of 32 equal parts."""
    shards = spread_rows(numbered([10] * 640), 64)
    assert len(shards) == 32
    assert rows_of(shards)[::2] == [first * 10 * 20 + 2 for first in range(32)]


def test_folders_of_digits_give_all_digits(tmp_path: Path) -> None:
    """Which the first rows would not; of files only those that are wanted are opened."""
    write_folder(tmp_path / "digits", 100)
    shards = spread_rows(open_inputs([tmp_path / "digits"]).shards, 20)
    batches = [batch for shard in shards for batch in shard.read(2048)]
    labels = [label for batch in batches for label in batch.label.to_pylist()]
    assert labels == sorted(list(range(10)) * 2)
    sources = [source for batch in batches for source in batch.source.to_pylist()]
    assert [int(source.split("/")[0]) for source in sources] == labels
    assert sum(isinstance(shard, TakenRows) for shard in shards) == 0
