"""What the parts of an unfinished output are bound to: model, options, version and inputs.

Parts are only used again by a run that would write the same bytes. So the manifest holds whatever
they depend on, and says what differs where something does.
"""

import contextlib
import io
import json
import os
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from mnist_batch.inputs.files import open_native
from mnist_batch.inputs.shards import SHARD_BYTES, Piece, Shard
from mnist_batch.outputs.atomic import output_errors

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


FORMAT = 1
"""The `format` of a manifest; parts of another one are not used."""


@dataclass(frozen=True)
class ShardRecord:
    """What a shard of a part is made of.

    Attributes:
        first: the source of its first row.
        fingerprint: of the files that it is read from, see `Shard.fingerprint`.
    """

    first: str
    fingerprint: str


@dataclass(frozen=True)
class PartRecord:
    """What a part is made of.

    Attributes:
        rows: its number of rows.
        shards: in input order.
    """

    rows: int
    shards: Sequence[ShardRecord]


@dataclass(frozen=True)
class Manifest:
    """What predictions depend on.

    Attributes:
        version: of this package.
        model: SHA-256 of the model file, in hexadecimal.
        options: by name, those that change a bit of the predictions.
        parts: in input order.
    """

    version: str
    model: str
    options: Mapping[str, Any]
    parts: Sequence[PartRecord]

    def text(self) -> str:
        """Return the manifest as JSON."""
        return json.dumps({"format": FORMAT, **self._record()}, indent=1)

    def differences(self, content: bytes) -> Iterator[str]:
        """Yield what differs from an earlier manifest, one clause each; nothing where it is equal.

        Args:
            content: the earlier one, of which `is_manifest` is true.
        """
        earlier = json.loads(content)
        if earlier["format"] != FORMAT:
            yield f"its format was {earlier['format']}, and is {FORMAT} now"
            return
        try:
            yield from self._differences(earlier)
        except (LookupError, TypeError, AttributeError):
            yield "its manifest.json is damaged"

    def _record(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "model": self.model,
            "options": dict(self.options),
            "parts": [asdict(part) for part in self.parts],
        }

    def _differences(self, earlier: Mapping[str, Any]) -> Iterator[str]:
        now = self._record()
        for name in ("version", "model"):
            if earlier[name] != now[name]:
                yield f"{name} was {earlier[name]}, and is {now[name]} now"
        options = earlier["options"]
        for name in sorted({*options, *now["options"]}):
            then, today = options.get(name), now["options"].get(name)
            if then != today:
                yield f"{name.replace('_', '-')} was {then}, and is {today} now"
        rows, rows_now = (
            sum(part["rows"] for part in parts) for parts in (earlier["parts"], now["parts"])
        )
        if rows != rows_now:
            yield f"the input had {rows:,} rows, and has {rows_now:,} now"
        before, after = (
            [shard for part in parts for shard in part["shards"]]
            for parts in (earlier["parts"], now["parts"])
        )
        for then, today in zip(before, after, strict=False):
            if then != today:
                yield f"names, sizes or times of files have changed, from {today['first']} on"
                return


def is_manifest(content: bytes) -> bool:
    """Tell whether a file holds a manifest, of whichever format."""
    try:
        found = json.loads(content)
    except (ValueError, RecursionError):
        return False
    return isinstance(found, dict) and isinstance(found.get("format"), int) and "parts" in found


BLOCKS = 32
"""A part is so many of the predictor's blocks at least: the last one is padded, which then costs no
more than 3 % of the time."""


@dataclass(frozen=True)
class Part:
    """Consecutive shards whose predictions are kept together.

    Attributes:
        number: its place among the parts, from 0.
        shards: in input order.
        record: what they are made of, and the number of their rows, more than 0.
    """

    number: int
    shards: Sequence[Shard]
    record: PartRecord

    @property
    def rows(self) -> int:
        """The number of rows."""
        return self.record.rows


def parts_of(shards: Sequence[Shard], block_rows: int) -> list[Part]:
    """Cut shards into parts, each of as few as make one that is worth the trouble.

    Args:
        shards: in input order; one that takes long to read is cut again, see `Shard.pieces`.
        block_rows: rows that the predictor's network sees at once.
    """
    parts: list[Part] = []
    cut = (piece for shard in shards for piece in shard.pieces())
    for pieces in _together(cut, BLOCKS * block_rows):
        records = [ShardRecord(one.shard.source, one.fingerprint) for one in pieces]
        record = PartRecord(sum(one.shard.rows for one in pieces), records)
        parts.append(Part(len(parts), [one.shard for one in pieces], record))
    return parts


def _together(pieces: Iterable[Piece], blocks_rows: int) -> Iterator[list[Piece]]:
    """Yield pieces that make a part.

    They have rows enough, `blocks_rows` at least, or `SHARD_BYTES`, or are the last.
    """
    taken: list[Piece] = []
    rows, cost, size = 0, 0.0, 0
    for piece in pieces:
        taken.append(piece)
        rows += piece.shard.rows
        cost += piece.cost
        size += piece.size_bytes
        if rows and (size >= SHARD_BYTES or (cost >= 1 and rows >= blocks_rows)):
            yield taken
            taken, rows, cost, size = [], 0, 0.0, 0
    if rows:
        yield taken


# To compress names that repeat costs less than to write, sum and remove them.
_WRITING = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


class PartWriter:
    """The Arrow file of a part that is being written; a context, after which it is on disk.

    Attributes:
        checksum: the CRC-32 of its bytes, after the context.
    """

    def __init__(self, out: Path, descriptor: int, schema: pa.Schema) -> None:
        """Begin the file, which is open for writing, in the name of the output `out`.

        Raises:
            OutputError: the disk refuses.
        """
        self._out = out
        self._file = _SummedFile(descriptor)
        with output_errors(out):
            # A batch is some twenty small pieces.
            self._pieces = pa.BufferedOutputStream(pa.PythonFile(self._file, "w"), 2**20)
            self._writer = pa.ipc.new_file(self._pieces, schema, options=_WRITING)

    @property
    def checksum(self) -> int:
        """The CRC-32 of what was written."""
        return self._file.checksum

    def __enter__(self) -> "PartWriter":
        """Return the writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what remains and wait until it is on disk, unless there was an error."""
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

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows.

        Raises:
            OutputError: the disk refuses.
        """
        with output_errors(self._out):
            self._writer.write_batch(batch)


class _SummedFile(io.BufferedWriter):
    """A file that is written, and the CRC-32 of what was."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(io.FileIO(descriptor, "wb"))
        self.checksum = 0

    def write(self, content: "ReadableBuffer") -> int:
        """Write bytes, all of them."""
        self.checksum = zlib.crc32(content, self.checksum)
        return super().write(content)


def is_whole(path: Path, checksum: int, rows: int) -> bool:
    """Tell whether a file is as it was written, and has so many rows."""
    if _checksum(path) != checksum:
        return False
    try:
        with open_native(path) as file:
            reader = pa.ipc.open_file(file)
            numbers = range(reader.num_record_batches)
            found: int = sum(reader.get_batch(number).num_rows for number in numbers)
    except (OSError, pa.ArrowException):
        return False
    return found == rows


def _checksum(path: Path) -> int:
    """Return the CRC-32 of a file's bytes."""
    checksum = 0
    with path.open("rb") as file:
        while piece := file.read(2**20):
            checksum = zlib.crc32(piece, checksum)
    return checksum
