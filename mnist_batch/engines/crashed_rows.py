"""Shards of which some rows, or all, are not read or not decoded: that would end the process."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.inputs.shards import Shard, WrappedShard
from mnist_batch.schema import ImageBatch, Reason, error_text

UNREAD = error_text(Reason.UNREADABLE_FILE, "reading it ends the process")
"""The error of rows whose reader crashes."""


@dataclass(frozen=True, eq=False)
class UnreadRows(WrappedShard):
    """A shard that is not read: each of its rows has the error `Reason.UNREADABLE_FILE`."""

    def fetching(self) -> Shard:
        """Return it as it is."""
        return self

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield rows with the error."""
        return self.shard.lost(UNREAD, batch_size)


@dataclass(frozen=True, eq=False)
class CrashedRows(WrappedShard):
    """A shard of which some rows have the error `Reason.CRASHED`, and are not decoded."""

    places: npt.NDArray[np.int64]  # of these rows in it, ascending int64 (k,)

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the shard's own batches, with the errors."""
        start = 0
        for batch in self.shard.read(batch_size):
            crashed = np.isin(np.arange(start, start + len(batch)), self.places)
            yield _marked(batch, crashed) if crashed.any() else batch
            start += len(batch)


def _marked(batch: ImageBatch, crashed: npt.NDArray[np.bool_]) -> ImageBatch:
    """Return rows of which some, bool (n,), have the error; bytes stay, for their hash."""
    error = pc.if_else(pa.array(crashed), str(Reason.CRASHED), batch.error)
    images = batch.images
    if not isinstance(images, pa.Array):
        images = np.where(crashed[:, None, None], np.uint8(0), images)
    return replace(batch, error=error, images=images)
