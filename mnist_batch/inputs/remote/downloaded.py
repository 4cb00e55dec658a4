"""Files of any format in object storage, downloaded whole by each process that reads them."""

import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from mnist_batch.errors import InputError, MnistBatchError
from mnist_batch.inputs.arrays.picture_shapes import is_label_name
from mnist_batch.inputs.finding.suffixes import suffix_of
from mnist_batch.inputs.shards import Piece, ReadSettings, Shard
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.remote.addresses import name_of
from mnist_batch.remote.local_copies import LocalCopy, local_copy
from mnist_batch.remote.objects import RemoteObject, listed_here
from mnist_batch.schema import ImageBatch

OpenFile = Callable[[Path, str, ReadSettings], Iterable[Shard]]
"""Opens a file on this machine, as `formats.one_by_one` takes it."""


@dataclass(frozen=True)
class DownloadedFile:
    """A file in object storage, and how a local copy of it is opened."""

    objects: tuple[RemoteObject, ...]  # the file, and those beside it that may hold its labels
    array: str  # which of its arrays is read, by name; empty where the file is read as it is
    source: str  # the column `source`
    settings: ReadSettings = field(hash=False)
    open_file: OpenFile = field(hash=False)

    def read_from(self) -> tuple[str, ...]:
        """Return what the rows depend on: the objects, and how they are read."""
        settings = self.settings
        return (
            self.source,
            *(f"{one.address} {one.size} {one.etag}" for one in self.objects),
            self.array,
            str(settings.image_column),
            str(settings.label_column),
            str(settings.unlabelled),
            settings.label_file.sha256 if settings.label_file else "",
        )

    @contextmanager
    def told(self, copy: LocalCopy) -> Iterator[None]:
        """Raise what is said of a local copy as said of the file."""
        folder, ours = self.objects[0].address.rpartition("/")[0], str(copy.path.parent)
        try:
            yield
        except MnistBatchError as error:
            raise type(error)(error.args[0].replace(ours, folder)) from error.__cause__


class _Opened(NamedTuple):
    copy: LocalCopy  # which is there as long as the shards are used
    shards: Sequence[Shard]


@dataclass(frozen=True, eq=False)
class DownloadedShard(Shard):
    """A shard of a file in object storage, which is read from a local copy of the whole file."""

    file: DownloadedFile
    number: int  # which of the file's shards, from 0
    rows: int
    encoded: bool
    source: str
    cost: float  # as `Piece.cost`
    size: int = 0
    kept: Sequence[pa.Field] = ()
    stated_names: Sequence[tuple[str, ...]] = ()

    def label_texts(self) -> Iterable[str]:
        """Return those of the local shard."""
        with self._local() as shard:
            return [*shard.label_texts()]

    def label_hint(self) -> str:
        """Return that of the local shard."""
        with self._local() as shard:
            return shard.label_hint()

    def read_from(self) -> Sequence[str | bytes]:
        """Return what the file's rows depend on, and which these are."""
        return [*self.file.read_from(), str(self.number)]

    def pieces(self) -> Iterator[Piece]:
        """Yield the shard as it is."""
        yield Piece(self, self.fingerprint(), self.size, self.cost)

    def place(self, row: int) -> tuple[str, int]:
        """Return what the local shard says."""
        with self._local() as shard:
            return shard.place(row)

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows of the local shard, as it does."""
        with self._local() as shard:
            yield from shard.read(batch_size)

    @contextmanager
    def _local(self) -> Iterator[Shard]:
        """Open the shard of a local copy.

        Raises:
            InputError: the file is another by now, or is not there any more.
        """
        opened = _opened(self.file)
        with self.file.told(opened.copy):
            yield opened.shards[self.number]


def open_downloaded(
    open_file: OpenFile, found: RemoteObject, path: str, source: str, settings: ReadSettings
) -> list[DownloadedShard]:
    """Return the shards of a file in object storage.

    Args:
        open_file: opens a local file; it can be pickled.
        found: the file.
        path: its address, or that of an array in it.
        source: what the output calls it.
        settings: how it is read.

    Raises:
        InputError: it cannot be read, or is not there any more.
        ColumnError: or `LabelError`: columns or labels are not as expected.
    """
    array = path.removeprefix(found.address).lstrip("/")
    file = DownloadedFile((found, *_labels_beside(found)), array, source, settings, open_file)
    return [
        DownloadedShard(
            *(file, number, shard.rows, shard.encoded, shard.source),
            cost=sum(piece.cost for piece in shard.pieces()),
            size=shard.size,
            kept=[*shard.kept],
            stated_names=[*shard.stated_names],
        )
        for number, shard in enumerate(_opened(file).shards)
    ]


def _labels_beside(found: RemoteObject) -> list[RemoteObject]:
    """Return the objects right beside a file that are called as files of its labels are."""
    name = name_of(found.address)
    if suffix_of(name) in _WITH_LABELS or is_label_name(name):
        return []
    there = listed_here(found.address.removesuffix(name))
    return [one for one in there if is_label_name(name_of(one.address))]


_WITH_LABELS = {".csv", ".csv.gz", ".tsv", ".tsv.gz"}
"""Files of these suffixes hold their labels themselves."""

_lock = threading.Lock()


def _opened(file: DownloadedFile) -> _Opened:
    """Return the shards of a local copy of a file; of the last few files they are kept."""
    with _lock:  # so that two threads do not open the same
        return _kept_opened(file)


@lru_cache(4)
def _kept_opened(file: DownloadedFile) -> _Opened:
    try:
        copy = local_copy(*file.objects)
    except OSError as error:
        raise_if_of_machine(error, file.objects[0].address)
        raise InputError(f"{file.objects[0].address}: {error}; run again") from error
    with file.told(copy):
        path = copy.path / file.array if file.array else copy.path
        return _Opened(copy, [*file.open_file(path, file.source, file.settings)])
