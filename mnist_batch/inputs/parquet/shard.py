"""Consecutive row groups of a Parquet file, read in batches."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.decoding.pixels import is_pixel_type, pixels_of
from mnist_batch.inputs.files.opening import UNREADABLE, unreadable
from mnist_batch.inputs.files.path_texts import text_of_path
from mnist_batch.inputs.labelling.labels import class_numbers, texts_of
from mnist_batch.inputs.parquet.columns import ImageColumn, is_text
from mnist_batch.inputs.parquet.content import Content, lacks_rows
from mnist_batch.inputs.parquet.label_sources import hint_of_file
from mnist_batch.inputs.parquet.named_files import with_named_files
from mnist_batch.inputs.parquet.open_groups import ComingGroups, open_groups
from mnist_batch.inputs.parquet.packed import read_origins
from mnist_batch.inputs.parquet.row_groups import RowSlice
from mnist_batch.inputs.shards import SHARD_ROWS, Piece, ReadSettings, Shard
from mnist_batch.inputs.tables.pixel_columns import table_images
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.mnist import SIDE
from mnist_batch.remote.addresses import is_remote
from mnist_batch.schema import ImageBatch, Images

PART_SHARDS = 4
"""Shards that are worth a part."""


@dataclass(frozen=True, slots=True)
class ParquetFile:
    """One Parquet file. Of a hundred thousand each is kept, so it is small."""

    path: str  # where the file is
    source: str  # the column `source` of its rows
    identity: bytes  # as `identity_of` returns it
    content: Content
    settings: ReadSettings
    label: int | None = None  # that of all its rows, by its name; None to look into the column

    @property
    def folder(self) -> str:
        """What is put before the sources that the rows of a packed file name."""
        settings = self.settings
        return "" if settings.alone else f"{text_of_path(settings.folder or self.source)}/"


@dataclass(frozen=True, slots=True)
class ParquetShard(Shard):
    """Consecutive row groups of one Parquet file."""

    file: ParquetFile
    row_groups: range  # indices of the row groups
    first_row: int  # the row in the file at which the first of them starts
    rows: int  # the number of rows in them
    size: int  # bytes of all their columns, decompressed, as the footer says
    labels: pa.Array | None = None  # of the rows, as a file of labels says, once it was asked
    coming: ComingGroups | None = field(default=None, compare=False)  # where they are fetched ahead

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what is pickled: the labels of its rows in place of a whole file of labels."""
        settings, labels = self.file.settings, self.labels
        if not self.file.content.packed:  # whose rows name sources that nobody knows yet
            settings, found = settings.looked_up(self.file.source, self.first_row, self.rows)
            labels = labels if found is None else found
        file = replace(self.file, settings=settings)
        return ParquetShard, (file, self.row_groups, self.first_row, self.rows, self.size, labels)

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return self.file.content.encoded

    @property
    def source(self) -> str:
        """The file."""
        return self.file.source

    @property
    def kept(self) -> Sequence[pa.Field]:
        """Those of the file."""
        return self.file.content.kept

    @property
    def stated_names(self) -> Sequence[tuple[str, ...]]:
        """Those of the file."""
        stated = self.file.content.numbering.stated
        return [] if stated is None else [stated]

    def fetching(self) -> Shard:
        """Return the shard while its row groups are fetched, which is itself where they are."""
        is_coming = self.coming is not None and not self.coming.is_taken
        if is_coming or not is_remote(self.file.path):
            return self
        return replace(self, coming=ComingGroups(*self._wanted()))

    def label_texts(self) -> Iterable[str]:
        """Return the labels in the row groups, of which no other column is read."""
        file, label = self.file, self.file.content.label
        if file.label is not None:
            yield str(file.label)
            return
        if label is None:
            return
        column = ImageColumn(label, label)
        with open_groups(file.path, file.identity, self.row_groups, column) as groups:
            for rows in groups.read(self.row_groups, SHARD_ROWS):
                if rows.columns is not None:
                    yield from texts_of(rows.columns.column(label))

    def label_hint(self) -> str:
        """Return which column looks like labels, by the first rows, or what the names tell."""
        return hint_of_file(self.file.path, self.file.identity, self.file.content.image)

    def read_from(self) -> Sequence[str | bytes]:
        """Return the identity of the file, what labels it, the rows, and the columns."""
        file, content = self.file, self.file.content
        label_file = file.settings.label_file
        return [
            file.source,
            file.identity,
            label_file.sha256 if label_file else "",
            f"{self.first_row} {self.rows}",
            content.image.path,
            *content.image.pixels,
            content.label or "",
            *([] if file.label is None else [f"label={file.label}"]),
        ]

    def pieces(self) -> Iterator[Piece]:
        """Yield the shard as it is, with its size."""
        cost = self.rows / (SHARD_ROWS * PART_SHARDS)
        yield Piece(self, self.fingerprint(), self.size, cost)

    def place(self, row: int) -> tuple[str, int]:
        """Return file and row; rows of a packed file have to be read, for they name their own."""
        if self.file.content.packed:
            return Shard.place(self, row)
        return text_of_path(self.file.source), self.first_row + row

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows as any `Shard` does, in batches cut anew across the row groups.

        Each row whose label column cannot be read has an error too: without a label it would pass
        for one that never had any.
        """
        return self._batches(self._read(batch_size), batch_size)

    def lost(self, error: str, batch_size: int) -> Iterator[ImageBatch]:
        """Yield rows as `read` does of a file that cannot be opened."""
        return self._batches([RowSlice(self.rows, None, error)], batch_size)

    def _batches(self, read: Iterable[RowSlice], batch_size: int) -> Iterator[ImageBatch]:
        first_row = self.first_row
        for rows in read:
            # An error may hold for very many rows, and even those are not made at once.
            start = 0
            while start < rows.count:
                cut = rows.slice(start, batch_size)
                batch = self._batch(cut, np.arange(first_row, first_row + cut.count))
                yield batch
                start, first_row = start + len(batch), first_row + len(batch)

    def _wanted(self) -> tuple[str, bytes, range, ImageColumn, Sequence[str], Sequence[str]]:
        """Return what `open_groups` is asked for."""
        file, content = self.file, self.file.content
        columns = content.image, content.others, [*content.kept_from.values()]
        return file.path, file.identity, self.row_groups, *columns

    def _read(self, batch_size: int) -> Iterator[RowSlice]:
        with ExitStack() as stack:
            try:
                opened = open_groups(*self._wanted(), coming=self.coming)
                groups = stack.enter_context(opened)
            except UNREADABLE as error:
                raise_if_of_machine(error, text_of_path(self.file.path))
                yield RowSlice(self.rows, None, unreadable(error))
                return
            yield from groups.read(self.row_groups, batch_size)

    def _batch(self, rows: RowSlice, numbers: npt.NDArray[np.int64]) -> ImageBatch:
        """Return rows as a batch, given their numbers in the file; the first of them at least.

        Of a packed file, sources, rows and errors come from its columns.
        """
        name = text_of_path(self.file.source)
        images, error = self._images(rows)
        rows, numbers = rows.slice(0, len(error)), numbers[: len(error)]
        content, label_file = self.file.content, self.file.settings.label_file
        if not content.packed:
            return ImageBatch(
                source=_repeated(name, rows.count),
                row=pa.array(numbers),
                label=self._labels(rows.columns, numbers),
                images=images,
                error=error,
                kept=self._kept(rows.columns),
            )
        origins = read_origins(rows.columns, numbers, name, within=self.file.folder)
        if label_file:
            if not label_file.has_rows and origins.has_rows:
                raise lacks_rows(label_file, self.file.path)
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
            formed=content.formed,
            kept=self._kept(rows.columns),
        )

    def _kept(self, columns: pa.RecordBatch | None) -> pa.RecordBatch | None:
        """Return the columns that the predictions keep, so far as they were read; None for none."""
        content = self.file.content
        if columns is None or not content.kept:
            return None
        there = {*columns.schema.names}
        read = {name: path for name, path in content.kept_from.items() if path in there}
        if not read:
            return None
        return pa.record_batch([columns.column(path) for path in read.values()], names=list(read))

    def _images(self, rows: RowSlice) -> tuple[pa.Array | Images, pa.Array]:
        """Return the images of the first rows, and the errors of those without one.

        These are all rows, unless large files are read for them.
        """
        if rows.error is not None:
            none = np.zeros((rows.count, SIDE, SIDE), np.uint8)
            images = pa.nulls(rows.count, pa.binary()) if self.encoded else none
            return images, _repeated(rows.error, rows.count)
        assert rows.columns is not None
        image = self.file.content.image
        if image.pixels:
            return table_images([rows.columns.column(name) for name in image.pixels])
        images = rows.columns.column(image.name)
        error = pa.nulls(rows.count, pa.string())
        if pa.types.is_struct(images.type):
            # A null struct has a bytes child that may hold anything; flatten makes it null too.
            images = images.flatten()[images.type.get_field_index("bytes")]
        if is_pixel_type(images.type):
            return pixels_of(images)
        names = rows.columns.schema.names
        if is_text(images.type):
            root = self.file.settings.image_root
            return with_named_files(pa.nulls(len(images), pa.binary()), images, root)
        if images.null_count:
            paths = rows.columns.column(image.names) if image.names in names else None
            return with_named_files(images, paths, self.file.settings.image_root)
        return images, error

    def _labels(self, columns: pa.RecordBatch | None, numbers: npt.NDArray[np.int64]) -> pa.Array:
        file, label = self.file, self.file.content.label
        if self.labels is not None:
            return self.labels.slice(numbers[0] - self.first_row, len(numbers))
        if file.settings.label_file:
            return file.settings.label_file.lookup([text_of_path(file.source)], numbers)
        if file.label is not None:
            return pa.repeat(pa.scalar(file.label, file.content.numbering.dtype), len(numbers))
        if label is None or columns is None:
            return pa.nulls(len(numbers), file.content.numbering.dtype)
        return class_numbers(
            columns.column(label),
            lambda i: f"{file.path}, row {numbers[i]}, column {label}",
            file.content.numbering,
        )


def _repeated(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), count)
