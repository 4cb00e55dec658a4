"""Consecutive rows of a part: as they are predicted, and as an earlier run left them."""

import json
from collections.abc import Iterator
from typing import NamedTuple

import pyarrow as pa

from mnist_batch.evaluation.evaluator import counts_of_images
from mnist_batch.evaluation.input_profile import ImageCounts
from mnist_batch.inference.pipeline import PredictedBatch
from mnist_batch.outputs.parts.part_file import PartWriter
from mnist_batch.outputs.parts.parts import Part


class PartRows(NamedTuple):
    """Consecutive rows of a part.

    Attributes:
        predictions: the columns to write.
        batch: all that is known of the rows; None where an earlier run predicted them.
        counts: of their images; None unless the run that predicted them made a report.
    """

    predictions: pa.RecordBatch
    batch: PredictedBatch | None
    counts: ImageCounts | None


def write_rows(
    part: Part, batches: Iterator[PredictedBatch], writer: PartWriter, schema: pa.Schema
) -> Iterator[PartRows]:
    """Write the rows of a part, the next ones among `batches`, and yield them."""
    rows = 0
    while rows < part.rows:
        batch = next(batches)
        predictions = batch.predictions.select(schema.names)
        counts = counts_of_images(batch)
        # What only the images tell, for a run that resumes this one and does not see them.
        writer.write(predictions, json.dumps(counts.record()).encode() if counts else b"")
        rows += batch.pictures
        yield PartRows(predictions, batch, counts)
