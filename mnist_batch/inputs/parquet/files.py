"""Parquet files of images: opening them, cutting them into shards, and reading these in batches."""

import stat
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnist_batch.decoding.pixels import is_pixel_type, pixels_of
from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.labels import LabelFile, digits
from mnist_batch.inputs.listing import (
    UNREADABLE,
    cause,
    file_states,
    open_native,
    text_of_path,
    unreadable,
)
from mnist_batch.inputs.parquet.columns import (
    ORIGINS,
    ImageColumn,
    find_image_column,
    find_label_column,
    is_formed,
    is_packed,
    read_origins,
    values_type,
)
from mnist_batch.inputs.parquet.row_groups import RowGroups, RowSlice
from mnist_batch.inputs.shards import SHARD_BYTES, SHARD_ROWS, Piece, ReadSettings, Shard
from mnist_batch.mnist import SIDE
from mnist_batch.schema import ImageBatch, Images, Reason

PART_SHARDS = 4
"""Shards of Parquet that are read in the time of one shard of image files."""


@dataclass(frozen=True)
class ParquetFile:
    """One Parquet file, and the columns to read."""

    path: Path  # where the file is
    source: str  # the column `source` of its rows
    # Device, inode, size and time, which differ for a file that took its place.
    identity: tuple[int, ...]
    image: ImageColumn
    label: str | None  # the name of the label column; None to read none
    label_file: LabelFile | None  # labels from elsewhere; None to take those of the column
    packed: bool  # whether each row names its own source, row and error
    formed: bool  # whether it is packed, and images not in MNIST form were brought to it before
    encoded: bool  # whether its images are encoded, not raw pixels
    # What is put before the sources that the rows of a packed file name; empty, or the file's own
    # name and a `/`.
    folder: str


