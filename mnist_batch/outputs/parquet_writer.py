"""Write a Parquet file whose bytes depend on its rows alone, however they come in."""

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.inputs.files.opening import open_native
from mnist_batch.schema import CONTENT, METADATA_KEY, PATH

ROW_GROUP_ROWS = 32_768
"""Rows of a row group: enough to compress well; writing them takes 10 ms, for which the workers
have work enough."""

ROW_GROUP_BYTES = 32 * 2**20
"""Bytes of a row group that ends before it has its rows: texts that are kept may be long."""


class ParquetWriter:
    """Writes Parquet: zstd, dictionary-coded text, a record as metadata.

    The record of a run is metadata of the file and of its schema, any other of the file alone.

    A row group, other than the last, has `group_rows` rows, or ends with the row that makes it
    larger than `ROW_GROUP_BYTES`. Further options are those of `pyarrow.parquet.ParquetWriter`.
    """

    def __init__(
        self,
        file: Path | pa.NativeFile,
        schema: pa.Schema,
        metadata_key: bytes = METADATA_KEY,
        group_rows: int = ROW_GROUP_ROWS,
        **options: Any,  # noqa: ANN401 - of Arrow's writer
    ) -> None:
        """Begin a file; `metadata_key` is that of the record. A file that is open stays so."""
        import pyarrow.parquet as pq

        self._schema = schema
        self._metadata_key = metadata_key
        self._group_rows = group_rows
        self._row_bytes = sum(_fixed_bytes(field.type) for field in schema)
        self._batches: list[pa.RecordBatch] = []
        self._rows = self._size = 0
        self._opened = open_native(file, "wb") if isinstance(file, Path) else None
        own = (CONTENT.name, PATH.name)  # no two images are alike
        texts = [
            field.name
            for field in schema
            if pa.types.is_string(field.type) and field.name not in own
        ]
        self._writer = pq.ParquetWriter(
            self._opened or file,
            schema,
            compression="zstd",
            use_dictionary=texts,
            store_schema=False,  # `close` does, with the record, which is known only then
            **options,
        )

    def write(self, batch: pa.RecordBatch) -> None:
        """Keep rows until they fill a row group."""
        self._batches.append(batch)
        self._rows += len(batch)
        self._size += batch.nbytes
        while rows := self._rows_of_group():
            self._write_rows(rows)

    def close(self, record: Mapping[str, Any]) -> None:
        """Write the last row group, and the footer with the record."""
        if self._rows:
            self._write_rows(self._rows)
        metadata = {self._metadata_key: json.dumps(record).encode()}
        # Arrow reads the metadata of a schema from its own copy alone:
        # https://arrow.apache.org/docs/cpp/parquet.html#serialization-details
        # What other tools make of a file keeps that: so the mark of a packed file is not in it.
        of_schema = metadata if self._metadata_key == METADATA_KEY else None
        stored = self._schema.with_metadata(of_schema).serialize().to_pybytes()
        self._writer.add_key_value_metadata({**metadata, b"ARROW:schema": base64.b64encode(stored)})
        self._writer.close()
        if self._opened:
            self._opened.close()

    def _rows_of_group(self) -> int:
        """Return how many of the rows that are kept fill a row group; 0 where they do not.

        Arrow's `nbytes` depends on where batches end, but is never below the bytes that count.
        """
        most = min(self._rows, self._group_rows)
        if self._size > ROW_GROUP_BYTES:
            sizes = np.cumsum(self._bytes_by_row(most))
            place = int(np.searchsorted(sizes, ROW_GROUP_BYTES, side="right"))
            if place < most:
                return place + 1
        return most if most == self._group_rows else 0

    def _bytes_by_row(self, rows: int) -> npt.NDArray[np.int64]:
        """Return what the first rows take, without gaps and offsets: int64 (rows,)."""
        table = pa.Table.from_batches(self._batches).slice(0, rows)
        sizes = np.full(rows, self._row_bytes)
        for column in table.columns:
            if _is_text(column.type):
                sizes += pc.binary_length(column).fill_null(0).to_numpy().astype(np.int64)
        return sizes

    def _write_rows(self, rows: int) -> None:
        """Write the first of the rows that are kept, as one row group."""
        table = pa.Table.from_batches(self._batches)
        # As one chunk: Arrow ends pages, and gives up dictionaries, where chunks end.
        self._writer.write_table(table.slice(0, rows).combine_chunks())
        self._batches = table.slice(rows).to_batches()
        self._rows -= rows
        self._size = sum(batch.nbytes for batch in self._batches)


def _fixed_bytes(kind: pa.DataType) -> int:
    """Return what a value of a type takes; 0 for text and bytes, of which each takes its own."""
    if pa.types.is_fixed_size_list(kind):
        return int(kind.list_size * _fixed_bytes(kind.value_type))
    return 0 if _is_text(kind) or pa.types.is_null(kind) else kind.bit_width // 8


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))
