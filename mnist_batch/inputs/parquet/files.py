"""Open Parquet files of images, and cut them into shards."""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow.parquet as pq

from mnist_batch.errors import InputError
from mnist_batch.inputs.parquet.columns import ImageColumn
from mnist_batch.inputs.parquet.content import as_input_error, content_of
from mnist_batch.inputs.parquet.footers import Footer, identity_of, identity_of_object, read_footer
from mnist_batch.inputs.parquet.label_sources import label_of_name
from mnist_batch.inputs.parquet.open_groups import open_groups
from mnist_batch.inputs.parquet.packed import is_packed
from mnist_batch.inputs.parquet.shard import ParquetFile, ParquetShard
from mnist_batch.inputs.shards import SHARD_BYTES, SHARD_ROWS, ReadSettings
from mnist_batch.remote.addresses import Place

if TYPE_CHECKING:
    from mnist_batch.remote.objects import RemoteObject


def open_parquet(path: Path, source: str, settings: ReadSettings) -> list[ParquetShard]:
    """Read a Parquet file's footer and cut its row groups into shards.

    A shard is of about `SHARD_ROWS` or, where these would be more, of about `SHARD_BYTES`.

    Raises:
        InputError: the file is not Parquet, or its columns are not as expected.
        LabelError: the settings' file of labels does not tell rows apart.
    """
    with as_input_error(path):
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise InputError(f"{path}: not a regular file; expected Parquet")
        identity = identity_of(str(path), portable=settings.portable)
    return _open(path, identity, source, settings)


def open_remote_parquet(
    found: "RemoteObject", path: str, source: str, settings: ReadSettings
) -> list[ParquetShard]:
    """Do what `open_parquet` does for a file in object storage, by a request or two."""
    return _open(path, identity_of_object(found), source, settings)


def _open(path: Place, identity: bytes, source: str, settings: ReadSettings) -> list[ParquetShard]:
    with as_input_error(path):
        footer = read_footer(str(path), identity)
        schema = pq.ParquetSchema(footer.metadata).to_arrow_schema()
        _check_row_count(footer)
    content = content_of(path, footer.metadata, schema, settings)
    named = None if content.packed else label_of_name(path, content.label, settings)
    file = ParquetFile(str(path), source, identity, content, settings, named)
    return list(_shards(file, footer.metadata))


def packed_sources(path: Path) -> list[str]:
    """Return the sources that a packed file names, each once; none for another Parquet file.

    Damaged rows are left out.

    Raises:
        InputError: the file is not Parquet.
    """
    sources: dict[str, None] = {}
    with as_input_error(path):
        identity = identity_of(str(path))
        footer = read_footer(str(path), identity)
        schema = pq.ParquetSchema(footer.metadata).to_arrow_schema()
        _check_row_count(footer)
        if not is_packed(path, footer.metadata, schema):
            return []
        every, column = range(footer.metadata.num_row_groups), ImageColumn("source", "source")
        with open_groups(str(path), identity, every, column) as groups:
            for rows in groups.read(every, SHARD_ROWS):
                with suppress(UnicodeDecodeError):
                    if rows.columns is not None:
                        names = rows.columns.column("source").drop_null().unique()
                        sources |= dict.fromkeys(names.to_pylist())
    return list(sources)


def _check_row_count(footer: Footer) -> None:
    """Refuse a footer whose number of rows cannot be: each would become a row of the output.

    Raises:
        OSError: there are too many for the file's size, or fewer than none.
    """
    metadata, size = footer.metadata, footer.file_size
    counts = [metadata.row_group(group).num_rows for group in range(metadata.num_row_groups)]
    if sum(counts) != metadata.num_rows or min(counts, default=0) < 0:
        raise OSError(
            f"its row groups do not have the {metadata.num_rows} rows that its footer counts"
        )
    if metadata.num_rows > _ROWS_PER_BYTE * size:
        raise OSError(f"its footer counts {metadata.num_rows} rows in {size} bytes")


_ROWS_PER_BYTE = 100
"""Rows for each byte of a file, at most. A file of one picture over and over again has fewer."""


def _shards(file: ParquetFile, footer: pq.FileMetaData) -> Iterator[ParquetShard]:
    first_group, first_row, rows, size = 0, 0, 0, 0
    for group in range(footer.num_row_groups):
        row_group = footer.row_group(group)
        rows += row_group.num_rows
        size += max(0, row_group.total_byte_size)
        is_last = group == footer.num_row_groups - 1
        if rows and (rows >= SHARD_ROWS or size >= SHARD_BYTES or is_last):
            yield ParquetShard(file, range(first_group, group + 1), first_row, rows, size)
            first_group, first_row, rows, size = group + 1, first_row + rows, 0, 0
