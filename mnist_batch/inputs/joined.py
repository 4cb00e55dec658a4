"""Small shards joined: many files of a few rows each are read as one of as many rows would be."""

from bisect import bisect
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, chain
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.inputs.read_ahead import fetched_ahead
from mnist_batch.inputs.shards import (
    BATCH_BYTES,
    SHARD_BYTES,
    SHARD_ROWS,
    Piece,
    Shard,
    sha256_of,
)
from mnist_batch.mnist import SIDE
from mnist_batch.schema import ImageBatch, Images

_ASKED = 8
"""Shards that are asked what would give labels, at most."""


def joined(shards: Iterable[Shard]) -> Iterator[Shard]:
    """Yield consecutive shards as one, up to `SHARD_ROWS` and `SHARD_BYTES`; large ones as are."""
    taken: list[Shard] = []
    rows, size = 0, 0
    for shard in shards:
        too_many = rows + shard.rows > SHARD_ROWS
        if taken and (too_many or size + shard.size > SHARD_BYTES):
            yield _as_one(taken)
            taken, rows, size = [], 0, 0
        taken.append(shard)
        rows, size = rows + shard.rows, size + shard.size
    if taken:
        yield _as_one(taken)


def _as_one(shards: Sequence[Shard]) -> Shard:
    return shards[0] if len(shards) == 1 else JoinedShards(shards)


