"""Cut an output into parts, record what they depend on, and write them to files.

A part is what is committed at once. A later run uses a part again only if it would write the same
rows; so the manifest holds all that the parts depend on, and a part's file says of which run it is
and which part of it: under the checksum, so that a part that is renamed, copied or left there late
by another run is never taken for what it is not.
"""

import contextlib
import hashlib
import io
import json
import os
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from mnist_batch.inputs.listing import open_native
from mnist_batch.inputs.shards import SHARD_BYTES, Piece, Shard
from mnist_batch.outputs.targets import output_errors
from mnist_batch.schema import first_rows

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


BLOCKS = 32
"""The least number of the predictor's blocks in a part: the last block is padded, which then
costs no more than 3 % of the time."""

FORMAT = 2
"""The `format` of a manifest; parts of another format are not used."""

_IDENTITY = b"mnist_batch.part"
"""The key of a part's identity in the metadata of its file's schema."""

_NOTE = b"mnist_batch.note"
"""The key of the note on rows in the metadata of their batch."""


@dataclass(frozen=True)
class Part:
    """Consecutive shards, in input order, whose predictions are committed at once."""

    number: int  # among the parts, from 0
    pieces: Sequence[Piece]

    @property
    def shards(self) -> list[Shard]:
        """Its shards."""
        return [piece.shard for piece in self.pieces]

    @cached_property
    def rows(self) -> int:
        """The number of its rows, more than 0."""
        return sum(piece.shard.rows for piece in self.pieces)

    def record(self) -> dict[str, Any]:
        """Return what the part is made of: its rows, and source and fingerprint of each shard."""
        shards = [
            {"first": piece.shard.source, "fingerprint": piece.fingerprint} for piece in self.pieces
        ]
        return {"rows": self.rows, "shards": shards}


def parts_of(shards: Sequence[Shard], block_rows: int) -> list[Part]:
    """Cut shards into parts, each of the fewest shards that are worth the cost of a part.

    These are `BLOCKS` blocks, of the rows that the predictor's network sees at once, whose pieces
    cost 1 or more, or `SHARD_BYTES`. Shards that take long to read are cut again, see
    `Shard.pieces`.
    """
    parts: list[Part] = []
    taken: list[Piece] = []
    rows, cost, size = 0, 0.0, 0
    for piece in (piece for shard in shards for piece in shard.pieces()):
        taken.append(piece)
        rows += piece.shard.rows
        cost += piece.cost
        size += piece.size_bytes
        if rows and (size >= SHARD_BYTES or (cost >= 1 and rows >= BLOCKS * block_rows)):
            parts.append(Part(len(parts), taken))
            taken, rows, cost, size = [], 0, 0.0, 0
    return [*parts, Part(len(parts), taken)] if rows else parts


@dataclass(frozen=True)
class Manifest:
    """What predictions depend on, bit by bit."""

    version: str  # of this package
    model: str  # SHA-256 of the model file, in hexadecimal
    options: Mapping[str, Any]  # by name, those that change a bit of the predictions
    parts: Sequence[Part]  # in input order

    def text(self, attempt: str) -> str:
        """Return the manifest as JSON; `attempt` names the process that works on its parts."""
        parts = [part.record() for part in self.parts]
        record = {"format": FORMAT, "attempt": attempt, **vars(self), "parts": parts}
        return json.dumps(record, indent=1)

    def run(self) -> str:
        """Return what names the run in its parts: 16 digits of the SHA-256, of any attempt."""
        return hashlib.sha256(self.text(attempt="").encode()).hexdigest()[:16]

    def differences(self, content: bytes) -> Iterator[str]:
        """Yield what differs in `content`, of which `is_manifest` is true, one clause each."""
        earlier = json.loads(content)
        if earlier["format"] != FORMAT:
            yield f"its format was {earlier['format']}, and is {FORMAT} now"
            return
        try:
            yield from self._differences(earlier)
        except (LookupError, TypeError, AttributeError):
            yield "its manifest.json is damaged"

    def _differences(self, earlier: Mapping[str, Any]) -> Iterator[str]:
        now = json.loads(self.text(attempt=""))
        for name in ("version", "model"):
            if earlier[name] != now[name]:
                yield f"{name} was {earlier[name]}, and is {now[name]} now"
        options = earlier["options"]
        for name in sorted({*options, *now["options"]}):
            then, today = options.get(name), now["options"].get(name)
            if then != today:
                yield f"{name.replace('_', '-')} was {then}, and is {today} now"
        both = earlier["parts"], now["parts"]
        rows, rows_now = (sum(part["rows"] for part in parts) for parts in both)
        if rows != rows_now:
            yield f"the input had {rows:,} rows, and has {rows_now:,} now"
        before, after = ([shard for part in parts for shard in part["shards"]] for parts in both)
        for then, today in zip(before, after, strict=False):
            if then != today:
                yield f"names, sizes or times of files have changed, from {today['first']} on"
                return


