"""Write a packed file: Parquet of raw pixels, with where each row came from."""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyarrow as pa

from mnist_batch.inputs.parquet.packed import FORMAT, PACKED, PACKED_KEY, packed_schema
from mnist_batch.inputs.shards import SHARD_ROWS
from mnist_batch.outputs.kinds import staged_file
from mnist_batch.outputs.parquet_writer import ParquetWriter
from mnist_batch.outputs.targets import output_errors
from mnist_batch.remote.addresses import Place
from mnist_batch.schema import DIGITS, Classes

ROW_GROUP_ROWS = SHARD_ROWS
"""Rows of a row group: a shard is one, and shards of raw pixels are cut where batches are. Larger
ones read no faster, and writing them takes more memory."""


class PackedWriter(ParquetWriter):
    """Writes rows of `packed_schema`, in order.

    Level 1 of zstd makes MNIST's pixels as small as levels 2 and 3, 166 bytes an image, in less
    time. Without checksums of the pages most damage would be read as other pixels.
    """

    def __init__(self, path: Path, classes: Classes = DIGITS) -> None:
        """Begin a file, whose labels are numbers of some classes."""
        super().__init__(
            path,
            packed_schema(classes),
            PACKED_KEY,
            ROW_GROUP_ROWS,
            compression_level=1,
            # The least and the greatest image say nothing, and are 1,568 bytes a row group.
            write_statistics=[name for name in PACKED.names if name != "image"],
            write_page_checksum=True,
        )

    def close(self, run: Mapping[str, Any]) -> None:
        """Write the last row group, and how the file was made: JSON of any keys but `format`."""
        super().close({"format": FORMAT, **run})


class PackedFile(AbstractContextManager["PackedFile", None]):
    """The packed file of a run, invisible until `commit`; a context that ends without it.

    Every method raises `OutputError` where the disk refuses, and `MachineError` where a store does.

    Attributes:
        size_bytes: after `finish`, the size of the file.
    """

    size_bytes = 0

    def __init__(self, out: Place, classes: Classes, *, overwrite: bool) -> None:
        """Begin the file, whose labels are numbers of some classes.

        Raises:
            OutputError: `out` exists or cannot be written.
        """
        self._out = out
        self._file = staged_file(out, overwrite=overwrite)
        try:
            with output_errors(out):
                self._writer = PackedWriter(self._file.path, classes)
        except BaseException:
            self._file.discard()
            raise

    def __exit__(self, *_: object) -> None:
        """Remove the file, unless it is committed."""
        self._file.discard()

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows, in order."""
        with output_errors(self._out):
            self._writer.write(batch)

    def finish(self, run: Mapping[str, Any]) -> None:
        """Write the rest, and how the file was made."""
        with output_errors(self._out):
            self._writer.close(run)
            self.size_bytes = self._file.path.stat().st_size

    def commit(self) -> None:
        """Put the file in its place."""
        self._file.commit()