@dataclass(frozen=True, eq=False)
class JoinedShards(Shard):
    """Consecutive shards, at least one."""

    shards: Sequence[Shard]

    @property
    def joined(self) -> Sequence[Shard]:
        """They."""
        return self.shards

    def joining(self, shards: Sequence[Shard]) -> Shard:
        """Return others joined."""
        return JoinedShards(shards)

    @property
    def rows(self) -> int:
        """The number of their rows."""
        return sum(shard.rows for shard in self.shards)

    @property
    def encoded(self) -> bool:
        """Whether images of any have to be decoded."""
        return any(shard.encoded for shard in self.shards)

    @property
    def source(self) -> str:
        """The source of the first."""
        return self.shards[0].source

    @property
    def kept(self) -> Sequence[pa.Field]:
        """Those of all, each type once."""
        return list(dict.fromkeys(field for shard in self.shards for field in shard.kept))

    @property
    def uncounted(self) -> Sequence[str]:
        """Those of all."""
        return [source for shard in self.shards for source in shard.uncounted]

    @property
    def failures(self) -> Sequence[str]:
        """Those of all."""
        return [failure for shard in self.shards for failure in shard.failures]

    @property
    def stated_names(self) -> Sequence[tuple[str, ...]]:
        """Those of all, each once."""
        return [*dict.fromkeys(names for shard in self.shards for names in shard.stated_names)]

    def label_texts(self) -> Iterable[str]:
        """Return those of all."""
        return chain.from_iterable(shard.label_texts() for shard in self.shards)

    def label_hint(self) -> str:
        """Return that of the first that has one."""
        return next(filter(None, (shard.label_hint() for shard in self.shards[:_ASKED])), "")

    def read_from(self) -> Sequence[str | bytes]:
        """Return the fingerprint of each."""
        return [shard.fingerprint() for shard in self.shards]

    def pieces(self) -> Iterator[Piece]:
        """Yield them together, with the sizes and costs of all."""
        pieces = [piece for shard in self.shards for piece in shard.pieces()]
        fingerprint = sha256_of(piece.fingerprint for piece in pieces)
        size = sum(piece.size_bytes for piece in pieces)
        yield Piece(self, fingerprint, size, sum(piece.cost for piece in pieces))

    def fetching(self) -> Shard:
        """Return them with the first being fetched; `read` fetches the others ahead."""
        first, *others = self.shards
        shard = first.fetching()
        return self if shard is first else JoinedShards([shard, *others])

    def take(self, places: npt.NDArray[np.int64]) -> Shard:
        """Return a shard of some rows; of the others nothing is read."""
        starts = self._starts()
        bounds = np.searchsorted(places, starts)
        return JoinedShards(
            [
                shard.take(places[first:last] - start)
                for shard, start, first, last in zip(
                    self.shards, starts, bounds, bounds[1:], strict=False
                )
                if first < last
            ]
        )

    def place(self, row: int) -> tuple[str, int]:
        """Return the columns `source` and `row` of a row, as its shard knows them."""
        starts = self._starts()
        number = bisect(starts, row) - 1
        if number == len(self.shards):
            raise IndexError(f"row {row} of {self.rows}")
        return self.shards[number].place(row - starts[number])

    def _starts(self) -> list[int]:
        """Return the place at which each starts, and their number of rows."""
        return [*accumulate((shard.rows for shard in self.shards), initial=0)]

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order, small batches joined up to `batch_size` or `BATCH_BYTES`."""
        waiting: list[ImageBatch] = []
        kind: _Kind | None = None
        rows, size = 0, 0
        fields = _of_one_type(self.kept)
        for shard in fetched_ahead(self.shards):
            for batch in shard.read(batch_size):
                batch = _with_all(batch, fields)
                own = _kind(batch)
                other = None not in (own, kind) and own != kind
                other |= bool(waiting and _schema_kept(batch) != _schema_kept(waiting[0]))
                full = rows + len(batch) > batch_size or size + batch.images.nbytes > BATCH_BYTES
                if waiting and (other or full):
                    yield _concatenated(waiting, kind)
                    waiting, kind, rows, size = [], None, 0, 0
                waiting.append(batch)
                kind = kind or own
                rows, size = rows + len(batch), size + batch.images.nbytes
        if waiting:
            yield _concatenated(waiting, kind)


def _of_one_type(fields: Iterable[pa.Field]) -> list[pa.Field]:
    """Return the columns that have one type in all files."""
    types: dict[str, list[pa.DataType]] = {}
    for field in fields:
        types.setdefault(field.name, []).append(field.type)
    return [pa.field(name, kinds[0]) for name, kinds in types.items() if len(kinds) == 1]


def _with_all(batch: ImageBatch, fields: Sequence[pa.Field]) -> ImageBatch:
    """Return rows with all of some columns kept; those that their file lacks are null."""
    own = [] if batch.kept is None else batch.kept.schema.names
    lacking = [field for field in fields if field.name not in own]
    if not lacking:
        return batch
    columns = {name: batch.kept.column(name) for name in own} if batch.kept is not None else {}
    columns |= {field.name: pa.nulls(len(batch), field.type) for field in lacking}
    names = [*(field.name for field in fields), *own]
    whole = {name: columns[name] for name in names}
    return replace(batch, kept=pa.record_batch([*whole.values()], names=[*whole]))


def _schema_kept(batch: ImageBatch) -> pa.Schema | None:
    return None if batch.kept is None else batch.kept.schema


class _Kind(NamedTuple):
    """What batches have to have in common to be joined."""

    encoding: pa.DataType | None  # the type of encoded images; None for pixels
    formed: bool  # as in `ImageBatch`


def _kind(batch: ImageBatch) -> _Kind | None:
    """Return the kind of a batch; None if it has errors alone, with which any can be joined."""
    if not batch.error.null_count and batch.prepared is None:
        return None
    encoding = batch.images.type if isinstance(batch.images, pa.Array) else None
    return _Kind(encoding, batch.formed)


def _concatenated(batches: Sequence[ImageBatch], kind: _Kind | None) -> ImageBatch:
    """Return the rows of batches of one kind, and of such as have none, as one batch."""
    if len(batches) == 1:
        return batches[0]
    kept = [batch.kept for batch in batches if batch.kept is not None]
    prepared = None
    if any(batch.prepared is not None for batch in batches):
        prepared = np.concatenate(
            [
                np.zeros(len(batch), np.bool_) if batch.prepared is None else batch.prepared
                for batch in batches
            ]
        )
    return ImageBatch(
        source=pa.concat_arrays([batch.source for batch in batches]),
        row=pa.concat_arrays([batch.row for batch in batches]),
        label=pa.concat_arrays([batch.label for batch in batches]),
        images=_images(batches, kind),
        error=pa.concat_arrays([batch.error for batch in batches]),
        prepared=prepared,
        formed=kind is not None and kind.formed,
        kept=pa.concat_batches(kept) if kept else None,
    )


def _images(batches: Sequence[ImageBatch], kind: _Kind | None) -> pa.Array | Images:
    """Return the images of batches; those of rows with errors are null, or black."""
    if kind is None or kind.encoding is None:
        return np.concatenate(
            [
                np.zeros((len(batch), SIDE, SIDE), np.uint8)
                if isinstance(batch.images, pa.Array)
                else batch.images
                for batch in batches
            ]
        )
    return pa.concat_arrays(
        [
            pa.nulls(len(batch), kind.encoding) if _kind(batch) is None else batch.images
            for batch in batches
        ]
    )
