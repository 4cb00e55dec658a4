"""The first images of an input, as often as is wanted, or generated digits where there is none."""

import hashlib
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from itertools import cycle, repeat
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mnist_batch.inference.content import content_hashes
from mnist_batch.inference.pipeline import PredictedBatch, predict_batches
from mnist_batch.inference.predictors import Predictor
from mnist_batch.inputs.shards import BATCH_BYTES, SHARD_ROWS, Shard
from mnist_batch.inputs.sources import OpenInputs, open_inputs
from mnist_batch.options import NO_LABELS, Inputs, ReadOptions, input_list
from mnist_batch.schema import Classes, ImageBatch
from mnist_batch.synthetic import generator

SAMPLE_BYTES = 32 * 2**20
"""The benchmark uses the first images, up to so many bytes of encoded images."""

_HASHED = 100
"""Images by which an input is known again."""

_GENERATED_ROWS = 2000
"""Digits that are drawn where there is no input."""


@dataclass(frozen=True)
class _FunctionShard(Shard):
    """Rows that a function of the batch size, `batches`, returns; no message names a source."""

    rows: int
    encoded: bool
    batches: Callable[[int], Iterable[ImageBatch]]
    source: str = ""

    def read_from(self) -> Sequence[str | bytes]:
        """Return nothing: no fingerprint is taken."""
        return ()

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order."""
        yield from self.batches(batch_size)


def shard_of(batch: ImageBatch) -> Shard:
    """Return a shard of a batch in memory, which is read whole."""
    return _FunctionShard(len(batch), isinstance(batch.images, pa.Array), lambda _: [batch])


def inputs_of(shards: Sequence[Shard]) -> OpenInputs:
    """Return the input that some shards are."""
    return OpenInputs(shards, [], sum(shard.rows for shard in shards), Counter())


def first_rows(shards: Iterable[Shard], rows: int) -> Iterator[Shard]:
    """Yield shards of the first rows of others, as many as there are or are wanted."""
    for shard in shards:
        if shard.rows >= rows:
            yield shard if shard.rows == rows else shard.take(np.arange(rows))
            return
        yield shard
        rows -= shard.rows


def repeated(shards: Sequence[Shard], rows: int) -> OpenInputs:
    """Return an input of so many rows: those of some shards, and again from the first.

    Few rows are joined to shards of the size that a large input has, in batches as full. Ten images
    that are read again and again in batches of ten would tell how long a batch takes, and not how
    long an image takes.

    Raises:
        ValueError: the shards have no rows.
    """
    available = sum(shard.rows for shard in shards)
    if not available:
        raise ValueError("shards without rows cannot be repeated")
    if available >= SHARD_ROWS:
        return inputs_of(list(first_rows(cycle(shards), rows)))
    encoded = any(shard.encoded for shard in shards)
    step = math.ceil(SHARD_ROWS / available) * available
    sizes = [min(step, rows - start) for start in range(0, rows, step)]
    # Each reads just as many rows as it has.
    full = [partial(_full_batches, list(first_rows(cycle(shards), size))) for size in sizes]
    return inputs_of(list(map(_FunctionShard, sizes, repeat(encoded), full)))


def _full_batches(shards: Sequence[Shard], batch_size: int) -> Iterator[ImageBatch]:
    """Yield the rows of shards in order, in batches as full as those of one large shard."""
    waiting: list[ImageBatch] = []
    rows = size = 0
    for batch in (batch for shard in shards for batch in shard.read(batch_size)):
        rows, size = rows + len(batch), size + batch.images.nbytes
        full = rows > batch_size or size > BATCH_BYTES
        if waiting and (full or _kind(batch) != _kind(waiting[0])):
            yield _joined(waiting)
            waiting, rows, size = [], len(batch), batch.images.nbytes
        waiting.append(batch)
    if waiting:
        yield _joined(waiting)


def _joined(batches: Sequence[ImageBatch]) -> ImageBatch:
    """Return batches of one kind as one batch."""

    def column(name: str) -> Any:  # noqa: ANN401 - of Arrow or of NumPy
        parts = [getattr(batch, name) for batch in batches]
        if parts[0] is None:
            return None
        return pa.concat_arrays(parts) if isinstance(parts[0], pa.Array) else np.concatenate(parts)

    if len(batches) == 1:
        return batches[0]
    names = ("source", "row", "label", "images", "error", "prepared")
    return replace(batches[0], **{name: column(name) for name in names})


def _kind(batch: ImageBatch) -> tuple[object, bool, bool]:
    """Return what batches that can be joined have in common."""
    # NumPy's arrays have no type.
    return getattr(batch.images, "type", None), batch.prepared is None, batch.formed


def sample(
    inputs: OpenInputs, predictor: Predictor, size_bytes: int = SAMPLE_BYTES
) -> list[PredictedBatch]:
    """Predict the batches of an input, up to the one that goes beyond a size of its images."""
    found: list[PredictedBatch] = []
    for one in predict_batches(inputs, predictor, with_originals=True):
        found.append(one)
        assert one.originals
        size_bytes -= one.originals.images.nbytes
        if size_bytes <= 0:
            break
    return found


def pixels(predicted: Sequence[PredictedBatch]) -> ImageBatch:
    """Return the images of predictions as a batch of raw pixels."""
    images = np.concatenate([one.images for one in predicted])
    n = len(images)
    return ImageBatch(
        source=pa.repeat("image", n),
        row=pa.array(np.arange(n)),
        label=pa.nulls(n, pa.int8()),
        images=images,
        error=pa.concat_arrays([one.predictions.column("error") for one in predicted]),
    )


@contextmanager
def opened(inputs: Inputs, options: ReadOptions, classes: Classes) -> Iterator[OpenInputs]:
    """Open the inputs, or where there are none a file of generated digits."""
    if listed := input_list(inputs):
        yield open_inputs(listed, options, classes)
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "generated.parquet")
        generator.write_parquet(path, _GENERATED_ROWS)
        yield open_inputs([path], replace(options, labels=NO_LABELS), classes)


def images_hash(inputs: OpenInputs) -> str:
    """Return a hash of the first images and of how they are stored: what speeds depend on.

    They are read on their own: how many images a benchmark uses depends on its speed.
    """
    about = [type(inputs.shards[0]).__name__, str(inputs.rows)]
    batches = (
        batch for shard in first_rows(inputs.shards, _HASHED) for batch in shard.read(_HASHED)
    )
    hashes = [str(one) for batch in batches for one in content_hashes(batch).to_pylist()]
    return hashlib.sha256("\n".join([*about, *hashes]).encode()).hexdigest()
