"""Shards of an array of images, and of the array of their labels."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.decoding.pixels import as_images, as_pictures
from mnist_batch.errors import LabelError
from mnist_batch.inputs.arrays.headers import StoredArray
from mnist_batch.inputs.arrays.picture_shapes import Pictures
from mnist_batch.inputs.arrays.stored_bytes import Reader
from mnist_batch.inputs.files.opening import unreadable
from mnist_batch.inputs.files.path_texts import text_of_path
from mnist_batch.inputs.labelling.labels import INSTEAD, class_numbers, texts_of
from mnist_batch.inputs.shards import (
    BATCH_BYTES,
    SHARD_BYTES,
    SHARD_ROWS,
    Piece,
    ReadSettings,
    Shard,
)
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.mnist import SIDE
from mnist_batch.schema import ImageBatch, Reason, error_text, shortened

PART_SHARDS = 4
"""Shards that are worth a part."""


@dataclass(frozen=True, eq=False)
class ImageArray:
    """An array of images and what labels it.

    Attributes:
        path: the file, for messages.
        source: the column `source` of its rows.
        images: the array.
        pictures: what its axes mean.
        labels: the array of labels; None where there is none, or others count.
        settings: how files are read.
        hint: what would give labels, where there are none; empty where nobody knows.
    """

    path: str
    source: str
    images: StoredArray
    pictures: Pictures
    labels: StoredArray | None
    settings: ReadSettings
    hint: str = ""

    def shards(self) -> Iterator["ArrayShard"]:
        """Yield the rows, cut into shards of `SHARD_ROWS` or about `SHARD_BYTES`."""
        step = min(SHARD_ROWS, max(1, SHARD_BYTES // self.pictures.numbers))
        for first in range(0, self.pictures.count, step):
            yield ArrayShard(self, first, min(step, self.pictures.count - first))

    def labels_of(self, first: int, count: int) -> pa.Array:
        """Return the labels of some rows: Arrow integers or null.

        Raises:
            LabelError: one is of no class.
            OSError: they cannot be read.
        """
        numbering, rows = self.settings.numbering(), np.arange(first, first + count)
        if self.settings.label_file:
            return self.settings.label_file.lookup([text_of_path(self.source)], rows)
        if self.labels is None:
            return pa.nulls(count, numbering.dtype)
        values, where = self.stored_labels(first, count)
        return class_numbers(values, lambda i: f"{where} {first + i}", numbering)

    def stored_labels(self, first: int, count: int) -> tuple[pa.Array, str]:
        """Return the labels of some rows as they stand, and what messages call their array.

        Raises:
            LabelError: they are no labels.
            OSError: they cannot be read.
        """
        assert self.labels is not None
        with ArrayReader(self.labels, first) as reader:
            values = reader.read(count)
        if len(values) < count:
            raise OSError(f"its labels end after {first + len(values):,}")
        where = f"{self.labels.content.stored.path}, {self.labels.name or 'row'}"
        return _plain(values, where), where


def _plain(values: npt.NDArray[Any], where: str) -> pa.Array:
    """Return labels as one Arrow value each; a row of zeros with a single one is its place.

    Raises:
        LabelError: they are something else.
    """
    if values.ndim > 1 and values[0].size == 1:
        values = values.reshape(len(values))
    if values.ndim == 2 and values.dtype.kind in "buif":
        single = ((values == 1).sum(axis=1) == 1) & (
            (values == 0).sum(axis=1) == len(values[0]) - 1
        )
        if not single.all():
            raise LabelError(
                f"{where} {int(np.argmin(single))}: labels of {len(values[0])} numbers that are "
                f"not zeros with a single one; {INSTEAD}"
            )
        values = values.argmax(axis=1)
    if values.dtype.kind not in "buifSU":
        kind = shortened(str(values.dtype))
        raise LabelError(f"{where}: labels of type {kind}; expected numbers or text; {INSTEAD}")
    if values.ndim != 1:
        raise LabelError(
            f"{where}: labels of shape {values.shape[1:]}; expected one a row; {INSTEAD}"
        )
    if values.dtype.kind == "S":
        values = np.char.decode(values, "latin-1")
    if values.dtype.kind == "b":
        values = values.view(np.uint8)
    return pa.array(values.astype(values.dtype.newbyteorder("="), copy=False))


class ArrayReader:
    """Reads rows of an array in order."""

    def __init__(self, array: StoredArray, first: int) -> None:
        """Open the file at a row.

        Raises:
            OSError: it cannot be opened, or is damaged before.
        """
        self._array, self._row = array, first
        place = 0 if array.by_columns else array.start + first * array.row_bytes
        self._reader: Reader = array.content.open(place)

    def __enter__(self) -> "ArrayReader":
        return self

    def __exit__(self, *_: object) -> None:
        self._reader.close()

    def read(self, count: int) -> npt.NDArray[Any]:
        """Return the next rows, (k, ...) as the array has them; fewer where it ends too soon."""
        array = self._array
        count = min(count, array.rows - self._row)
        if array.by_columns:
            return self._by_columns(count)
        content = self._reader.read(count * array.row_bytes)
        whole = len(content) // array.row_bytes if array.row_bytes else count
        self._row += whole
        found = np.frombuffer(content, array.dtype, whole * array.row_bytes // array.dtype.itemsize)
        return found.reshape(whole, *array.shape[1:])

    def _by_columns(self, count: int) -> npt.NDArray[Any]:
        """Return the next rows of an array whose first axis varies fastest; only plain bytes."""
        array, size = self._array, self._array.dtype.itemsize
        columns = np.empty((array.row_bytes // size, count), array.dtype)
        for number in range(len(columns)):
            self._reader.seek(array.start + (number * array.rows + self._row) * size)
            content = self._reader.read(count * size)
            if len(content) < count * size:
                return np.empty((0, *array.shape[1:]), array.dtype)
            columns[number] = np.frombuffer(content, array.dtype)
        self._row += count
        # The later axes vary from the first of them on too.
        found = columns.reshape(*array.shape[:0:-1], count)
        return found.transpose(*reversed(range(found.ndim)))

    def note(self) -> None:
        """Keep where a decompressor is now: the next shard starts there."""
        self._array.content.note(self._reader)

    def check_end(self) -> None:
        """Check that a compressed array ends here, and as its checksum says.

        Raises:
            OSError: it does not.
        """
        if self._array.content.stored.coding is not None and self._reader.read(1):
            raise OSError("it holds more than its header counts")


@dataclass(frozen=True, eq=False, slots=True)
class ArrayShard(Shard):
    """Consecutive rows of an array."""

    array: ImageArray
    first_row: int
    rows: int
    labels: pa.Array | None = None  # of the rows, as a file of labels says, once it was asked

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what is pickled: the labels of its rows in place of a whole file of labels."""
        array, labels = self.array, self.labels
        settings, found = array.settings.looked_up(array.source, self.first_row, self.rows)
        labels = labels if found is None else found
        return ArrayShard, (replace(array, settings=settings), self.first_row, self.rows, labels)

    @property
    def size(self) -> int:  # type: ignore[override] # a constant of the protocol
        """Bytes of the images."""
        return self.rows * self.array.images.row_bytes

    @property
    def encoded(self) -> bool:
        """Whether they are of another size than MNIST's, or in colour: then they are PGM or PPM."""
        return not self.array.pictures.raw

    @property
    def source(self) -> str:
        """The file, and the array where it holds several."""
        return self.array.source

    def label_texts(self) -> Sequence[str]:
        """Return the labels, of which nothing else is read; none where they cannot be read."""
        if self.array.labels is None:
            return []
        try:
            values, _ = self.array.stored_labels(self.first_row, self.rows)
        except OSError as failure:
            raise_if_of_machine(failure, text_of_path(self.array.path))
            return []
        return texts_of(values)

    def label_hint(self) -> str:
        """Return which array may hold labels."""
        return self.array.hint

    def read_from(self) -> Sequence[str | bytes]:
        """Return the identities of the files, the arrays, what labels them, and the rows."""
        array = self.array
        arrays = [one for one in (array.images, array.labels) if one]
        label_file = array.settings.label_file
        return [
            array.source,
            *(one.content.stored.identity for one in arrays),
            *(one.name for one in arrays),
            label_file.sha256 if label_file else "",
            f"{self.first_row} {self.rows}",
        ]

    def pieces(self) -> Iterator[Piece]:
        """Yield the shard as it is."""
        yield Piece(self, self.fingerprint(), self.size, self.rows / (SHARD_ROWS * PART_SHARDS))

    def place(self, row: int) -> tuple[str, int]:
        """Return the source and the row; nothing is read."""
        return text_of_path(self.source), self.first_row + row

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows as any `Shard` does; those after damage have an error."""
        pictures = self.array.pictures
        step = max(1, min(batch_size, BATCH_BYTES // pictures.numbers))
        done, error = 0, ""
        with ExitStack() as stack:
            try:
                labels = self.labels
                if labels is None:
                    labels = self.array.labels_of(self.first_row, self.rows)
                images = stack.enter_context(ArrayReader(self.array.images, self.first_row))
            except OSError as failure:
                labels, error = pa.nulls(self.rows, self._label_type), self._why(failure)
            while done < self.rows and not error:
                values, error = self._some(images, min(step, self.rows - done), done)
                if len(values):
                    yield self._batch(values, done, labels.slice(done, len(values)))
                done += len(values)
            if not error:
                images.note()
        for start in range(done, self.rows, batch_size):
            yield self._lost(start, labels.slice(start, batch_size), error)

    @property
    def _label_type(self) -> pa.DataType:
        return self.array.settings.numbering().dtype

    def _some(self, images: ArrayReader, count: int, done: int) -> tuple[npt.NDArray[Any], str]:
        """Return the next rows, and why there are no more, where there ought to be."""
        none = np.empty((0,))
        try:
            values = images.read(count)
            if self.first_row + done + len(values) == self.array.images.rows:
                images.check_end()
        except OSError as failure:
            return none, self._why(failure)
        if len(values) < count:
            row = self.first_row + done + len(values)
            text = f"it ends after {row:,} of {self.array.images.rows:,} rows"
            return values, error_text(Reason.UNREADABLE_FILE, text)
        return values, ""

    def _why(self, failure: OSError) -> str:
        raise_if_of_machine(failure, text_of_path(self.array.path))
        return unreadable(failure)

    def _batch(self, values: npt.NDArray[Any], start: int, labels: pa.Array) -> ImageBatch:
        pictures = self.array.pictures
        numbers = values.reshape(-1, pictures.numbers)
        images, error = (
            as_images(numbers)
            if pictures.raw
            else as_pictures(numbers, pictures.height, pictures.width, pictures.in_order)
        )
        return ImageBatch(
            self._sources(len(values)), self._rows(start, len(values)), labels, images, error
        )

    def _lost(self, start: int, labels: pa.Array, error: str) -> ImageBatch:
        count = len(labels)
        none = np.zeros((count, SIDE, SIDE), np.uint8)
        images = pa.nulls(count, pa.binary()) if self.encoded else none
        errors = pa.repeat(pa.scalar(error, pa.string()), count)
        return ImageBatch(self._sources(count), self._rows(start, count), labels, images, errors)

    def _sources(self, count: int) -> pa.Array:
        return pa.repeat(pa.scalar(text_of_path(self.source), pa.string()), count)

    def _rows(self, start: int, count: int) -> pa.Array:
        first = self.first_row + start
        return pa.array(np.arange(first, first + count))
