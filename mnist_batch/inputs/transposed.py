"""Images that have their rows and columns changed over, as EMNIST is distributed."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.inputs.shards import Piece, Shard, WrappedShard
from mnist_batch.options import Orientation
from mnist_batch.schema import ImageBatch


def oriented(shards: Sequence[Shard], orientation: Orientation) -> Sequence[Shard]:
    """Return shards whose images are as they are seen, given how they are stored."""
    if orientation is Orientation.UPRIGHT:
        return shards
    return [TransposedShard(shard) for shard in shards]


@dataclass(frozen=True, eq=False)
class TransposedShard(WrappedShard):
    """A shard of any format whose images are transposed when they are decoded."""

    @property
    def kept(self) -> Sequence[pa.Field]:
        """Those of the shard."""
        return self.shard.kept

    @property
    def uncounted(self) -> Sequence[str]:
        """Those of the shard."""
        return self.shard.uncounted

    @property
    def failures(self) -> Sequence[str]:
        """Those of the shard."""
        return self.shard.failures

    @property
    def stated_names(self) -> Sequence[tuple[str, ...]]:
        """Those of the shard."""
        return self.shard.stated_names

    def label_texts(self) -> Iterable[str]:
        """Return those of the shard."""
        return self.shard.label_texts()

    def label_hint(self) -> str:
        """Return that of the shard."""
        return self.shard.label_hint()

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the batches of the shard, to be transposed."""
        for batch in self.shard.read(batch_size):
            yield replace(batch, transposed=True)

    def read_from(self) -> Sequence[str | bytes]:
        """Return that of the shard, and that it is transposed."""
        return [*self.shard.read_from(), "transposed"]

    def pieces(self) -> Iterator[Piece]:
        """Yield those of the shard, transposed."""
        for piece in self.shard.pieces():
            yield piece._replace(shard=TransposedShard(piece.shard))

    @property
    def joined(self) -> Sequence[Shard]:
        """Those of the shard, as they are stored."""
        return self.shard.joined

    def joining(self, shards: Sequence[Shard]) -> Shard:
        """Return what the shard becomes, transposed."""
        return TransposedShard(self.shard.joining(shards))

    def lost(self, error: str, batch_size: int) -> Iterator[ImageBatch]:
        """Return those of the shard."""
        return self.shard.lost(error, batch_size)

    def take(self, places: npt.NDArray[np.int64]) -> Shard:
        """Return what the shard takes, transposed."""
        return TransposedShard(self.shard.take(places))

    def place(self, row: int) -> tuple[str, int]:
        """Return what the shard says."""
        return self.shard.place(row)
