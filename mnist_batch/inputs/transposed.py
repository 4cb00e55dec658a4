"""Images that have their rows and columns changed over, as EMNIST is distributed."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.inputs.shards import Piece, Shard
from mnist_batch.schema import ImageBatch


@dataclass(frozen=True, eq=False)
class TransposedShard(Shard):
    """A shard of any format whose images are transposed when they are decoded."""

    shard: Shard

    @property
    def rows(self) -> int:
        """That of the shard."""
        return self.shard.rows

    @property
    def encoded(self) -> bool:
        """That of the shard."""
        return self.shard.encoded

    @property
    def source(self) -> str:
        """That of the shard."""
        return self.shard.source

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

    def take(self, places: npt.NDArray[np.int64]) -> Shard:
        """Return what the shard takes, transposed."""
        return TransposedShard(self.shard.take(places))

    def place(self, row: int) -> tuple[str, int]:
        """Return what the shard says."""
        return self.shard.place(row)