@dataclass(frozen=True)
class ParquetShard(Shard):
    """Consecutive row groups of one Parquet file."""

    file: ParquetFile
    row_groups: range  # indices of the row groups
    first_row: int  # the row in the file at which the first of them starts
    rows: int  # the number of rows in them
    size: int  # bytes of all their columns, decompressed, as the footer says

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return self.file.encoded

    @property
    def source(self) -> str:
        """The file."""
        return self.file.source

    def read_from(self) -> Sequence[str | bytes]:
        """Return the state of the file, what labels it, the rows, and the columns."""
        file = self.file
        return [
            file.source,
            file_states([file.path]).tobytes(),
            file.label_file.sha256 if file.label_file else "",
            f"{self.first_row} {self.rows}",
            file.image.path,
            file.label or "",
        ]

    def pieces(self) -> Iterator[Piece]:
        """Yield the shard as it is, with its size."""
        cost = self.rows / (SHARD_ROWS * PART_SHARDS)
        yield Piece(self, self.fingerprint(), self.size, cost)

    def place(self, row: int) -> tuple[str, int]:
        """Return file and row; rows of a packed file have to be read, for they name their own."""
        if self.file.packed:
            return super().place(row)
        return text_of_path(self.file.source), self.first_row + row

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows as any `Shard` does, in batches cut anew across the row groups.

        Each row whose label column cannot be read has an error too: without a label it would pass
        for one that never had any.
        """
        first_row = self.first_row
        for rows in self._read(batch_size):
            # An error may hold for very many rows, and even those are not made at once.
            for start in range(0, rows.count, batch_size):
                cut = rows.slice(start, batch_size)
                yield self._batch(cut, np.arange(first_row, first_row + cut.count))
                first_row += cut.count

    def _read(self, batch_size: int) -> Iterator[RowSlice]:
        others = [self.file.label] if self.file.label else []
        if self.file.packed:
            others += ORIGINS
        with ExitStack() as stack:
            try:
                path, identity = self.file.path, self.file.identity
                if _identity(path) != identity:
                    raise OSError("replaced after it was listed")
                opened = stack.enter_context(open_native(path))
                footer = _read_footer(path, identity)
                groups = RowGroups(path, identity, opened, footer, self.file.image, others)
            except UNREADABLE as error:
                yield RowSlice(self.rows, None, unreadable(error))
                return
            yield from groups.read(self.row_groups, batch_size)

    def _batch(self, rows: RowSlice, numbers: npt.NDArray[np.int64]) -> ImageBatch:
        """Return rows as a batch, given their numbers in the file.

        Of a packed file, sources, rows and errors come from its columns.
        """
        name = text_of_path(self.file.source)
        images, error = self._images(rows)
        if not self.file.packed:
            return ImageBatch(
                source=_repeated(name, rows.count),
                row=pa.array(numbers),
                label=self._labels(rows.columns, numbers),
                images=images,
                error=error,
            )
        origins = read_origins(rows.columns, numbers, name, within=self.file.folder)
        if label_file := self.file.label_file:
            if not label_file.has_rows and origins.has_rows:
                raise _lacks_rows(label_file, self.file.path)
            label = label_file.lookup(origins.source.to_pylist(), origins.row.to_numpy())
        else:
            label = self._labels(rows.columns, numbers)
        return ImageBatch(
            source=origins.source,
            row=origins.row,
            label=label,
            images=images,
            error=pc.coalesce(origins.error, error),
            prepared=origins.prepared,
            formed=self.file.formed,
        )

    def _images(self, rows: RowSlice) -> tuple[pa.Array | Images, pa.Array]:
        """Return the images of rows, and the errors of rows without one."""
        if rows.error is not None:
            none = np.zeros((rows.count, SIDE, SIDE), np.uint8)
            images = pa.nulls(rows.count, pa.binary()) if self.file.encoded else none
            return images, _repeated(rows.error, rows.count)
        assert rows.columns is not None
        images = rows.columns.column(self.file.image.name)
        error = pa.nulls(rows.count, pa.string())
        if pa.types.is_struct(images.type):
            # A null struct has a bytes child that may hold anything; flatten makes it null too.
            images = images.flatten()[images.type.get_field_index("bytes")]
        if is_pixel_type(images.type):
            return pixels_of(images)
        if images.null_count:
            error = pc.if_else(pc.is_null(images), str(Reason.NO_BYTES), error)
        return images, error

    def _labels(self, columns: pa.RecordBatch | None, numbers: npt.NDArray[np.int64]) -> pa.Array:
        if self.file.label_file:
            return self.file.label_file.lookup([text_of_path(self.file.source)], numbers)
        if self.file.label is None or columns is None:
            return pa.nulls(len(numbers), pa.int8())
        return digits(
            columns.column(self.file.label),
            lambda i: f"{self.file.path}, row {numbers[i]}, column {self.file.label}",
        )


def open_parquet(path: Path, source: str, settings: ReadSettings) -> list[ParquetShard]:
    """Read a Parquet file's footer and cut its row groups into shards.

    A shard is of about `SHARD_ROWS` or, where these would be more, of about `SHARD_BYTES`.

    Raises:
        InputError: the file is not Parquet, or its columns are not as expected.
        LabelError: the settings' file of labels does not tell rows apart.
    """
    with _as_input_error(path):
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise InputError(f"{path}: not a regular file; expected Parquet")
        identity = _identity(path)
        # With the footer that the shards will use: one of 6,000 row groups takes 20 MB.
        footer = _read_footer(path, identity)
        with open_native(path) as file, pq.ParquetFile(file, metadata=footer) as opened:
            schema = opened.schema_arrow
        _check_row_count(footer, size=identity[2])
    packed = is_packed(path, footer, schema)
    image = find_image_column(schema, settings.image_column, path)
    label = find_label_column(schema, settings.label_column, path)
    for name in (image.name, label):
        if (count := schema.names.count(name)) > 1:
            raise InputError(f"{path}: {count} columns {name!r}; rename all but one")
    label_file = settings.label_file
    if label_file and not label_file.has_rows and not packed:
        raise _lacks_rows(label_file, path)
    opened_file = ParquetFile(
        path=path,
        source=source,
        identity=identity,
        image=image,
        label=None if settings.unlabelled or label_file else label,
        label_file=label_file,
        packed=packed,
        formed=packed and is_formed(footer),
        encoded=not is_pixel_type(values_type(schema.field(image.name).type)),
        folder="" if settings.alone else f"{text_of_path(source)}/",
    )
    return list(_shards(opened_file, footer))


def _lacks_rows(label_file: LabelFile, path: Path) -> LabelError:
    return LabelError(f"{label_file.path}: no column row, which labels of {path} need")


def packed_sources(path: Path) -> list[str]:
    """Return the sources that a packed file names, each once; none for another Parquet file.

    Damaged row groups are left out.

    Raises:
        InputError: the file is not Parquet.
    """
    with _as_input_error(path), open_native(path) as opened, pq.ParquetFile(opened) as file:
        if not is_packed(path, file.metadata, file.schema_arrow):
            return []
        sources: dict[str, None] = {}
        for group in range(file.num_row_groups):
            with suppress(*UNREADABLE):
                for batch in file.iter_batches(
                    row_groups=[group], columns=["source"], use_threads=False
                ):
                    sources |= dict.fromkeys(batch.column(0).drop_null().unique().to_pylist())
    return list(sources)


def _identity(path: Path) -> tuple[int, ...]:
    """Return device, inode, size and time of a file, which tell it from one in its place.

    Raises:
        OSError: it is not there, or no regular file.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise OSError("not a regular file")
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns


def _check_row_count(footer: pq.FileMetaData, size: int) -> None:
    """Refuse a footer whose number of rows cannot be: each would become a row of the output.

    Raises:
        OSError: there are too many for the file's size, or fewer than none.
    """
    counts = [footer.row_group(group).num_rows for group in range(footer.num_row_groups)]
    if sum(counts) != footer.num_rows or min(counts, default=0) < 0:
        raise OSError(
            f"its row groups do not have the {footer.num_rows} rows that its footer counts"
        )
    if footer.num_rows > _ROWS_PER_BYTE * size:
        raise OSError(f"its footer counts {footer.num_rows} rows in {size} bytes")


_ROWS_PER_BYTE = 100
"""Rows for each byte of a file, at most. A file of one picture over and over again has fewer."""


# The shards of a file follow one another, so a few footers are kept; all of a long list of files
# are not, since one of 600 row groups takes 2 MB.
@lru_cache(maxsize=4)
def _read_footer(path: Path, _identity: tuple[int, ...]) -> pq.FileMetaData:
    with open_native(path) as file:
        return pq.read_metadata(file)


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


def _repeated(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), count)


@contextmanager
def _as_input_error(path: Path) -> Iterator[None]:
    """Raise what pyarrow and the operating system say of a file as an `InputError`."""
    try:
        yield
    except UNREADABLE as error:
        raise InputError(
            f"{path}: not a readable Parquet file: {cause(error)}; "
            "write the file again, or leave it out"
        ) from error
