"""The content of a part that stays a file of the output: Parquet.

Its bytes depend on the rows alone: not on the run, the machine or the time.
"""

import json
from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from mnist_batch.outputs.parquet_writer import ParquetWriter

COUNTS = b"mnist_batch.images"
"""The key of what a part's images tell, counts added up, in the metadata of its file."""


class ParquetPart:
    """Writes the rows of a part, and the sum of the notes on them."""

    def __init__(self, stream: pa.NativeFile, schema: pa.Schema) -> None:
        """Begin; the stream stays open."""
        self._writer = ParquetWriter(stream, schema, COUNTS)
        self._counts: dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]] = {}

    def write(self, batch: pa.RecordBatch, note: bytes) -> None:
        """Write rows; a note on them is empty, or JSON of lists of counts by name."""
        self._writer.write(batch)
        for name, counts in json.loads(note or b"{}").items():
            self._counts[name] = self._counts.get(name, 0) + np.array(counts, np.int64)

    def close(self) -> None:
        """Write the rest."""
        self._writer.close({name: counts.tolist() for name, counts in self._counts.items()})


def read_parquet_part(content: pa.Buffer) -> Iterator[tuple[pa.RecordBatch, bytes]]:
    """Yield the rows of a part, with the first of them the note on all, empty for none."""
    import pyarrow.parquet as pq

    with pq.ParquetFile(pa.BufferReader(content)) as file:
        note = (file.metadata.metadata or {}).get(COUNTS, b"{}")
        note = b"" if note == b"{}" else note
        for batch in file.iter_batches(batch_size=2**15):
            yield batch.replace_schema_metadata(), note
            note = b""
