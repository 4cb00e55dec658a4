"""Cut an output into parts: consecutive shards whose predictions are committed at once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from mnist_batch.inputs.shards import SHARD_BYTES, Piece, Shard
from mnist_batch.options import Share

BLOCKS = 32
"""The least number of the predictor's blocks in a part: the last block is padded, which then
costs no more than 3 % of the time."""


@dataclass(frozen=True)
class Part:
    """Consecutive shards, in input order, whose predictions are committed at once."""

    number: int  # among the parts, from 0
    pieces: Sequence[Piece]
    start: int = 0  # the place of its first row among those of the input

    @property
    def shards(self) -> list[Shard]:
        """Its shards."""
        return [piece.shard for piece in self.pieces]

    @cached_property
    def rows(self) -> int:
        """The number of its rows, more than 0."""
        return sum(piece.shard.rows for piece in self.pieces)

    def record(self) -> list[int | str]:
        """Return what the part is made of: its rows, and the fingerprint of each shard."""
        return [self.rows, *map(shortened_fingerprint, self.pieces)]


def shortened_fingerprint(piece: Piece) -> str:
    """Return 32 digits of a fingerprint, which tell shards apart; runs may have 100,000 of them."""
    return piece.fingerprint[:32]


def parts_of_share(parts: Sequence[Part], share: Share | None) -> list[Part]:
    """Return the parts of a share, which start from its first row; all for None."""
    if share is None:
        return [*parts]
    own = [parts[number] for number in share.of(len(parts))]
    return [replace(part, start=part.start - own[0].start) for part in own]


def parts_of(shards: Sequence[Shard], block_rows: int) -> list[Part]:
    """Cut shards into parts, each of the fewest shards that are worth the cost of a part.

    These are `BLOCKS` blocks, of the rows that the predictor's network sees at once, whose pieces
    cost 1 or more, or `SHARD_BYTES`. Shards that take long to read are cut again, see
    `Shard.pieces`.
    """
    parts: list[Part] = []
    taken: list[Piece] = []
    start, rows, cost, size = 0, 0, 0.0, 0
    for piece in (piece for shard in shards for piece in shard.pieces()):
        taken.append(piece)
        rows += piece.shard.rows
        cost += piece.cost
        size += piece.size_bytes
        if rows and (size >= SHARD_BYTES or (cost >= 1 and rows >= BLOCKS * block_rows)):
            parts.append(Part(len(parts), taken, start))
            start += rows
            taken, rows, cost, size = [], 0, 0.0, 0
    return [*parts, Part(len(parts), taken, start)] if rows else parts
