"""CSV files of one column per pixel, plain or packed by gzip, read in batches."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from mnist_batch.errors import ColumnError, InputError, LabelError
from mnist_batch.inputs.arrays.stored_bytes import GZIP, Checkpoints, StoredBytes
from mnist_batch.inputs.files.opening import UNREADABLE, cause, unreadable
from mnist_batch.inputs.files.path_texts import text_of_path
from mnist_batch.inputs.labelling.hints import hint_of_columns
from mnist_batch.inputs.labelling.labels import class_numbers, texts_of
from mnist_batch.inputs.parquet.footers import identity_of
from mnist_batch.inputs.shards import BATCH_BYTES, SHARD_ROWS, Held, Piece, ReadSettings, Shard
from mnist_batch.inputs.tables.csv_layout import (
    CsvLayout,
    LayoutError,
    layout_of,
    with_label_at_end,
)
from mnist_batch.inputs.tables.csv_lines import MAX_LINE, LineIndex, LineTooLongError, index_lines
from mnist_batch.inputs.tables.csv_rows import parse_rows
from mnist_batch.inputs.tables.pixel_columns import table_images
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.mnist import PIXELS, SIDE
from mnist_batch.schema import DIGITS, ImageBatch, Reason, error_text

_ROWS_PER_BYTE = 100
"""Rows for each byte of a file, at most, as of Parquet files: each becomes a row of the output."""

_FIRST_BYTES = 2**20

_MOST_COLUMNS = 20
"""What is looked at to find labels, at most."""


@dataclass(frozen=True, eq=False)
class CsvFile:
    """A CSV file, and what its columns are."""

    path: str
    source: str  # the column `source` of its rows
    content: Checkpoints
    layout: CsvLayout
    lines: LineIndex
    label: int | None  # where the column of labels stands; None to read none
    kept: tuple[int, ...]  # where the columns stand that the predictions keep
    settings: ReadSettings

    def shards(self) -> Iterator["CsvShard"]:
        """Yield the rows, cut into shards of `SHARD_ROWS`."""
        ends = [*self.lines.starts[1:], self.lines.end]
        for number, (start, end) in enumerate(zip(self.lines.starts, ends, strict=True)):
            first = number * SHARD_ROWS
            yield CsvShard(self, first, min(SHARD_ROWS, self.lines.rows - first), start, end)


@dataclass(frozen=True, eq=False, slots=True)
class CsvShard(Shard):
    """Consecutive rows of a CSV file, which lie between two of its bytes."""

    file: CsvFile
    first_row: int
    rows: int
    start: int
    end: int
    labels: pa.Array | None = None  # of the rows, as a file of labels says, once it was asked

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what is pickled: the labels of its rows in place of a whole file of labels."""
        file, labels = self.file, self.labels
        settings, found = file.settings.looked_up(file.source, self.first_row, self.rows)
        labels = labels if found is None else found
        file = replace(file, settings=settings)
        return CsvShard, (file, self.first_row, self.rows, self.start, self.end, labels)

    @property
    def size(self) -> int:  # type: ignore[override] # a constant of the protocol
        """Bytes of the text."""
        return self.end - self.start

    @property
    def encoded(self) -> bool:
        """Whether the images are of another size than MNIST's: then they are PGM."""
        return len(self.file.layout.pixels) != PIXELS

    @property
    def source(self) -> str:
        """The file."""
        return self.file.source

    @property
    def kept(self) -> Sequence[pa.Field]:
        """Columns of text."""
        return [pa.field(self.file.layout.names[place], pa.string()) for place in self.file.kept]

    def read_from(self) -> Sequence[str | bytes]:
        """Return the identity of the file, its layout, what labels it, and the rows."""
        file = self.file
        label_file = file.settings.label_file
        return [
            file.source,
            file.content.stored.identity,
            repr((file.layout, file.label)),
            label_file.sha256 if label_file else "",
            f"{self.first_row} {self.rows}",
        ]

    def pieces(self) -> Iterator[Piece]:
        """Yield the shard as it is."""
        yield Piece(self, self.fingerprint(), self.size, self.rows / SHARD_ROWS)

    def place(self, row: int) -> tuple[str, int]:
        """Return the file and the row; nothing is read."""
        return text_of_path(self.source), self.first_row + row

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows as any `Shard` does; those after damage have an error."""
        done, error = 0, error_text(Reason.UNREADABLE_FILE, "fewer rows than when it was listed")
        try:
            for text in self._lines():
                for batch in self._batches(text, done, batch_size):
                    yield batch
                    done += len(batch)
        except OSError as failure:
            raise_if_of_machine(failure, text_of_path(self.file.path))
            error = unreadable(failure)
        for start in range(done, self.rows, batch_size):
            yield self._lost(start, min(batch_size, self.rows - start), error)

    def label_texts(self) -> Iterator[str]:
        """Yield the labels, of which nothing else is parsed; those before any damage."""
        label = self.file.label
        if label is None:
            return
        layout = replace(self.file.layout, pixels=())
        try:
            for text in self._lines():
                yield from texts_of(parse_rows(text, layout, [label]).columns[label])
        except OSError as failure:
            raise_if_of_machine(failure, text_of_path(self.file.path))

    def label_hint(self) -> str:
        """Return which column looks like labels, by the first rows."""
        layout = self.file.layout
        others = {*range(len(layout.names))}.difference(layout.pixels)
        places = [place for place in sorted(others) if layout.names.count(layout.names[place]) == 1]
        try:
            text = next(self._lines(), b"")
        except OSError as failure:
            raise_if_of_machine(failure, text_of_path(self.file.path))
            return ""
        columns = parse_rows(text, replace(layout, pixels=()), places[:_MOST_COLUMNS]).columns
        named = {layout.names[place]: column for place, column in columns.items()}
        return hint_of_columns(pa.table(named), self.file.settings.classes or DIGITS)

    def _lines(self) -> Iterator[bytes]:
        """Yield the text of the rows, some whole lines at a time.

        Raises:
            OSError: while iterating, where the file is damaged or was replaced.
        """
        rest = b""
        with closing(self.file.content.open(self.start)) as reader:
            while reader.place < self.end:
                more = reader.read(min(BATCH_BYTES, self.end - reader.place))
                if not more:
                    raise OSError("it ends sooner than when it was listed")
                rest += more
                is_last = reader.place >= self.end and not self._is_cut_off
                cut = len(rest) if is_last else rest.rfind(b"\n") + 1
                yield rest[:cut]
                rest = rest[cut:]
        if self._is_cut_off:
            raise OSError(self.file.lines.damage)

    @property
    def _is_cut_off(self) -> bool:
        last = self.first_row + self.rows == self.file.lines.rows
        return last and bool(self.file.lines.damage)

    def _batches(self, text: bytes, done: int, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows of some whole lines."""
        file, layout = self.file, self.file.layout
        texts = [*([file.label] if file.label is not None else []), *file.kept]
        rows = parse_rows(text, layout, texts)
        for start in range(0, rows.count, batch_size):
            some = rows.slice(start, batch_size)
            first = self.first_row + done + start
            images, error = table_images([some.columns[place] for place in layout.pixels])
            yield ImageBatch(
                source=self._sources(some.count),
                row=pa.array(np.arange(first, first + some.count)),
                label=self._labels(some.columns, first, some.count),
                images=images,
                error=some.with_errors(error),
                kept=self._kept(some.columns),
            )

    def _kept(self, columns: dict[int, pa.Array]) -> pa.RecordBatch | None:
        places = self.file.kept
        names = [self.file.layout.names[place] for place in places]
        return pa.record_batch([columns[place] for place in places], names=names) if names else None

    def _labels(self, columns: dict[int, pa.Array], first: int, count: int) -> pa.Array:
        file = self.file
        if self.labels is not None:
            return self.labels.slice(first - self.first_row, count)
        if file.settings.label_file:
            rows = np.arange(first, first + count)
            return file.settings.label_file.lookup([text_of_path(file.source)], rows)
        numbering = file.settings.numbering()
        if file.label is None:
            return pa.nulls(count, numbering.dtype)
        name = file.layout.names[file.label]
        where = f"{file.path}, row "
        return class_numbers(
            columns[file.label], lambda i: f"{where}{first + i}, column {name}", numbering
        )

    def _lost(self, start: int, count: int, error: str) -> ImageBatch:
        first = self.first_row + start
        none = np.zeros((count, SIDE, SIDE), np.uint8)
        return ImageBatch(
            source=self._sources(count),
            row=pa.array(np.arange(first, first + count)),
            label=pa.nulls(count, self.file.settings.numbering().dtype),
            images=pa.nulls(count, pa.binary()) if self.encoded else none,
            error=pa.repeat(pa.scalar(error, pa.string()), count),
        )

    def _sources(self, count: int) -> pa.Array:
        return pa.repeat(pa.scalar(text_of_path(self.source), pa.string()), count)


