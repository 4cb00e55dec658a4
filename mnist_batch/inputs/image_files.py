"""Image files, read in batches: the rows of folders of images."""

import json
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch import _kernels
from mnist_batch.decoding.limits import MAX_FILE_BYTES
from mnist_batch.inputs.files.path_texts import text_of_path, texts_of_paths
from mnist_batch.inputs.files.states import FileStates, file_states
from mnist_batch.inputs.labelling.folders import folder_labels, folder_names, partition_values
from mnist_batch.inputs.labelling.hints import hint_of_files
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.inputs.labelling.labels import class_numbers, texts_of
from mnist_batch.inputs.labelling.metadata import metadata_columns, metadata_labels
from mnist_batch.inputs.shards import (
    BATCH_BYTES,
    SHARD_ROWS,
    NamedFiles,
    Piece,
    ReadSettings,
    Shard,
    sha256_of,
)
from mnist_batch.inputs.texts import Texts, own_rows, own_rows_of_columns
from mnist_batch.machine import memory
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.remote.addresses import Place
from mnist_batch.schema import DIGITS, ImageBatch, Reason, error_text

if TYPE_CHECKING:
    from mnist_batch.inputs.remote.listed_objects import ListedObjects

PART_SHARDS = 4
"""Shards of small files that are worth a part: 0.2 s of work, where committing a part takes 5 ms or
more."""

PIECE_BYTES = 8 * 2**20
"""Bytes of the files of a piece, about: large pictures take long to decode."""


