"""Read a folder of predictions, part by part, as one table."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.dataset.layout import MANIFEST
from mnist_batch.inputs.dataset.manifest import DatasetPart
from mnist_batch.outputs.dataset.whole_folder import read_dataset
from mnist_batch.outputs.formats.opened import is_run, predictions_errors
from mnist_batch.outputs.formats.parquet_predictions import ParquetPredictions


class DatasetPredictions:
    """A folder that `predict` wrote, see `Opened`; one part is open at a time."""

    def __init__(self, path: Path) -> None:
        """Read the manifest, and the columns in the first part.

        Raises:
            PredictionsError: the folder is not whole, lacks a part, or holds none.
        """
        self._path = path
        # Before the manifest is read: a folder that replaces this one meanwhile is another one.
        self._manifest = path / MANIFEST
        manifest = read_dataset(path)
        if not manifest.parts:
            raise PredictionsError(
                f"{path}: shard {manifest.shard} of {manifest.number_of_parts:,} parts has none; "
                "name the shards that have some, or what mnist-batch merge makes of all"
            )
        self._parts = manifest.parts
        with predictions_errors(path):
            there = set(os.listdir(path))  # noqa: PTH208 - names, by the ten thousand
        for part in self._parts:
            if part.name not in there:
                raise PredictionsError(
                    f"{path / part.name}: is missing, and {MANIFEST} names it; copy all of the "
                    "folder, or predict again"
                )
        self.run = manifest.record if is_run(manifest.record) else None
        first = self._open(self._parts[0])
        self.columns, self.probabilities = first.columns, first.probabilities
        self.stored = first.stored
        first.close()

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield the rows of all parts, in order.

        Raises:
            PredictionsError: a part is missing or damaged, or the manifest says other rows.
        """
        for part in self._parts:
            with predictions_errors(self._path / part.name):
                opened = self._open(part)
                try:
                    yield from opened.batches(columns)
                finally:
                    opened.close()

    def check(self) -> None:
        """Open each part once; raise as `batches` does."""
        for part in self._parts:
            self._open(part).close()

    def state(self) -> tuple[int, ...]:
        """Return which manifest is there, and its size and time."""
        status = self._manifest.stat()
        return status.st_ino, status.st_size, status.st_mtime_ns

    def close(self) -> None:
        """Do nothing: each part is closed when its rows are read."""

    def _open(self, part: DatasetPart) -> ParquetPredictions:
        path = self._path / part.name
        with predictions_errors(path):
            opened = ParquetPredictions(path)
        if opened.rows != part.rows:
            opened.close()
            raise PredictionsError(
                f"{path}: has {opened.rows:,} rows, and {MANIFEST} says {part.rows:,}; copy all of "
                "the folder, or predict again"
            )
        return opened
