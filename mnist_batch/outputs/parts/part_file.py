"""The file of a part, whose name says of which run it is and which part of it.

They are under its checksum, so that a part that is renamed, copied or left there late by another
run is never taken for what it is not.
"""

import contextlib
import hashlib
import io
import json
import os
import re
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from mnist_batch.errors import OutputError
from mnist_batch.inputs.texts import own_rows_of_columns
from mnist_batch.outputs.targets import flush_names, output_errors
from mnist_batch.schema import first_rows

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

    from mnist_batch.outputs.parts.parquet_part import ParquetPart

_IDENTITY = b"mnist_batch.part"
"""The key of a part's identity in the metadata of its file's schema."""

_NOTE = b"mnist_batch.note"
"""The key of the note on rows in the metadata of their batch."""


# Up to format 1 of the manifest the names of parts had no run.
PART_NAME = re.compile(
    r"part-(?:(?P<run>[0-9a-f]{16})-)?(?P<number>[0-9]{6,})-(?P<rows>[0-9]+)"
    r"-(?P<checksum>[0-9a-f]{8})\.(?P<kind>arrow|parquet)"
)
"""The name of a part's file: see `PartIdentity.file_name`."""


class PartKind(StrEnum):
    """What the file of a part is: Arrow, to be written into one output, or a file of the output."""

    ARROW = "arrow"
    PARQUET = "parquet"


@dataclass(frozen=True)
class PartIdentity:
    """Which part of which run a file holds."""

    run: str  # as `Manifest.run` returns it
    number: int
    rows: int  # of the input; each may be several of the predictions
    kind: PartKind = PartKind.ARROW

    def file_name(self, checksum: int) -> str:
        """Return what the file is called, given the CRC-32 of its bytes, begun at `seed`."""
        return f"part-{self.run}-{self.number:06}-{self.rows}-{checksum:08x}.{self.kind}"

    def seed(self) -> int:
        """Return what the CRC-32 of the bytes begins at: no other name fits those of Parquet.

        Arrow's bytes repeat the name.
        """
        if self.kind is PartKind.ARROW:
            return 0
        return zlib.crc32(f"{self.run}-{self.number}-{self.rows}".encode())

    def metadata(self) -> dict[bytes, bytes]:
        """Return it as metadata of an Arrow schema."""
        told = {"run": self.run, "number": self.number, "rows": self.rows}
        return {_IDENTITY: json.dumps(told).encode()}


class PartContent(NamedTuple):
    """What a part holds that stays a file of the output."""

    rows: int  # of the predictions
    sha256: str  # of the file, in hexadecimal


# To compress repeated names costs less than to write, sum and remove them.
_WRITING = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


class PartWriter(AbstractContextManager["PartWriter", None]):
    """Writes the file of a part; a context, after which the file is on disk.

    It raises `OutputError` where the disk refuses.
    """

    def __init__(
        self, out: str | Path, descriptor: int, schema: pa.Schema, identity: PartIdentity
    ) -> None:
        """Begin the file, open at `descriptor`; errors name the output `out`."""
        self._out = out
        self._rows = 0
        self._file = _SummedFile(
            descriptor, identity.seed(), hashed=identity.kind is PartKind.PARQUET
        )
        with output_errors(out):
            # Arrow writes a batch in some twenty small pieces.
            self._pieces = pa.BufferedOutputStream(pa.PythonFile(self._file, "w"), 2**20)
            self._writer = _begun(self._pieces, schema, identity)

    @property
    def checksum(self) -> int:
        """The CRC-32 of the bytes written, as in the name; of the file after the context."""
        return self._file.checksum

    @property
    def content(self) -> PartContent | None:
        """What the file holds, after the context; None for one that is Arrow."""
        digest = self._file.sha256
        return PartContent(self._rows, digest.hexdigest()) if digest else None

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write the rest and wait until it is on disk, unless there was an error."""
        try:
            if kind is None:
                with output_errors(self._out):
                    self._writer.close()
                    self._pieces.flush()
                    self._file.flush()
                    os.fsync(self._file.fileno())
        finally:
            with contextlib.suppress(OSError):
                self._pieces.close()

    def write(self, batch: pa.RecordBatch, note: bytes = b"") -> None:
        """Write rows, and a note on them, which `read_part` yields with them.

        A note is JSON of lists of counts by name; those on several batches may become their sum.
        """
        self._rows += len(batch)
        with output_errors(self._out):
            self._writer.write(batch, note)


class _ArrowPart:
    """Writes the content of a part as Arrow, with its identity under the checksum."""

    def __init__(self, stream: pa.NativeFile, schema: pa.Schema, identity: PartIdentity) -> None:
        named = schema.with_metadata(identity.metadata())
        self._writer = pa.ipc.new_file(stream, named, options=_WRITING)

    def write(self, batch: pa.RecordBatch, note: bytes) -> None:
        # Of a slice Arrow would write more than its rows: other bytes in each process.
        self._writer.write_batch(own_rows_of_columns(batch), custom_metadata={_NOTE: note})

    def close(self) -> None:
        self._writer.close()


def _begun(
    stream: pa.NativeFile, schema: pa.Schema, identity: PartIdentity
) -> "ParquetPart | _ArrowPart":
    """Begin the content of a part; the stream stays open."""
    if identity.kind is PartKind.ARROW:
        return _ArrowPart(stream, schema, identity)
    from mnist_batch.outputs.parts.parquet_part import ParquetPart  # late: for a data set alone

    return ParquetPart(stream, schema)


@contextlib.contextmanager
def write_part(
    folder: Path, out: str | Path, identity: PartIdentity, schema: pa.Schema
) -> Iterator[PartWriter]:
    """Write all rows of a part, the lock of the folder held or not: its file's name is its own.

    After the context the file is in the folder and on disk, after an error it is not there. Two
    attempts that write the same bytes write the same file.

    Raises:
        OutputError: the file cannot be written; it names the output `out`.
    """
    with folder_errors(folder, out):
        descriptor, temporary = temporary_file(folder, "part")
    try:
        with PartWriter(out, descriptor, schema, identity) as writer:
            yield writer
        with folder_errors(folder, out):
            rename(temporary, folder / identity.file_name(writer.checksum))
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


@contextlib.contextmanager
def folder_errors(folder: Path, out: str | Path) -> Iterator[None]:
    """Raise what the system says of the folder of an output's parts as an `OutputError`."""
    with output_errors(out):
        try:
            yield
        except FileNotFoundError as error:
            raise OutputError(
                f"{folder}: was removed, or taken by another run, in mid-run; predict again"
            ) from error