@dataclass(frozen=True)
class ImageFileShard(Shard):
    """Consecutive image files, each a source with the one row 0."""

    paths: Sequence[str]  # where the files are
    sources: Sequence[str]  # the column `source`, as long as `paths`
    labels: pa.Array  # Arrow integers, as long as `paths`, numbers of classes or null
    columns: pa.RecordBatch | None = None  # those that are kept, as long as `paths`; None for none
    # Among which the labels are, where it is not known what these mean.
    texts: tuple[str, ...] = ()
    hint: str = ""  # as `label_hint` returns it
    portable: bool = False  # as in `ReadSettings`
    objects: "ListedObjects | None" = None  # where they lie in object storage
    encoded = True

    @property
    def rows(self) -> int:
        """The number of files."""
        return len(self.paths)

    @property
    def source(self) -> str:
        """The first file."""
        return self.sources[0]

    @property
    def kept(self) -> Sequence[pa.Field]:
        """The columns that are kept."""
        return [] if self.columns is None else list(self.columns.schema)

    @property
    def uncounted(self) -> Sequence[str]:
        """Folders that cannot be listed."""
        return [source for source in self.sources if source.endswith("/")]

    def label_texts(self) -> Sequence[str]:
        """Return the labels; nothing is read."""
        return self.texts or [*map(str, self.labels.drop_null().unique().to_pylist())]

    def label_hint(self) -> str:
        """Return what the names of all files of the run tell; nothing is read."""
        return self.hint

    def read_from(self, states: FileStates | None = None) -> Sequence[str | bytes]:
        """Return names, states, labels and columns; without `states` it asks the files for them."""
        labels = self.labels.fill_null(-1).to_numpy(zero_copy_only=False)
        states = self._states() if states is None else states
        kept = [] if self.columns is None else [json.dumps(self.columns.to_pydict())]
        return ["\0".join(self.sources), states.tobytes(), labels.tobytes(), *kept]

    def pieces(self) -> Iterator[Piece]:
        """Yield slices of about `PIECE_BYTES`; the state of each file is asked for once."""
        states = self._states()
        ends = np.cumsum(states[:, 0].clip(0))
        start, done = 0, 0
        while start < self.rows:
            stop = min(int(np.searchsorted(ends, done + PIECE_BYTES)) + 1, self.rows)
            piece, size = self.slice(start, stop), int(ends[stop - 1]) - done
            fingerprint = sha256_of(piece.read_from(states[start:stop]))
            cost = max(piece.rows / (SHARD_ROWS * PART_SHARDS), size / PIECE_BYTES)
            yield Piece(piece, fingerprint, size, cost)
            start, done = stop, done + size

    def _states(self) -> FileStates:
        if self.objects is not None:
            return self.objects.states()
        return file_states(self.paths, portable=self.portable)

    def take(self, places: npt.NDArray[np.int64]) -> "ImageFileShard":
        """Return the shard of some files; the others are not opened."""
        return replace(
            self,
            paths=[self.paths[place] for place in places],
            sources=[self.sources[place] for place in places],
            labels=self.labels.take(pa.array(places)),
            columns=None if self.columns is None else self.columns.take(pa.array(places)),
            objects=self.objects and self.objects.take(places),
        )

    def place(self, row: int) -> tuple[str, int]:
        """Return the name of a file, and 0; nothing is read."""
        return text_of_path(self.sources[row]), 0

    def slice(self, start: int, stop: int) -> "ImageFileShard":
        """Return the shard of consecutive files."""
        return replace(
            self,
            paths=self.paths[start:stop],
            sources=self.sources[start:stop],
            labels=self.labels[start:stop],
            columns=None if self.columns is None else self.columns.slice(start, stop - start),
            objects=self.objects and self.objects.slice(start, stop),
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what is pickled: of a slice its own rows, where Arrow would add the others."""
        columns = None if self.columns is None else own_rows_of_columns(self.columns)
        own = replace(self, labels=own_rows(self.labels), columns=columns)
        return ImageFileShard, tuple(vars(own).values())

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the files' bytes in order; a file that cannot be read is a row with an error."""
        start = 0
        for encoded, error in self._contents(batch_size):
            yield ImageBatch(
                source=texts_of_paths(self.sources[start : start + len(encoded)]),
                row=pa.array(np.zeros(len(encoded), np.int64)),
                label=self.labels.slice(start, len(encoded)),
                images=encoded,
                error=error,
                kept=None if self.columns is None else self.columns.slice(start, len(encoded)),
            )
            start += len(encoded)

    def _contents(self, batch_size: int) -> Iterator[tuple[pa.Array, pa.Array]]:
        """Yield the bytes of the next files, null where one cannot be read, and the errors."""
        if self.objects is not None:
            from mnist_batch.inputs.remote.image_objects import contents  # late: few runs read such

            yield from contents(self.objects, batch_size)
            return
        start = 0
        while start < len(self.paths):
            paths = Texts.joined([self.paths[start : start + batch_size]])
            found = _read_at_once(paths) or _read_each(paths)
            yield found
            start += len(found[0])


def open_image_files(groups: Sequence[NamedFiles], settings: ReadSettings) -> list[ImageFileShard]:
    """Cut the image files of consecutive INPUTs into shards.

    The label of an image comes from the settings' file of labels, or else from the file of labels
    in the INPUT folder, or else from the name of the image's own folder. Columns that are kept come
    from the file in the folder.
    """
    paths = Texts.joined([files.paths for files in groups])
    sources = Texts.joined([files.sources for files in groups])
    texts = list[str]()
    if settings.label_file:
        names = [*map(text_of_path, sources)]
        settings.label_file.find_spellings(dict(zip(names, paths, strict=True)))
        labels = settings.label_file.lookup(names, np.zeros(len(names), np.int64))
    elif settings.label_pattern:
        named = settings.label_pattern.texts(paths)
        labels, texts = _named_labels(named, paths, settings), texts_of(named)
    elif settings.unlabelled:
        labels = pa.nulls(len(sources), settings.numbering().dtype)
    else:
        own = [_own_labels(files, settings) for files in groups]
        labels = pa.concat_arrays([found for found, _ in own])
        texts = [text for _, some in own for text in some]
    hint = ""
    is_asked = not (settings.label_file or settings.unlabelled)
    if is_asked and 0 < len(labels) == labels.null_count:
        first = groups[0]
        hint = hint_of_files(
            *(first.names, first.paths, first.metadata, settings.label_pattern),
            settings.classes or DIGITS,
        )
    kept = _kept_columns(groups, settings.keep)
    texts = [*dict.fromkeys(texts)]
    objects = [files.objects for files in groups if files.objects is not None]
    whole = ImageFileShard(
        *(paths, sources, labels, kept, (*texts,), hint, settings.portable),
        objects=objects[0].joined(objects) if objects else None,
    )
    return [whole.slice(at, at + SHARD_ROWS) for at in range(0, len(paths), SHARD_ROWS)]


def _kept_columns(groups: Sequence[NamedFiles], names: Sequence[str]) -> pa.RecordBatch | None:
    """Return the columns that any `metadata.csv` has, for all files; None where none has any."""
    if not names:
        return None
    tables = [
        (metadata_columns(files.names, files.paths, files.metadata, names), files)
        for files in groups
    ]
    found = [name for name in names if any(name in table for table, _ in tables)]
    columns = [
        pa.concat_arrays(
            [table.get(name, pa.nulls(len(files.names), pa.string())) for table, files in tables]
        )
        for name in found
    ]
    return pa.record_batch(columns, names=found) if found else None


def _own_labels(files: NamedFiles, settings: ReadSettings) -> tuple[pa.Array, list[str]]:
    """Return the labels that the files of one INPUT carry, Arrow integers or null.

    With them come the texts that these labels are, each once; without a model they are the names
    of classes. Those of folders are among them only where folders are to name classes.
    """
    labels = folder_labels(files.paths, settings.numbering())
    partitions = partition_values(files.paths, settings.partition_key)
    if partitions.null_count < len(partitions):
        labels = pc.coalesce(labels, _named_labels(partitions, files.paths, settings))
    named = settings.classes is None and settings.named_by_folders
    texts = [*(folder_names(files.paths) if named else []), *texts_of(partitions)]
    column = settings.label_column or "label"

    def read(path: Place) -> LabelFile:
        return LabelFile(path, settings.numbering(), column=column)

    told = metadata_labels(files.names, files.paths, files.metadata, column, read)
    if not told:
        return labels, texts
    # Each image takes its label from the folders' or from one of the files'.
    places, start = np.arange(len(labels)), len(labels)
    for own, _, _ in told:
        places[own] = np.arange(start, start + len(own))
        start += len(own)
    whole = pa.concat_arrays([labels, *(found for _, found, _ in told)])
    texts = [text for _, _, file in told for text in file.texts]
    return whole.take(pa.array(places)), texts


def _named_labels(texts: pa.Array, paths: Sequence[str], settings: ReadSettings) -> pa.Array:
    """Return the labels that paths name, given the texts of these: Arrow integers or null."""
    return class_numbers(texts, lambda place: text_of_path(paths[place]), settings.numbering())


def _read_at_once(paths: Texts) -> tuple[pa.Array, pa.Array] | None:
    """Do what `_read_each` does, by compiled code; return None where that is not loaded."""
    if not _kernels.ready() or sys.getfilesystemencoding() != "utf-8":
        return None
    from mnist_batch._kernels.files import MAX_BYTES, read_files

    # With room for the file that fills the batch.
    data = np.empty(max(BATCH_BYTES - 1, 0) + MAX_BYTES, np.uint8)
    bounds = np.empty(len(paths) + 1, np.int32)
    count = read_files(*paths.joined_bytes(), READING, data, bounds)
    bounds = bounds[: count + 1]
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(data[: bounds[-1]])]
    encoded = pa.Array.from_buffers(pa.binary(), count, buffers)
    remaining = np.flatnonzero(np.diff(bounds) == 0)
    if not len(remaining):
        return encoded, pa.nulls(count, pa.string())
    contents: list[bytes | None] = encoded.to_pylist()
    errors: list[str | None] = [None] * count
    sizes = np.diff(bounds).astype(np.int64)
    for place in remaining.tolist():
        if sizes[:place].sum() >= BATCH_BYTES:
            break
        contents[place], errors[place] = read_file(paths[place])
        sizes[place] = len(contents[place] or b"")
    # Large files: only up to the one that fills the batch.
    count = min(count, int(np.searchsorted(np.cumsum(sizes), BATCH_BYTES)) + 1)
    return _binary(contents[:count]), pa.array(errors[:count], pa.string())


