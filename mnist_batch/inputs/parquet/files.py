"""Parquet files of images: opening them, cutting them into shards, and reading these in batches."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnist_batch.decoding.pixels import is_pixel_type, pixels_of
from mnist_batch.errors import InputError, LabelError
from mnist_batch.inputs.files.opening import UNREADABLE, cause, unreadable
from mnist_batch.inputs.files.path_texts import text_of_path
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.inputs.labelling.labels import check_type, class_numbers, texts_of
from mnist_batch.inputs.labelling.numbering import Numbering
from mnist_batch.inputs.parquet.columns import (
    ORIGINS,
    ImageColumn,
    find_image_column,
    find_image_names,
    find_kept_columns,
    find_label_column,
    find_stated_names,
    is_formed,
    is_packed,
    is_text,
    read_origins,
    values_type,
)
from mnist_batch.inputs.parquet.footers import Footer, identity_of, identity_of_object, read_footer
from mnist_batch.inputs.parquet.label_sources import hint_of_file, label_of_name
from mnist_batch.inputs.parquet.named_files import with_named_files
from mnist_batch.inputs.parquet.open_groups import ComingGroups, open_groups
from mnist_batch.inputs.parquet.row_groups import RowSlice
from mnist_batch.inputs.shards import SHARD_BYTES, SHARD_ROWS, Piece, ReadSettings, Shard
from mnist_batch.inputs.tables.pixel_columns import table_images
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.mnist import PIXELS, SIDE
from mnist_batch.remote.addresses import Place, is_remote
from mnist_batch.remote.failures import ReplacedError
from mnist_batch.schema import PATH, ImageBatch, Images

if TYPE_CHECKING:
    from mnist_batch.remote.objects import RemoteObject

PART_SHARDS = 4
"""Shards that are worth a part."""


class Content(NamedTuple):
    """What is read of a Parquet file: files of one kind share it."""

    image: ImageColumn
    label: str | None  # the name of the label column; None to read none
    numbering: Numbering  # what its values mean
    packed: bool  # whether each row names its own source, row and error
    formed: bool  # whether it is packed, and images not in MNIST form were brought to it before
    encoded: bool  # whether its images are encoded, not raw pixels
    kept: tuple[pa.Field, ...]  # the columns that the predictions keep
    named: bool  # whether one of these is `PATH`: the names that the images carry themselves

    @property
    def others(self) -> list[str]:
        """The columns to read beside the images."""
        return [*([self.label] if self.label else []), *(ORIGINS if self.packed else [])]

    @property
    def kept_from(self) -> dict[str, str]:
        """The columns that the predictions keep, and the path of what is read of each."""
        read = {field.name: field.name for field in self.kept}
        return {**read, PATH.name: self.image.names} if self.named else read


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
        """Return the shard while its row groups are fetched."""
        if not is_remote(self.file.path):
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
        identity = identity_of(str(path), portable=settings.portable)
    return _open(path, identity, source, settings)


def open_remote_parquet(
    found: "RemoteObject", path: str, source: str, settings: ReadSettings
) -> list[ParquetShard]:
    """Do what `open_parquet` does for a file in object storage, by a request or two."""
    return _open(path, identity_of_object(found), source, settings)


def _open(path: Place, identity: bytes, source: str, settings: ReadSettings) -> list[ParquetShard]:
    with _as_input_error(path):
        footer = read_footer(str(path), identity)
        schema = pq.ParquetSchema(footer.metadata).to_arrow_schema()
        _check_row_count(footer)
    content = _content(path, footer.metadata, schema, settings)
    named = None if content.packed else label_of_name(path, content.label, settings)
    file = ParquetFile(str(path), source, identity, _shared(content), settings, named)
    return list(_shards(file, footer.metadata))


def _content(
    path: Place, metadata: pq.FileMetaData, schema: pa.Schema, settings: ReadSettings
) -> Content:
    packed = is_packed(path, metadata, schema)
    image = find_image_column(
        schema,
        settings.image_column,
        path,
        label=settings.label_column,
        named=settings.image_root is not None,
    )
    label = find_label_column(schema, settings.label_column, path, image)
    counts = Counter(schema.names)
    for name in (image.name, label, *image.pixels):
        if name is not None and (count := counts[name]) > 1:
            raise InputError(f"{path}: {count} columns {name!r}; rename all but one")
    label_file = settings.label_file
    if label_file and not label_file.has_rows and not packed:
        raise _lacks_rows(label_file, path)
    if settings.unlabelled or label_file:
        label = None
    numbering = settings.numbering(find_stated_names(metadata, label) if label else None)
    if label and metadata.num_rows:
        kind = schema.field(label).type
        check_type(kind, lambda row: f"{path}, row {row}, column {label}", numbering)
    if (refusal := numbering.refusal()) is not None:
        raise LabelError(f"{path}: {refusal}")
    with _as_input_error(path):
        own_names = find_image_names(metadata, schema, image)
        is_column = PATH.name in settings.keep and PATH.name in schema.names
        named = own_names is not None and not is_column
    return Content(
        image=image,
        label=label,
        numbering=numbering,
        packed=packed,
        formed=packed and is_formed(metadata),
        encoded=_is_encoded(schema, image),
        kept=(*([own_names] if named else []), *find_kept_columns(schema, settings.keep, path)),
        named=named,
    )


def _is_encoded(schema: pa.Schema, image: ImageColumn) -> bool:
    """Tell whether images have to be decoded; pixels of another size are made pictures."""
    if image.pixels:
        return len(image.pixels) != PIXELS
    return not is_pixel_type(values_type(schema.field(image.name).type))


@lru_cache(maxsize=16)
def _shared(content: Content) -> Content:
    """Return the first of equal contents, which takes memory once."""
    return content


def _lacks_rows(label_file: LabelFile, path: str | Path) -> LabelError:
    return LabelError(f"{label_file.path}: no column row, which labels of {path} need")


def packed_sources(path: Path) -> list[str]:
    """Return the sources that a packed file names, each once; none for another Parquet file.

    Damaged rows are left out.

    Raises:
        InputError: the file is not Parquet.
    """
    sources: dict[str, None] = {}
    with _as_input_error(path):
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


def _repeated(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), count)


@contextmanager
def _as_input_error(path: Place) -> Iterator[None]:
    """Raise what pyarrow and the operating system say of a file as an `InputError`."""
    try:
        yield
    except ReplacedError as error:
        raise InputError(f"{path}: {error}; run again") from error
    except UNREADABLE as error:
        raise_if_of_machine(error, str(path))
        raise InputError(
            f"{path}: not a readable Parquet file: {cause(error)}; "
            "write the file again, or leave it out"
        ) from error
