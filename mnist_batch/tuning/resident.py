"""The first images of an input: from its files as often as is wanted, and in memory."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import cycle
from typing import Any

import numpy as np
import pyarrow as pa

from mnist_batch.inputs.shards import BATCH_BYTES, SHARD_ROWS, Shard
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.schema import ImageBatch


@dataclass(frozen=True)
class FirstRows:
    """A shard of which only the first rows are read."""

    shard: Shard
    rows: int

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return self.shard.encoded

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order, in batches of at most `batch_size`."""
        missing = self.rows
        for batch in self.shard.read(batch_size):
            yield _rows(batch, 0, missing)
            missing -= len(batch)
            if missing <= 0:
                return


@dataclass(frozen=True)
class JoinedShards:
    """Small shards read as one.

    Batches are full as those of a large file are: otherwise ten images, read over and over again,
    would time what a batch takes and not what an image takes.
    """

    shards: Sequence[Shard]

    @property
    def rows(self) -> int:
        """The number of rows."""
        return sum(shard.rows for shard in self.shards)

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return any(shard.encoded for shard in self.shards)

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order, in batches of at most `batch_size`."""
        waiting: list[ImageBatch] = []
        for shard in self.shards:
            for batch in shard.read(batch_size):
                together = [*waiting, batch]
                full = (
                    sum(map(len, together)) > batch_size
                    or sum(map(_size, together)) > BATCH_BYTES
                    or len(set(map(_kind, together))) > 1
                )
                if full and waiting:
                    yield _joined(waiting)
                    waiting = []
                waiting.append(batch)
        if waiting:
            yield _joined(waiting)


@dataclass(frozen=True)
class ResidentShard:
    """A shard that is in memory."""

    batch: ImageBatch

    @property
    def rows(self) -> int:
        """The number of rows."""
        return len(self.batch)

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return isinstance(self.batch.images, pa.Array)

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order, in batches of at most `batch_size`."""
        for start in range(0, self.rows, batch_size):
            yield _rows(self.batch, start, start + batch_size)


def first_rows(opened: OpenInputs, rows: int, size_bytes: int) -> tuple[list[Shard], list[Shard]]:
    """Read the first rows of an input.

    Args:
        opened: the input.
        rows: how many rows at most.
        size_bytes: reading ends at the batch that goes beyond so many bytes of images.

    Returns:
        The rows as shards of the input's files, and batch by batch in memory.
    """
    shards: list[Shard] = []
    resident: list[Shard] = []
    for shard in opened.shards:
        read = 0
        for batch in FirstRows(shard, rows).read(SHARD_ROWS):
            resident.append(ResidentShard(batch))
            read += len(batch)
            size_bytes -= _size(batch)
            if size_bytes <= 0:
                break
        rows -= read
        if read:
            shards.append(shard if read == shard.rows else FirstRows(shard, read))
        if rows <= 0 or size_bytes <= 0:
            break
    return shards, resident


def repeated(shards: Sequence[Shard], rows: int) -> OpenInputs:
    """Return what reads so many rows of some shards, from the first row again after the last.

    Raises:
        ValueError: the shards have no rows.
    """
    if not any(shard.rows for shard in shards):
        raise ValueError("shards without rows cannot be repeated")
    parts: list[Shard] = []
    missing = rows
    for shard in cycle(shards):
        parts.append(shard if shard.rows <= missing else FirstRows(shard, missing))
        missing -= parts[-1].rows
        if missing == 0:
            break
    if sum(shard.rows for shard in shards) < SHARD_ROWS:
        parts = list(_gathered(parts))
    return OpenInputs(shards=parts, files=[], rows=rows, passed_over=Counter())


def _gathered(shards: Sequence[Shard]) -> Iterator[Shard]:
    """Yield small shards joined to the size that those of a large input have."""
    waiting: list[Shard] = []
    for shard in shards:
        waiting.append(shard)
        if sum(one.rows for one in waiting) >= SHARD_ROWS:
            yield JoinedShards(waiting)
            waiting = []
    if waiting:
        yield JoinedShards(waiting)


def tiled(batch: ImageBatch, rows: int) -> ImageBatch:
    """Return the rows of a batch, and again from its first, so many in all."""
    times = -(-rows // len(batch))
    return _rows(_joined([batch] * times), 0, rows)


def _rows(batch: ImageBatch, start: int, stop: int) -> ImageBatch:
    return _each_column([batch], lambda columns: columns[0][start:stop])


def _joined(batches: Sequence[ImageBatch]) -> ImageBatch:
    """Return batches of one kind as one."""
    return batches[0] if len(batches) == 1 else _each_column(batches, _joined_columns)


def _joined_columns(columns: Sequence[Any]) -> Any:  # noqa: ANN401 - of Arrow or of NumPy
    if isinstance(columns[0], pa.Array):
        return pa.concat_arrays(columns)
    return np.concatenate(columns)


def _each_column(
    batches: Sequence[ImageBatch], change: Callable[[Sequence[Any]], Any]
) -> ImageBatch:
    """Return a batch of what `change` makes of each column of some batches."""
    names = [field.name for field in fields(ImageBatch) if field.name != "formed"]
    columns = {name: [getattr(batch, name) for batch in batches] for name in names}
    changed = {name: None if parts[0] is None else change(parts) for name, parts in columns.items()}
    return ImageBatch(**changed, formed=batches[0].formed)


def _kind(batch: ImageBatch) -> tuple[object, bool, bool]:
    """Return what batches that can be joined have in common."""
    images = batch.images
    kind = images.type if isinstance(images, pa.Array) else None
    return kind, batch.prepared is None, batch.formed


def _size(batch: ImageBatch) -> int:
    size: int = batch.images.nbytes
    return size