def _read_each(paths: Sequence[str]) -> tuple[pa.Array, pa.Array]:
    """Return the bytes of the first files, null where one cannot be read, and the errors.

    At least one file is read, and no more than about `BATCH_BYTES`.
    """
    contents: list[bytes | None] = []
    errors: list[str | None] = []
    size = 0
    for path in paths:
        content, error = read_file(path)
        contents.append(content)
        errors.append(error)
        size += len(content or b"")
        if size >= BATCH_BYTES:
            break
    return _binary(contents), pa.array(errors, pa.string())


def _binary(contents: Sequence[bytes | None]) -> pa.Array:
    """Return bytes as an Arrow array; those of one file, which may be large, without a copy."""
    if len(contents) == 1 and contents[0]:
        bounds = pa.py_buffer(np.array([0, len(contents[0])], np.int32))
        return pa.Array.from_buffers(pa.binary(), 1, [None, bounds, pa.py_buffer(contents[0])])
    return pa.array(contents, pa.binary())


def read_file(path: str) -> tuple[bytes | None, str | None]:
    """Return a file's bytes, or None and the error."""
    return read_opened(path, _open)


def _open(path: str) -> int:
    return os.open(path, READING)


def read_opened(path: str, opened: Callable[[str], int]) -> tuple[bytes | None, str | None]:
    """Return a file's bytes, or None and the error; `opened` returns its descriptor.

    It takes three system calls as a rule, and on small files a third of the time that a buffered
    file object takes.
    """
    try:
        descriptor = opened(path)
        try:
            content = os.read(descriptor, _FIRST_BYTES)
            if not 0 < len(content) < _FIRST_BYTES:
                status = os.fstat(descriptor)
                if not stat.S_ISREG(status.st_mode):
                    return None, error_text(Reason.UNREADABLE_FILE, "not a regular file")
                content = _read_whole(descriptor, status.st_size)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None, error_text(Reason.MISSING_FILE)
    except OSError as error:
        raise_if_of_machine(error, text_of_path(path))
        return None, error_text(Reason.UNREADABLE_FILE, error.strerror or str(error))
    except ValueError:
        return None, error_text(Reason.UNREADABLE_FILE, "a null character in the path")
    if len(content) > MAX_FILE_BYTES:
        return None, error_text(Reason.TOO_LARGE, f"a file over {MAX_FILE_BYTES} bytes")
    return content, None


# Without O_NONBLOCK, opening a pipe that took a file's place would wait for ever.
READING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC
"""How a file is opened that is read as an image."""

_FIRST_BYTES = 65536
"""A smaller file is read with one call. An empty one may be a pipe, a full one a device."""


def _read_whole(descriptor: int, size: int) -> bytes:
    """Return all bytes of a file of about `size` bytes, or more than `MAX_FILE_BYTES` of them."""
    if size > BATCH_BYTES:
        memory.read(min(size, MAX_FILE_BYTES))
    os.lseek(descriptor, 0, os.SEEK_SET)
    # The first piece is the whole file as a rule, and joining takes no copy; but it may grow.
    parts, ask, left = list[bytes](), size + 1, MAX_FILE_BYTES + 1
    while left > 0 and (part := os.read(descriptor, min(ask, left))):
        parts.append(part)
        ask, left = 2**20, left - len(part)
    return b"".join(parts)
