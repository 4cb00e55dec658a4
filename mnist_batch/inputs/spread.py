"""Some rows of an input, spread over it evenly: what comes first is often all of one digit."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from mnist_batch.inputs.image_files import ImageFileShard
from mnist_batch.inputs.shards import Shard
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.schema import ImageBatch

_MOST_SHARDS = 32
"""Shards that are read at most, 260,000 rows: an input may hold thousands."""


@dataclass(frozen=True)
class SpreadRows:
    """A shard that is read whole, and of which only some rows come, evenly spread over it."""

    shard: Shard
    rows: int

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return self.shard.encoded

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order, in batches of at most `batch_size`."""
        places = _spread(self.rows, self.shard.rows)
        start = 0
        for batch in self.shard.read(batch_size):
            inside = places[(places >= start) & (places < start + len(batch))]
            if len(inside):
                yield batch.take(inside - start)
            start += len(batch)


def spread_rows(opened: OpenInputs, rows: int) -> Sequence[Shard]:
    """Return shards that read some rows of an input: so many, or all if there are fewer.

    Where the input is very large, they come from some of its shards, which are spread evenly too.
    """
    count = min(len(opened.shards), _MOST_SHARDS)
    shards = [opened.shards[place * len(opened.shards) // count] for place in range(count)]
    ends = np.cumsum([shard.rows for shard in shards])
    if not count or ends[-1] <= rows:
        return shards
    shares = np.diff(ends * rows // ends[-1], prepend=0).tolist()
    return [_share(shard, share) for shard, share in zip(shards, shares, strict=True) if share]


def _share(shard: Shard, rows: int) -> Shard:
    if isinstance(shard, ImageFileShard):  # whose other files need not be opened
        return shard.take(_spread(rows, shard.rows))
    return SpreadRows(shard, rows)


def _spread(count: int, rows: int) -> npt.NDArray[np.int64]:
    """Return the places of `count` of `rows` rows: each in the middle of its part."""
    places: npt.NDArray[np.int64] = (2 * np.arange(count) + 1) * rows // (2 * count)
    return places
