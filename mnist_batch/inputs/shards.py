"""Shards: contiguous slices of the input, each of which a worker can read on its own."""

import hashlib
from abc import abstractmethod
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import TYPE_CHECKING, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.inputs.files.path_texts import text_of_path
from mnist_batch.inputs.labelling.label_file import LabelFile
from mnist_batch.inputs.labelling.numbering import Numbering
from mnist_batch.inputs.labelling.pattern import LabelPattern
from mnist_batch.mnist import SIDE
from mnist_batch.options import BATCH_ROWS
from mnist_batch.remote.addresses import Place
from mnist_batch.schema import DIGITS, Classes, ImageBatch

if TYPE_CHECKING:
    from mnist_batch.inputs.remote.listed_objects import ListedObjects

SHARD_ROWS = 8192
"""Rows of a shard, about: enough to make opening it cheap, few enough to share out evenly."""

SHARD_BYTES = 64 * 2**20
"""Bytes of a shard's images, about: a shard of photographs has fewer rows, to take as long."""

BATCH_BYTES = 4 * 2**20
"""Encoded bytes of a batch, about: with large pictures a batch holds fewer rows, so that it takes
little memory and a worker can be stopped soon."""

_MAX_SPREAD_SHARDS = 32
"""Shards that `spread_rows` reads at most, 260,000 rows: an input may hold thousands."""


class Held(Enum):
    """What a file holds, by its first bytes."""

    IMAGES = auto()
    LABELS = auto()  # of the images in another file, with which they are read
    NEITHER = auto()


class Piece(NamedTuple):
    """A shard, or a slice of one, and what decides which part it belongs to."""

    shard: "Shard"
    fingerprint: str  # that of the shard
    size_bytes: int  # bytes of its images, about; 0 where they are not known
    cost: float  # how long it takes, about, from 1 on long enough for a part


