"""The parts of an output that is not whole yet, in a folder beside it: `<out>.staging/`.

A part holds the predictions of consecutive shards, in an Arrow file. It is written under another
name, flushed to disk and renamed, so that whatever is called a part is whole; a crash leaves those
that were finished, and `--resume` goes on from there. The folder holds

- `lock`, locked by the process that writes there;
- `manifest.json`, what the parts are bound to, see `mnist_batch.manifest`;
- `part-000012-8192-9ae0daaf.arrow`, a part under its number, its rows and the CRC-32 of its bytes;
- `committed`, from shortly before the output is put in its place: which file that is, and which
  folders come with it;
- `*.tmp`, what is being written.
"""

import contextlib
import io
import json
import os
import re
import tempfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pyarrow as pa

from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.fingerprints import file_states, fingerprint, first_source
from mnist_batch.image_files import ImageFileShard
from mnist_batch.locks import HeldLock, NoLocksError, lock
from mnist_batch.manifest import Manifest, PartRecord, ShardRecord, is_manifest
from mnist_batch.parquet_files import ParquetShard
from mnist_batch.shards import SHARD_BYTES, SHARD_ROWS, Shard
from mnist_batch.staging import flush, translated

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

BLOCKS = 32
"""A part is so many of the predictor's blocks at least: the last one is padded, which then costs no
more than 3 % of the time."""

PARQUET_SHARDS = 4
"""A part is of so many shards of Parquet, or of one of image files: that takes no less time."""

_LOCK, _MANIFEST, _COMMITTED = "lock", "manifest.json", "committed"
_PART = re.compile(r"part-([0-9]{6,})-([0-9]+)-([0-9a-f]{8})\.arrow")
_TEMPORARY = re.compile(r"(manifest\.json|committed|part|\..*)\.\w{8}\.tmp", re.DOTALL)


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
        shards: in input order; those of large image files are cut again, see `SHARD_BYTES`.
        block_rows: rows that the predictor's network sees at once.
    """
    parts: list[Part] = []
    for pieces in _together(_cut(shards), BLOCKS * block_rows):
        records = [ShardRecord(first_source(one.shard), one.fingerprint) for one in pieces]
        record = PartRecord(sum(one.shard.rows for one in pieces), records)
        parts.append(Part(len(parts), [one.shard for one in pieces], record))
    return parts


class _Piece(NamedTuple):
    """A shard, its fingerprint, and the bytes of its images, about."""

    shard: Shard
    fingerprint: str
    size: int


def _cut(shards: Iterable[Shard]) -> Iterator[_Piece]:
    """Yield shards, those of image files cut by `SHARD_BYTES`."""
    for shard in shards:
        if not isinstance(shard, ImageFileShard):
            size = shard.size if isinstance(shard, ParquetShard) else 0
            yield _Piece(shard, fingerprint(shard), size)
            continue
        states = file_states(shard.paths)
        ends = np.cumsum(states[:, 0].clip(0))
        start, done = 0, 0
        while start < shard.rows:
            stop = min(int(np.searchsorted(ends, done + SHARD_BYTES)) + 1, shard.rows)
            cut, size = shard.slice(start, stop), int(ends[stop - 1]) - done
            yield _Piece(cut, fingerprint(cut, states[start:stop]), size)
            start, done = stop, done + size


def _together(pieces: Iterable[_Piece], blocks_rows: int) -> Iterator[list[_Piece]]:
    """Yield pieces that make a part.

    They have rows enough, `blocks_rows` at least, or `SHARD_BYTES`, or are the last.
    """
    taken: list[_Piece] = []
    rows, share, size = 0, 0.0, 0
    for piece in pieces:
        taken.append(piece)
        rows += piece.shard.rows
        share += _share(piece)
        size += piece.size
        if rows and (size >= SHARD_BYTES or (share >= 1 and rows >= blocks_rows)):
            yield taken
            taken, rows, share, size = [], 0, 0.0, 0
    if rows:
        yield taken


def _share(piece: _Piece) -> float:
    """Return how much of a part a piece is, by its rows."""
    shards = PARQUET_SHARDS if isinstance(piece.shard, ParquetShard) else 1
    return piece.shard.rows / (SHARD_ROWS * shards)


def staging_folder(out: Path) -> Path:
    """Return the folder of an output's parts, beside it; where it is a link, beside the file."""
    place = out.resolve() if out.is_symlink() else out
    name = place.name
    if len(os.fsencode(name)) > _LONGEST_NAME:
        name = f"{name[:_SHORT_NAME]}-{zlib.crc32(os.fsencode(name)):08x}"
    return place.with_name(f"{name}.staging")


_LONGEST_NAME, _SHORT_NAME = 200, 40
"""Bytes that leave room for the suffix, and characters, which take 4 bytes each at most."""


