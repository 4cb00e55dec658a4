"""Parquet files of images: which column holds them in which layout, and reading in batches."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from mnist_batch.arrow_files import open_native
from mnist_batch.errors import InputError, LabelError
from mnist_batch.labels import LabelFile, digits
from mnist_batch.packed_file import is_formed, is_packed
from mnist_batch.pixels import PIXELS, is_pixel_type, pixels_of
from mnist_batch.schema import Reason
from mnist_batch.shards import BATCH_BYTES, SHARD_ROWS, ImageBatch, Images, text_of_path


@dataclass(frozen=True)
class ParquetFile:
    """One Parquet file, and the columns to read.

    Attributes:
        path: where the file is.
        source: the column `source` of its rows.
        image: name of the image column.
        image_path: what is read of it; `image.bytes` of a struct of bytes and path.
        label: name of the label column; None to read none.
        label_file: labels from elsewhere; None to take those of the column.
        packed: each row says itself what its source, row and error are.
        formed: packed, and images not in MNIST form were brought to it before.
        encoded: its images are encoded, not raw pixels.
        folder: what stands before the sources that the rows of a packed file name; empty, or the
            file's own name and a `/`.
    """

    path: Path
    source: str
    image: str
    image_path: str
    label: str | None
    label_file: LabelFile | None
    packed: bool
    formed: bool
    encoded: bool
    folder: str


@dataclass(frozen=True)
class ParquetShard:
    """Consecutive row groups of one Parquet file.

    Attributes:
        file: the file.
        row_groups: indices of the row groups.
        first_row: the row in the file at which the first of them starts.
        rows: the number of rows in them.
    """

    file: ParquetFile
    row_groups: range
    first_row: int
    rows: int

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order, in batches cut anew across the row groups."""
        columns = [self.file.image_path] + ([self.file.label] if self.file.label else [])
        if self.file.packed:
            columns += _PACKED_COLUMNS
        first_row = self.first_row
        with _translated(self.file.path):
            opened = open_native(self.file.path)
            footer = _footer(self.file.path)
            # Without these two a row group is in memory whole, and one can be all of the input.
            reader = pq.ParquetFile(
                opened,
                metadata=footer,
                pre_buffer=False,
                buffer_size=2**20,
                page_checksum_verification=True,  # where there are checksums
            )
        with opened, reader:
            if self._rows_in(footer) != self.rows:
                raise self._damaged(self._rows_in(footer))
            batches = reader.iter_batches(
                min(batch_size, self._rows_of_batch_bytes(footer)),
                row_groups=list(self.row_groups),
                columns=columns,
                use_threads=False,
            )
            while True:
                # Only the reading is translated: an error thrown into `yield` is not the file's.
                with _translated(self.file.path):
                    batch = next(batches, None)
                if batch is None:
                    break
                if len(batch):
                    yield self._batch(batch, first_row)
                first_row += len(batch)
        if first_row != self.first_row + self.rows:
            raise self._damaged(first_row - self.first_row)

    def _rows_in(self, footer: pq.FileMetaData) -> int:
        """Return the rows of the shard's row groups; other ones where the file was replaced."""
        groups = [index for index in self.row_groups if index < footer.num_row_groups]
        return sum(footer.row_group(index).num_rows for index in groups)

    def _damaged(self, rows: int) -> InputError:
        return InputError(
            f"{self.file.path}: damaged, or replaced meanwhile: rows {self.first_row} to "
            f"{self.first_row + self.rows - 1} are {rows} rows; write the file again, or leave it "
            "out"
        )

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return self.file.encoded

    def _rows_of_batch_bytes(self, footer: pq.FileMetaData) -> int:
        """Return how many rows hold about `BATCH_BYTES`, going by the footer."""
        groups = [footer.row_group(index) for index in self.row_groups]
        size: int = sum(group.total_byte_size for group in groups)
        return max(1, BATCH_BYTES * self.rows // max(size, 1))

    def _batch(self, batch: pa.RecordBatch, first_row: int) -> ImageBatch:
        images = batch.column(self.file.image)
        error = pa.nulls(len(batch), pa.string())
        if pa.types.is_struct(images.type):
            # A null struct has a bytes child that may hold anything; flatten makes it null too.
            images = images.flatten()[images.type.get_field_index("bytes")]
        if pa.types.is_dictionary(images.type):
            images = images.dictionary_decode()
        if is_pixel_type(images.type):
            images, error = pixels_of(images)
        elif images.null_count:
            error = pc.if_else(pc.is_null(images), str(Reason.NO_BYTES), error)
        rows = np.arange(first_row, first_row + len(batch))
        if self.file.packed:
            return self._packed_batch(batch, rows, images, error)
        return ImageBatch(
            source=_repeated(text_of_path(self.file.source), len(batch)),
            row=pa.array(rows),
            label=self._labels(batch, rows),
            images=images,
            error=error,
        )

    def _packed_batch(
        self,
        batch: pa.RecordBatch,
        rows: npt.NDArray[np.int64],
        images: pa.Array | Images,
        error: pa.Array,
    ) -> ImageBatch:
        """Return a batch with what its own columns tell of each row."""
        for name in _PACKED_COLUMNS[:3]:
            if batch.column(name).null_count:
                row = rows[batch.column(name).is_null().index(True).as_py()]
                raise InputError(
                    f"{self.file.path}, row {row}: the column {name} of this packed file is "
                    "empty; pack the images again"
                )
        with _translated(self.file.path):
            batch.select(["source", "error"]).validate(full=True)  # that text is text
        source, row = batch.column("source"), batch.column("row")
        if self.file.folder:
            source = pc.binary_join_element_wise(self.file.folder, source, "")
        if label_file := self.file.label_file:
            if not label_file.has_rows and pc.max(row).as_py() > 0:
                raise _lacks_rows(label_file, self.file.path)
            label = label_file.lookup(source.to_pylist(), row.to_numpy())
        else:
            label = self._labels(batch, rows)
        return ImageBatch(
            source=source,
            row=row,
            label=label,
            images=images,
            error=pc.coalesce(batch.column("error"), error),
            prepared=batch.column("prepared").to_numpy(zero_copy_only=False),
            formed=self.file.formed,
        )

    def _labels(self, batch: pa.RecordBatch, rows: np.ndarray) -> pa.Array:
        if self.file.label_file:
            return self.file.label_file.lookup([self.file.source], rows)
        if self.file.label is None:
            return pa.nulls(len(batch), pa.int8())
        return digits(
            batch.column(self.file.label),
            lambda i: f"{self.file.path}, row {rows[i]}, column {self.file.label}",
        )


def open_parquet(
    path: Path,
    source: str,
    *,
    image_column: str | None,
    label_column: str | None,
    label_file: LabelFile | None,
    unlabelled: bool,
    alone: bool,
) -> list[ParquetShard]:
    """Read a Parquet file's footer and cut its row groups into shards of about `SHARD_ROWS`.

    Args:
        path: the file.
        source: the column `source` of its rows.
        image_column: the column of images; None to find it.
        label_column: the column of labels; None for `label`, where there is one.
        label_file: labels from elsewhere, which then count alone.
        unlabelled: read no labels at all.
        alone: no other file is read. Then the rows of a packed file have just the sources that they
            were packed from; else `source` and a `/` stand in front, as of a folder.

    Raises:
        InputError: the file is not Parquet, or its columns are not as expected.
        LabelError: `label_file` does not tell rows apart.
    """
    with _translated(path):
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise InputError(f"{path}: not a regular file; expected Parquet")
        # With the footer that the shards will use: one of 6,000 row groups takes 20 MB.
        with open_native(path) as file, pq.ParquetFile(file, metadata=_footer(path)) as opened:
            metadata, schema = opened.metadata, opened.schema_arrow
            names = schema.names
    packed = is_packed(path, metadata, schema)
    label = label_column or ("label" if "label" in names else None)
    image, image_path = _image_column(schema, image_column, path)
    if label is not None and label not in names:
        raise InputError(f"{path}: no column {label!r}; it has {_columns(schema)}")
    for name in (image, label):
        if names.count(name) > 1:
            raise InputError(f"{path}: {names.count(name)} columns {name!r}; rename all but one")
    if label_file and not label_file.has_rows and not packed:
        raise _lacks_rows(label_file, path)
    file = ParquetFile(
        path=path,
        source=source,
        image=image,
        image_path=image_path,
        label=None if unlabelled or label_file else label,
        label_file=label_file,
        packed=packed,
        formed=packed and is_formed(metadata),
        encoded=not is_pixel_type(_values(schema.field(image).type)),
        folder="" if alone else f"{text_of_path(source)}/",
    )
    return list(_shards(file, metadata))


_PACKED_COLUMNS = ["source", "row", "prepared", "error"]


def _lacks_rows(label_file: LabelFile, path: Path) -> LabelError:
    return LabelError(f"{label_file.path}: no column row, which labels of {path} need")


def packed_sources(path: Path) -> list[str]:
    """Return the sources that a packed file names, each once; none for another Parquet file.

    Raises:
        InputError: the file is not Parquet, or is damaged.
    """
    with _translated(path), open_native(path) as opened, pq.ParquetFile(opened) as file:
        if not is_packed(path, file.metadata, file.schema_arrow):
            return []
        batches = file.iter_batches(columns=["source"], use_threads=False)
        sources = dict.fromkeys(
            source for batch in batches for source in batch.column(0).unique().to_pylist()
        )
    return list(sources)


def _footer(path: Path) -> pq.FileMetaData:
    """Return a file's footer.

    The shards of a file follow one another, so a few are kept; all of a long list of files are
    not, since one of 600 row groups takes 2 MB.
    """
    status = path.stat()
    return _read_footer(path, (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns))


@lru_cache(maxsize=4)
def _read_footer(path: Path, _: tuple[int, ...]) -> pq.FileMetaData:
    with open_native(path) as file:
        return pq.read_metadata(file)


def _shards(file: ParquetFile, footer: pq.FileMetaData) -> Iterator[ParquetShard]:
    first_group, first_row, rows = 0, 0, 0
    for group in range(footer.num_row_groups):
        rows += footer.row_group(group).num_rows
        if rows >= SHARD_ROWS or (rows and group == footer.num_row_groups - 1):
            yield ParquetShard(file, range(first_group, group + 1), first_row, rows)
            first_group, first_row, rows = group + 1, first_row + rows, 0


def _image_column(schema: pa.Schema, wanted: str | None, path: Path) -> tuple[str, str]:
    """Return name and path of the image column: the one named, else `image`, else the only one."""
    found = {field.name: column for field in schema if (column := _as_images(field))}
    if wanted is not None and wanted not in schema.names:
        raise InputError(f"{path}: no column {wanted!r}; it has {_columns(schema)}")
    if wanted is not None and wanted not in found:
        kind = schema.field(wanted).type
        raise InputError(f"{path}: column {wanted!r} is {kind}; expected {_EXPECTED}")
    if not found:
        raise InputError(f"{path}: no column of images among {_columns(schema)}; {_EXPECTED}")
    if wanted is None and "image" not in found and len(found) > 1:
        raise InputError(
            f"{path}: several columns could hold the images: {', '.join(found)}; "
            "name one with --image-column"
        )
    name = wanted or ("image" if "image" in found else next(iter(found)))
    return name, found[name]


_EXPECTED = (
    "expected encoded images (binary, or a struct with the field bytes) "
    f"or {PIXELS} raw pixels (fixed-size binary, list or tensor)"
)


def _as_images(field: pa.Field) -> str | None:
    """Return the column path that holds encoded or raw images, or None."""
    if pa.types.is_struct(field.type):
        index = field.type.get_field_index("bytes")
        return f"{field.name}.bytes" if index >= 0 and _is_binary(field.type[index].type) else None
    return field.name if _is_binary(field.type) or is_pixel_type(_values(field.type)) else None


def _is_binary(kind: pa.DataType) -> bool:
    return _values(kind) in (pa.binary(), pa.large_binary(), pa.binary_view())


def _values(kind: pa.DataType) -> pa.DataType:
    return kind.value_type if pa.types.is_dictionary(kind) else kind


def _columns(schema: pa.Schema) -> str:
    named = [f"{field.name} ({field.type})" for field in schema]
    if len(named) > _COLUMNS_SHOWN:
        named[_COLUMNS_SHOWN:] = [f"{len(named) - _COLUMNS_SHOWN} more"]
    return ", ".join(named) or "no columns"


_COLUMNS_SHOWN = 12


def _repeated(text: str, count: int) -> pa.Array:
    return pa.repeat(pa.scalar(text, pa.string()), count)


class _translated:  # noqa: N801 - reads as a verb where it is used
    """Turn what pyarrow and the operating system say of a file into an `InputError`."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, _type: object, error: BaseException | None, _traceback: object) -> None:
        # A damaged footer may hold names of columns that are not UTF-8.
        if isinstance(error, (OSError, pa.ArrowException, UnicodeDecodeError)):
            cause = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise InputError(
                f"{self._path}: not a readable Parquet file: {cause}; "
                "write the file again, or leave it out"
            ) from error