class Shard(Protocol):
    """A contiguous slice of the input, in input order, which any worker can read on its own.

    A new format implements `rows`, `encoded`, `source`, `read` and `read_from`, and overrides what
    its files allow more cheaply than here.
    """

    __slots__ = ()  # those of which there are very many have slots

    size: int = 0
    """Bytes of its images, about, or of what holds them; 0 where they are not known."""

    if TYPE_CHECKING:  # a dataclass would take these properties for the defaults of its fields

        @property
        def rows(self) -> int:
            """The number of rows, known before reading."""

        @property
        def encoded(self) -> bool:
            """Whether the images have to be decoded."""

        @property
        def source(self) -> str:
            """The file that the first row is read from, as the output names it."""

    @abstractmethod
    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order, in batches of at most `batch_size`; any may be shorter.

        They are as many as `rows`, whatever became of the source: what cannot be read is a row with
        an error.

        Raises:
            LabelError: while iterating, where a label is of no class.
        """

    def fetching(self) -> "Shard":
        """Return the shard while what it reads is fetched, where that lies in object storage.

        It is to be read once, soon. Here, and on this machine's disk, it is the shard as it is.
        """
        return self

    @abstractmethod
    def read_from(self) -> Sequence[str | bytes]:
        """Return what the predictions of the rows depend on, for the fingerprint.

        That is the names and identities of files, which columns are read, and labels that are known
        before the files are read.
        """

    @property
    def kept(self) -> Sequence[pa.Field]:
        """The columns of `ImageBatch.kept`, as they are read; any may lack in a batch."""
        return ()

    @property
    def uncounted(self) -> Sequence[str]:
        """Sources of which nobody knows how many rows they hold; each of them is one row."""
        return ()

    @property
    def failures(self) -> Sequence[str]:
        """Why files cannot be opened, each a message."""
        return ()

    @property
    def stated_names(self) -> Sequence[tuple[str, ...]]:
        """The names that each of its files gives the numbers that are its labels, if it does."""
        return ()

    def label_texts(self) -> Iterable[str]:
        """Return the labels that rows have, as texts, each once at least.

        A run without a model asks, to know what the classes are. Here the shard is read.
        """
        found = set[int]()
        for batch in self.read(BATCH_ROWS):
            found.update(batch.label.drop_null().unique().to_pylist())
        return map(str, found)

    def label_hint(self) -> str:
        """Return what would give the rows labels, where none has one; empty where nobody knows."""
        return ""

    def fingerprint(self) -> str:
        """Return the SHA-256 of `read_from`, in hexadecimal."""
        return sha256_of(self.read_from())

    def pieces(self) -> Iterator[Piece]:
        """Yield the shard, cut into slices where it would take long to read."""
        yield Piece(self, self.fingerprint(), self.size, self.rows / SHARD_ROWS)

    @property
    def joined(self) -> Sequence["Shard"]:
        """The shards, in order, that are read as this one; here it alone."""
        return [self]

    def joining(self, shards: Sequence["Shard"]) -> "Shard":
        """Return this shard with others in the place of those that it joins."""
        (shard,) = shards
        return shard

    def lost(self, error: str, batch_size: int) -> Iterator[ImageBatch]:
        """Yield rows as `read` does that all have an error, without reading them.

        Here each row is asked for its place, and none has a label.
        """
        for start in range(0, self.rows, batch_size):
            places = [self.place(row) for row in range(start, min(start + batch_size, self.rows))]
            count = len(places)
            pixels = np.zeros((count, SIDE, SIDE), np.uint8)
            yield ImageBatch(
                source=pa.array([source for source, _ in places], pa.string()),
                row=pa.array([row for _, row in places], pa.int64()),
                label=pa.nulls(count, DIGITS.dtype),
                images=pa.nulls(count, pa.binary()) if self.encoded else pixels,
                error=pa.repeat(pa.scalar(error, pa.string()), count),
            )

    def take(self, places: npt.NDArray[np.int64]) -> "Shard":
        """Return a shard of some rows, by their places in this one, ascending int64 (k,)."""
        return TakenRows(self, places)

    def place(self, row: int) -> tuple[str, int]:
        """Return the columns `source` and `row` of a row, by its place in the shard from 0.

        Here the shard is read as far as the row.
        """
        place = row
        for batch in self.read(BATCH_ROWS):
            if place < len(batch):
                return batch.source[place].as_py(), batch.row[place].as_py()
            place -= len(batch)
        raise IndexError(f"row {row} of {self.rows}")


def sha256_of(contents: Iterable[str | bytes]) -> str:
    """Return one SHA-256 of several texts, in hexadecimal; each counts with its length."""
    found = hashlib.sha256()
    for text in contents:
        content = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text
        found.update(b"%d " % len(content) + content)
    return found.hexdigest()


@dataclass(frozen=True, eq=False)
class WrappedShard(Shard):
    """A shard that reads another one; what it changes of that, it overrides."""

    shard: Shard

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.shard.rows

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return self.shard.encoded

    @property
    def source(self) -> str:
        """The source of the shard that is read."""
        return self.shard.source

    def fetching(self) -> Shard:
        """Return it with the other shard being fetched."""
        shard = self.shard.fetching()
        return self if shard is self.shard else replace(self, shard=shard)

    def read_from(self) -> Sequence[str | bytes]:
        """Return what that is read from."""
        return self.shard.read_from()


@dataclass(frozen=True, eq=False)
class TakenRows(WrappedShard):
    """Some rows of a shard that is read whole."""

    places: npt.NDArray[np.int64]  # where the rows stand in it, ascending int64 (k,)

    @property
    def rows(self) -> int:
        """The number of rows that are taken."""
        return len(self.places)

    def read_from(self) -> Sequence[str | bytes]:
        """Return what the whole shard is read from, and the places."""
        return [*self.shard.read_from(), self.places.tobytes()]

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order, in batches of at most `batch_size`."""
        start = 0
        for batch in self.shard.read(batch_size):
            stop = start + len(batch)
            inside = self.places[(self.places >= start) & (self.places < stop)]
            if len(inside):
                yield batch if len(inside) == len(batch) else batch.take(inside - start)
            start = stop
            if not len(self.places) or start > self.places[-1]:
                return