def put_there(out: Path) -> frozenset[str]:
    """Return the outputs, as absolute paths, that a run put there which was killed at its end.

    They are `out` and the folders that came with it, of which some may be missing.
    """
    try:
        identity, outputs = json.loads((staging_folder(out) / _COMMITTED).read_bytes())
        return frozenset(outputs if identity == _identity(out) else ())
    except (OSError, ValueError, TypeError, RecursionError):
        return frozenset()


def rows_kept(out: Path) -> int:
    """Return how many rows of an output that is not whole yet are in parts."""
    try:
        return sum(int(match[2]) for match in _parts_in(staging_folder(out)))
    except OSError:
        return 0


class PartsFolder:
    """The parts of one output, held by this run alone; a context that keeps what is finished.

    On leaving it, the folder is removed if it holds no part, or if `remove` was called.

    Attributes:
        path: the folder; what is written there under names that end in `.tmp` is removed.
        found: numbers of the parts that an earlier run finished, and that this one can use.
        notes: what the user should know of earlier runs, one sentence each.
    """

    def __init__(
        self, out: Path, parts: Sequence[Part], manifest: Manifest, *, resume: bool
    ) -> None:
        """Make the folder, or take over that of a run that was cut short.

        Args:
            out: the output.
            parts: all that there will be.
            manifest: what they depend on.
            resume: use what an earlier run finished; else it is removed.

        Raises:
            OutputError: another run writes there, the folder holds anything else, an earlier run
                was of other inputs, options or another model, or the disk refuses.
        """
        self.path = staging_folder(out)
        self.found: frozenset[int] = frozenset()
        self.notes: list[str] = []
        self._out = out
        self._parts = parts
        self._files: dict[int, Path] = {}
        self._is_done = False
        with translated(out):
            self._lock = self._locked()
        try:
            with translated(out):
                self._begin(manifest, resume=resume)
        except BaseException:
            self._leave(useless=not rows_kept(out))
            raise

    def __enter__(self) -> "PartsFolder":
        """Return the folder."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the folder; remove it if nothing in it is of use."""
        # Asked of the disk: an interrupt may come right after a part has got its name.
        self._leave(useless=self._is_done or not rows_kept(self._out))

    def read(self, part: Part) -> Iterator[pa.RecordBatch]:
        """Yield the predictions of a part that was `found`."""
        with translated(self._out), pa.OSFile(os.fsencode(self._files[part.number])) as file:
            reader = pa.ipc.open_file(file)
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index)

    @contextlib.contextmanager
    def writing(self, part: Part, schema: pa.Schema) -> Iterator["PartWriter"]:
        """Keep the predictions of a part, all of its rows; they are on disk afterwards.

        On an error within the context nothing is kept.

        Raises:
            OutputError: the disk refuses.
        """
        with translated(self._out):
            descriptor, temporary = self._temporary("part")
        try:
            with PartWriter(self._out, descriptor, schema) as writer:
                yield writer
            name = f"part-{part.number:06}-{part.rows}-{writer.checksum:08x}.arrow"
            with translated(self._out):
                self._rename(temporary, name)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        self._files[part.number] = self.path / name

    def announce(self, output: Path, folders: Iterable[Path]) -> None:
        """Note which file becomes the output, right before it does.

        Args:
            output: the file.
            folders: what is put in its place after it.

        Raises:
            OutputError: the disk refuses.
        """
        outputs = [str(path.absolute()) for path in (self._out, *folders)]
        with translated(self._out):
            self._write_whole(_COMMITTED, json.dumps([_identity(output), outputs]))

    def remove(self) -> None:
        """Remove the parts on leaving: the output is whole, and all that belongs to it."""
        self._is_done = True

    def _locked(self) -> HeldLock | None:
        file = self.path / _LOCK
        while True:
            self._refuse_no_folder()
            self.path.mkdir(exist_ok=True)
            try:
                if file.is_symlink() or not file.exists():
                    self._refuse_others()
                held = lock(file)
                if held is None:
                    raise OutputInUseError(
                        f"{self._out}: another run is writing it; wait for its end, or name "
                        "another file"
                    )
            except FileNotFoundError:  # its last holder removed the folder
                continue
            except NoLocksError:
                self.notes.append(
                    f"{self.path}: its file system has no locks, so nothing keeps another run from "
                    "writing the same output"
                )
                held = None
            try:
                self._refuse_others()
            except BaseException:
                if held:
                    held.release()
                raise
            return held

    def _leave(self, *, useless: bool) -> None:
        with contextlib.suppress(OSError):
            for path in self.path.glob("*.tmp"):
                path.unlink()
            if useless:
                self._clear()
                (self.path / _LOCK).unlink(missing_ok=True)
                self.path.rmdir()
        if self._lock:
            self._lock.release()

    def _refuse_no_folder(self) -> None:
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            raise OutputError(
                f"{self.path}: is no folder, where unfinished predictions go; move it away, or "
                "name another output"
            )

    def _refuse_others(self) -> None:
        """Refuse a folder that is not one of parts: nothing in it is touched."""
        for path in self.path.iterdir():
            if path.is_symlink() or not path.is_file() or not _is_ours(path):
                raise OutputError(
                    f"{self.path} holds {path.name}, which no run left there, or which is damaged; "
                    "move it away, or name another output"
                )

    def _begin(self, manifest: Manifest, *, resume: bool) -> None:
        kept = rows_kept(self._out)
        if resume and kept:
            self._take_over(manifest)
            return
        if resume:
            self.notes.append(f"nothing to resume: no part of {self._out} was finished before")
        elif kept:
            self.notes.append(
                f"{kept:,} rows that a run which was cut short had finished were removed; "
                "--resume would have gone on from them"
            )
        self._clear()
        self._write_whole(_MANIFEST, manifest.text())

    def _take_over(self, manifest: Manifest) -> None:
        differences = list(manifest.differences((self.path / _MANIFEST).read_bytes()))
        if differences:
            raise OutputError(
                f"{self.path} is of a run that --resume cannot go on with: "
                f"{'; '.join(differences)}; predict as then, or leave out --resume to begin anew"
            )
        rows = {part.number: part.rows for part in self._parts}
        for match in list(_parts_in(self.path)):
            path, number = self.path / match[0], int(match[1])
            if _is_whole(path, match, rows.get(number)):
                self._files[number] = path
            else:
                path.unlink()
                self.notes.append(f"{path}: damaged; its rows were predicted again")
        self.found = frozenset(self._files)
        kept = sum(rows[number] for number in self.found)
        self.notes.append(f"resumed: {kept:,} of {sum(rows.values()):,} rows were there already")

    def _clear(self) -> None:
        """Remove all but the lock: first the parts, for what stands there tells of them."""
        told = (self.path / _LOCK, self.path / _MANIFEST, self.path / _COMMITTED)
        for path in {*self.path.iterdir()}.difference(told):
            path.unlink()
        for path in told[1:]:
            path.unlink(missing_ok=True)

    def _write_whole(self, name: str, text: str) -> None:
        """Write a file that is either not there or whole, whenever the machine stops."""
        descriptor, temporary = self._temporary(name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        self._rename(temporary, name)

    def _temporary(self, name: str) -> tuple[int, Path]:
        # Never one that is there already, be it a link to elsewhere.
        descriptor, path = tempfile.mkstemp(dir=self.path, prefix=f"{name}.", suffix=".tmp")
        return descriptor, Path(path)

    def _rename(self, temporary: Path, name: str) -> None:
        """Give a temporary file, which is on disk, its name."""
        temporary.replace(self.path / name)
        flush(self.path)


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
        with translated(out):
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
                with translated(self._out):
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
        with translated(self._out):
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


def _is_ours(path: Path) -> bool:
    """Tell whether a file in a folder of parts is one that a run left there."""
    if path.name == _LOCK:
        return path.stat().st_size == 0
    if path.name == _MANIFEST:
        return is_manifest(path.read_bytes())
    if path.name == _COMMITTED or _TEMPORARY.fullmatch(path.name):
        return True
    return bool(_PART.fullmatch(path.name)) and path.with_name(_MANIFEST).exists()


def _parts_in(folder: Path) -> Iterator[re.Match[str]]:
    """Yield the names of files that are called parts, matched by `_PART`."""
    for path in sorted(folder.iterdir()):
        if match := _PART.fullmatch(path.name):
            yield match


def _is_whole(path: Path, match: re.Match[str], rows: int | None) -> bool:
    """Tell whether a part is as it was written, and has the rows that it has to have."""
    if f"{_checksum(path):08x}" != match[3]:
        return False
    try:
        with pa.memory_map(str(path)) as file:
            reader = pa.ipc.open_file(file)
            numbers = range(reader.num_record_batches)
            found: int = sum(reader.get_batch(number).num_rows for number in numbers)
    except (OSError, pa.ArrowException):
        return False
    return int(match[2]) == found == rows


def _checksum(path: Path) -> int:
    """Return the CRC-32 of a file's bytes."""
    checksum = 0
    with path.open("rb") as file:
        while piece := file.read(2**20):
            checksum = zlib.crc32(piece, checksum)
    return checksum


def _identity(path: Path) -> str:
    """Return what tells a file from others, whatever it is called."""
    status = path.stat()
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