def open_csv(path: Path, source: str, settings: ReadSettings) -> Iterator[CsvShard]:
    """Find the columns and rows of a CSV file, and cut it into shards; it is read once for that.

    Raises:
        InputError: it cannot be read, or is no table of pixels.
        LabelError: the settings' file of labels does not tell rows apart.
        ColumnError: a column to be kept is there twice.
    """
    try:
        content = _content(path, portable=settings.portable)
        layout = read_layout(content, settings.label_column)
        lines = index_lines(content, layout.start)
        if not layout.pixels:
            layout = with_label_at_end(layout, lines.ends)
    except LayoutError as error:
        raise InputError(f"{path}: {error}") from error
    except LineTooLongError as error:
        why = f"a line of over {MAX_LINE:,} bytes; expected rows of numbers"
        raise InputError(f"{path}: {why}") from error
    except UNREADABLE as error:
        raise_if_of_machine(error, str(path))
        raise InputError(
            f"{path}: not a readable CSV file: {cause(error)}; write it again, or leave it out"
        ) from error
    if lines.rows > _ROWS_PER_BYTE * content.stored.size:
        raise InputError(f"{path}: {lines.rows:,} lines in {content.stored.size:,} bytes")
    label_file = settings.label_file
    if label_file and not label_file.has_rows:
        raise LabelError(f"{label_file.path}: no column row, which labels of {path} need")
    label = None if label_file or settings.unlabelled else _label(path, layout, settings)
    kept = tuple(_kept_place(path, layout, name) for name in settings.keep if name in layout.names)
    index = replace(lines, ends=())  # which have told what they can
    yield from CsvFile(str(path), source, content, layout, index, label, kept, settings).shards()