def spread_rows(shards: Sequence[Shard], rows: int) -> Sequence[Shard]:
    """Return shards of some rows, spread evenly over an input: its first rows may be of one digit.

    Args:
        shards: of the input; of a large one only some are read, spread evenly too.
        rows: how many rows; all if there are fewer.
    """
    count = min(len(shards), _MAX_SPREAD_SHARDS)
    shards = [shards[place * len(shards) // count] for place in range(count)]
    ends = np.cumsum([shard.rows for shard in shards])
    if not count or ends[-1] <= rows:
        return shards
    shares = np.diff(ends * rows // ends[-1], prepend=0).tolist()
    return [
        shard.take(_evenly(share, shard.rows))
        for shard, share in zip(shards, shares, strict=True)
        if share
    ]


def _evenly(count: int, rows: int) -> npt.NDArray[np.int64]:
    """Return the places of `count` of `rows` rows: each in the middle of its section."""
    places: npt.NDArray[np.int64] = (2 * np.arange(count) + 1) * rows // (2 * count)
    return places


@dataclass(frozen=True)
class UnreadableSource(Shard):
    """A source whose rows cannot be counted, as a single row that says why."""

    source: str  # the column `source`, as text that Arrow can hold
    error: str  # the column `error`
    failure: str  # the same for the user
    label_type: pa.DataType = DIGITS.dtype  # the type of the column `label`
    rows = 1
    encoded = False

    @property
    def uncounted(self) -> Sequence[str]:
        """The source."""
        return (self.source,)

    @property
    def failures(self) -> Sequence[str]:
        """The only one."""
        return (self.failure,)

    def read_from(self) -> Sequence[str | bytes]:
        """Return source and error."""
        return [self.source, self.error]

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the row."""
        del batch_size
        yield ImageBatch(
            source=pa.array([self.source], pa.string()),
            row=pa.array([0], pa.int64()),
            label=pa.nulls(1, self.label_type),
            images=np.zeros((1, SIDE, SIDE), np.uint8),
            error=pa.array([self.error], pa.string()),
        )


@dataclass(frozen=True)
class PackedParts:
    """That files are the parts of one packed folder, which is one source as a packed file is."""

    folder: str  # what the output calls the folder, without a slash at its end
    rows: Sequence[int]  # of each file, as the manifest says


@dataclass(frozen=True)
class NamedFiles:
    """Files of one format that one INPUT names."""

    # Relative to the INPUT, in order. A folder that cannot be listed is among them, with a `/` at
    # its end.
    names: Sequence[str]
    paths: Sequence[str]  # where they are
    sources: Sequence[str]  # what the output calls them
    # Files of labels in the INPUT folder and those in it, by the folder that they lie in: relative
    # to the INPUT, with a `/` at its end, or empty.
    metadata: Mapping[str, Place] = field(default_factory=dict)
    objects: "ListedObjects | None" = None  # what is known of images that lie in object storage
    parts: PackedParts | None = None  # that they belong together; None where each is for itself


@dataclass(frozen=True)
class ReadSettings:
    """How the files of a run are read."""

    image_column: str | None = None  # the column of images; None to find it
    label_column: str | None = None  # the column of labels; None for `label`, where there is one
    # Labels from elsewhere, which then count alone; None to take the inputs' own.
    label_file: LabelFile | None = None
    unlabelled: bool = False  # read no labels at all
    label_pattern: LabelPattern | None = None  # finds labels in the names of files
    # The folder of files that Parquet files name, without links in its path; None to read none.
    image_root: str | None = None
    # What labels are numbers of; None where this is to be found, see `Numbering`.
    classes: Classes | None = DIGITS
    named_by_folders: bool = False  # whether folders of images give classes their names
    keep: Sequence[str] = ()  # the columns that the predictions keep, where a file has them
    portable: bool = False  # whether files are known without their inodes, on any machine
    # No other file is read. Then the rows of a packed file have just the sources that they were
    # packed from; else the packed file's own source and a `/` stand in front of them.
    alone: bool = True
    # The packed folder that a file is a part of, whose name stands there then in place of its own.
    folder: str | None = None

    @property
    def partition_key(self) -> str:
        """The key of `key=value` in the names of folders that hold one label."""
        return self.label_column or "label"

    def looked_up(
        self, source: str, first_row: int, rows: int
    ) -> "tuple[ReadSettings, pa.Array | None]":
        """Return the settings without the file of labels, and what it says of consecutive rows.

        A shard is pickled so: of a million lines those for its rows. None where there is no file.
        """
        if self.label_file is None:
            return self, None
        numbers = np.arange(first_row, first_row + rows)
        labels = self.label_file.lookup([text_of_path(source)], numbers)
        return replace(self, label_file=None), labels

    def numbering(self, stated: tuple[str, ...] | None = None) -> Numbering:
        """Return what labels mean, of data that states such names itself."""
        return Numbering(self.classes, stated)
