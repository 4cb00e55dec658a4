"""The parts of an output: consecutive shards whose predictions are kept together."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from mnist_batch.inputs.fingerprints import file_states, fingerprint, first_source
from mnist_batch.inputs.image_files import ImageFileShard
from mnist_batch.inputs.parquet.files import ParquetShard
from mnist_batch.inputs.shards import SHARD_BYTES, SHARD_ROWS, Shard
from mnist_batch.outputs.manifest import PartRecord, ShardRecord

BLOCKS = 32
"""A part is so many of the predictor's blocks at least: the last one is padded, which then costs no
more than 3 % of the time."""

FILE_BYTES = 8 * 2**20
"""And of image files so many bytes, if they are not a whole shard: large ones take long."""

PARQUET_SHARDS = 4
"""A part is of so many shards of Parquet, or of one of image files: that takes no less time."""


@dataclass(frozen=True)
class Part:
    """Consecutive shards whose predictions are kept together.

    Attributes:
        number: its place among the parts, from 0.
        shards: in input order.
        record: what they are made of, and the number of their rows, more than 0.
    """

    number: int
    shards: Sequence[Shard]
    record: PartRecord

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.record.rows


def parts_of(shards: Sequence[Shard], block_rows: int) -> list[Part]:
    """Cut shards into parts, each of as few as make one that is worth the trouble.

    Args:
        shards: in input order; those of large image files are cut again, see `FILE_BYTES`.
        block_rows: rows that the predictor's network sees at once.
    """
    parts: list[Part] = []
    for pieces in _together(_cut(shards), BLOCKS * block_rows):
        records = [ShardRecord(first_source(one.shard), one.fingerprint) for one in pieces]
        record = PartRecord(sum(one.shard.rows for one in pieces), records)
        parts.append(Part(len(parts), [one.shard for one in pieces], record))
    return parts


class _Piece(NamedTuple):
    """A shard, its fingerprint, and the bytes of its images, about."""

    shard: Shard
    fingerprint: str
    size: int


def _cut(shards: Iterable[Shard]) -> Iterator[_Piece]:
    """Yield shards, those of image files cut by `FILE_BYTES`."""
    for shard in shards:
        if not isinstance(shard, ImageFileShard):
            size = shard.size if isinstance(shard, ParquetShard) else 0
            yield _Piece(shard, fingerprint(shard), size)
            continue
        states = file_states(shard.paths)
        ends = np.cumsum(states[:, 0].clip(0))
        start, done = 0, 0
        while start < shard.rows:
            stop = min(int(np.searchsorted(ends, done + FILE_BYTES)) + 1, shard.rows)
            cut, size = shard.slice(start, stop), int(ends[stop - 1]) - done
            yield _Piece(cut, fingerprint(cut, states[start:stop]), size)
            start, done = stop, done + size


def _together(pieces: Iterable[_Piece], blocks_rows: int) -> Iterator[list[_Piece]]:
    """Yield pieces that make a part.

    They have rows enough, `blocks_rows` at least, or `SHARD_BYTES`, or are the last.
    """
    taken: list[_Piece] = []
    rows, share, size = 0, 0.0, 0
    for piece in pieces:
        taken.append(piece)
        rows += piece.shard.rows
        share += _share(piece)
        size += piece.size
        if rows and (size >= SHARD_BYTES or (share >= 1 and rows >= blocks_rows)):
            yield taken
            taken, rows, share, size = [], 0, 0.0, 0
    if rows:
        yield taken


def _share(piece: _Piece) -> float:
    """Return how much of a part a piece is."""
    if isinstance(piece.shard, ParquetShard):
        return piece.shard.rows / (SHARD_ROWS * PARQUET_SHARDS)
    return max(piece.shard.rows / SHARD_ROWS, piece.size / FILE_BYTES)