def held(path: Path) -> Held:
    """Return what a CSV file holds: images where it is a table of pixels, by its first lines."""
    try:
        read_layout(_content(path))
    except LayoutError:
        return Held.NEITHER
    except UNREADABLE as error:
        raise_if_of_machine(error, str(path))
        return Held.NEITHER
    return Held.IMAGES


def _content(path: Path, *, portable: bool = False) -> Checkpoints:
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise OSError("not a regular file")
    identity, size = identity_of(str(path), portable=portable), path.stat().st_size
    coding = GZIP if path.name.lower().endswith(".gz") else None
    return Checkpoints(StoredBytes(str(path), identity, 0, size, coding))


def read_layout(content: Checkpoints, label_column: str | None = None) -> CsvLayout:
    """Find the columns of a file, as far as its header tells them.

    Raises:
        LayoutError: it is no table of pixels.
        OSError: it cannot be read.
    """
    reader = content.open(0)
    try:
        return layout_of(reader.read(_FIRST_BYTES), label_column)
    finally:
        reader.close()


def _label(path: Path, layout: CsvLayout, settings: ReadSettings) -> int | None:
    wanted = settings.label_column
    if wanted is None:
        return layout.label
    if wanted not in layout.names:
        raise InputError(f"{path}: no column {wanted!r} beside those of pixels")
    return layout.names.index(wanted)


def _kept_place(path: Path, layout: CsvLayout, name: str) -> int:
    if (count := layout.names.count(name)) > 1:
        raise ColumnError(f"{path}: {count} columns {name!r}; rename all but one")
    return layout.names.index(name)
