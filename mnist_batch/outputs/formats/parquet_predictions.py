"""Read a predictions file that is Parquet."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from mnist_batch.inputs.files.opening import open_native
from mnist_batch.inputs.kept import kept_type
from mnist_batch.outputs.formats.opened import is_run
from mnist_batch.schema import BOX, DIGITS, METADATA_KEY, PROBABILITIES


class ParquetPredictions:
    """A Parquet file, see `Opened`."""

    stored = (PROBABILITIES.name,)

    def __init__(self, path: Path) -> None:
        """Open a file."""
        self._file = open_native(path)
        with pq.ParquetFile(self._file) as file:
            schema, metadata = file.schema_arrow, file.metadata.metadata or {}
            self.rows: int = file.metadata.num_rows
        self.columns = [field.name for field in schema if _is_readable(field)]
        run = json.loads(metadata.get(METADATA_KEY, "null"))
        self.run: Mapping[str, Any] | None = run if is_run(run) else None
        kinds = [field.type for field in schema if field.name == PROBABILITIES.name]
        sizes = [kind.list_size for kind in kinds if pa.types.is_fixed_size_list(kind)]
        # Lists of any length, as other tools write them, hold ten.
        self.probabilities: int = sizes[0] if sizes else DIGITS.count * bool(kinds)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield all rows, with the given columns."""
        with pq.ParquetFile(self._file) as file:
            yield from file.iter_batches(columns=[*columns])

    def check(self) -> None:
        """Do nothing: the file is open."""

    def state(self) -> tuple[int, ...]:
        """Return size and time of the file that is open."""
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _is_readable(field: pa.Field) -> bool:
    """Tell whether a column is of the schema, or can be read as text."""
    return field.name in (PROBABILITIES.name, BOX.name) or kept_type(field.type) is not None