def temporary_file(folder: Path, name: str) -> tuple[int, Path]:
    """Create a file that is to get a name in the folder; return its descriptor and its path."""
    # mkstemp opens no file or link that exists.
    descriptor, path = tempfile.mkstemp(dir=folder, prefix=f"{name}.", suffix=".tmp")
    return descriptor, Path(path)


def rename(temporary: Path, path: Path) -> None:
    """Give a temporary file, which is on disk, its name in the same folder."""
    temporary.replace(path)
    flush_names(path.parent)


class _SummedFile(io.BufferedWriter):
    """A file to write, with the CRC-32 of the bytes written and, where wanted, their SHA-256."""

    def __init__(self, descriptor: int, seed: int, *, hashed: bool) -> None:
        super().__init__(io.FileIO(descriptor, "wb"))
        self.checksum = seed
        self.sha256 = hashlib.sha256() if hashed else None

    def write(self, content: "ReadableBuffer") -> int:
        """Write bytes, all of them."""
        self.checksum = zlib.crc32(content, self.checksum)
        if self.sha256:
            self.sha256.update(content)
        return super().write(content)


class KeptRows(NamedTuple):
    """Rows of a part, and the note that was written with them, empty for none."""

    predictions: pa.RecordBatch
    note: bytes


def read_part(content: pa.Buffer, identity: PartIdentity, checksum: int) -> Iterator[KeptRows]:
    """Yield the batches in a part's file, whose content is verified in memory.

    Raises:
        DamagedPartError: while iterating, the file is another one or damaged; the text says which.
    """
    if zlib.crc32(content, identity.seed()) != checksum:
        raise DamagedPartError("damaged")
    rows = 0
    for batch, note in _batches(content, identity):
        rows += int(first_rows(batch).sum())
        yield KeptRows(batch, note)
    if rows != identity.rows:
        raise DamagedPartError("damaged")


def _batches(content: pa.Buffer, identity: PartIdentity) -> Iterator[tuple[pa.RecordBatch, bytes]]:
    if identity.kind is PartKind.ARROW:
        return _read_arrow(content, identity)
    from mnist_batch.outputs.parts.parquet_part import read_parquet_part  # late, too

    return read_parquet_part(content)


def _read_arrow(
    content: pa.Buffer, identity: PartIdentity
) -> Iterator[tuple[pa.RecordBatch, bytes]]:
    reader = pa.ipc.open_file(content)
    if reader.schema.metadata != identity.metadata():
        raise DamagedPartError("of another run, or another part")
    for number in range(reader.num_record_batches):
        batch, metadata = reader.get_batch_with_custom_metadata(number)
        note = metadata[_NOTE] if metadata and _NOTE in metadata else b""
        yield batch.replace_schema_metadata(), note


class DamagedPartError(Exception):
    """A file is not the part that it is to be; it says in a word what it is."""