def is_manifest(content: bytes) -> bool:
    """Tell whether the content of a file is a manifest, of any format."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("format"), int) and "parts" in found


@dataclass(frozen=True)
class PartIdentity:
    """Which part of which run a file holds."""

    run: str  # as `Manifest.run` returns it
    number: int
    rows: int  # of the input; each may be several of the predictions

    def metadata(self) -> dict[bytes, bytes]:
        """Return it as metadata of an Arrow schema."""
        return {_IDENTITY: json.dumps(vars(self)).encode()}


# To compress repeated names costs less than to write, sum and remove them.
_WRITING = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


class PartWriter(AbstractContextManager["PartWriter", None]):
    """Writes the Arrow file of a part; a context, after which the file is on disk.

    It raises `OutputError` where the disk refuses.
    """

    def __init__(
        self, out: Path, descriptor: int, schema: pa.Schema, identity: PartIdentity
    ) -> None:
        """Begin the file, open at `descriptor`; errors name the output `out`."""
        self._out = out
        self._file = _SummedFile(descriptor)
        with output_errors(out):
            # Arrow writes a batch in some twenty small pieces.
            self._pieces = pa.BufferedOutputStream(pa.PythonFile(self._file, "w"), 2**20)
            named = schema.with_metadata(identity.metadata())
            self._writer = pa.ipc.new_file(self._pieces, named, options=_WRITING)

    @property
    def checksum(self) -> int:
        """The CRC-32 of the bytes written; of the file after the context."""
        return self._file.checksum

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
        """Write rows, and a note on them, which `read_part` yields with them."""
        with output_errors(self._out):
            self._writer.write_batch(batch, custom_metadata={_NOTE: note})


class _SummedFile(io.BufferedWriter):
    """A file to write, with the CRC-32 of the bytes written."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(io.FileIO(descriptor, "wb"))
        self.checksum = 0

    def write(self, content: "ReadableBuffer") -> int:
        """Write bytes, all of them."""
        self.checksum = zlib.crc32(content, self.checksum)
        return super().write(content)


class KeptRows(NamedTuple):
    """Rows of a part, and the note that was written with them, empty for none."""

    predictions: pa.RecordBatch
    note: bytes


def read_part(path: Path, identity: PartIdentity, checksum: int) -> Iterator[KeptRows]:
    """Yield the batches in a part's file, verified as they are read: the file is read once.

    Raises:
        DamagedPartError: while iterating, the file is another one or damaged; the text says which.
        OSError: while iterating, the file cannot be read.
    """
    with open_native(path) as file:
        content = file.read_buffer()
    if zlib.crc32(content) != checksum:
        raise DamagedPartError("damaged")
    reader = pa.ipc.open_file(content)
    if reader.schema.metadata != identity.metadata():
        raise DamagedPartError("of another run, or another part")
    rows = 0
    for number in range(reader.num_record_batches):
        batch, metadata = reader.get_batch_with_custom_metadata(number)
        rows += int(first_rows(batch).sum())
        note = metadata[_NOTE] if metadata and _NOTE in metadata else b""
        yield KeptRows(batch.replace_schema_metadata(), note)
    if rows != identity.rows:
        raise DamagedPartError("damaged")


class DamagedPartError(Exception):
    """A file is not the part that it is to be; it says in a word what it is."""
