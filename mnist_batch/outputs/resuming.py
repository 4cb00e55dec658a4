"""All rows of a run in order, part by part: what an earlier run has finished, and the rest."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from itertools import accumulate
from typing import NamedTuple

import pyarrow as pa

from mnist_batch.inference.pipeline import PredictedBatch
from mnist_batch.inputs.sources import OpenInputs
from mnist_batch.outputs.parts import Part
from mnist_batch.outputs.parts_folder import PartsFolder


class Rows(NamedTuple):
    """Consecutive rows of the predictions.

    Attributes:
        predictions: the columns that are written.
        batch: what they were predicted from; None where an earlier run did.
    """

    predictions: pa.RecordBatch
    batch: PredictedBatch | None


def predict_parts(
    inputs: OpenInputs,
    parts: Sequence[Part],
    folder: PartsFolder,
    predict: Callable[[OpenInputs, frozenset[int]], Generator[PredictedBatch, None, None]],
    *,
    schema: pa.Schema,
    again: Callable[[pa.RecordBatch], bool],
) -> Iterator[Rows]:
    """Yield the predictions of all rows; what is predicted is kept, each part once it is complete.

    Args:
        inputs: what to read.
        parts: its shards, cut by `parts.parts_of`.
        folder: where parts are found and kept.
        predict: yields the predictions of the rows of some shards; the second argument is that
            `block_ends` of `pipeline.predict_batches`.
        schema: the columns of the predictions that are written.
        again: tells of predictions that were kept whether their part has to be predicted again all
            the same.

    Raises:
        OutputError: the disk refuses.
        MnistBatchError: what `predict` raises.
    """
    kept = {
        part.number
        for part in parts
        if part.number in folder.found and not any(map(again, folder.read(part)))
    }
    missing = [part for part in parts if part.number not in kept]
    shards = [shard for part in missing for shard in part.shards]
    ends = frozenset(accumulate(part.rows for part in missing))
    with closing(predict(replace(inputs, shards=shards), ends)) as batches:
        for part in parts:
            if part.number in kept:
                yield from (Rows(predictions, None) for predictions in folder.read(part))
            else:
                yield from _predict_part(part, batches, folder, schema)


def _predict_part(
    part: Part, batches: Iterator[PredictedBatch], folder: PartsFolder, schema: pa.Schema
) -> Iterator[Rows]:
    rows = 0
    with folder.writing(part, schema) as writer:
        while rows < part.rows:
            batch = next(batches)
            predictions = batch.predictions.select(schema.names)
            writer.write(predictions)
            rows += len(predictions)
            yield Rows(predictions, batch)
