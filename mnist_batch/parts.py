"""The parts of an output that is not whole yet, in a folder beside it: `<out>.staging/`.

A part holds the predictions of consecutive shards, in an Arrow file. It is written under another
name, flushed to disk and renamed, so that whatever is called a part is whole; a crash leaves those
that were finished, and `--resume` goes on from there. The folder holds

- `lock`, locked by the process that writes there;
- `manifest.json`, what the parts are bound to, see `mnist_batch.manifest`;
- `part-000012-8192-9ae0daaf.arrow`, a part under its number, its rows and the CRC-32 of its bytes;
- `committed`, from shortly before the output is put in its place: which file that is;
- `*.tmp`, what is being written.
"""

import contextlib
import os
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from mnist_batch.errors import OutputError
from mnist_batch.fingerprints import fingerprint, first_source
from mnist_batch.locks import HeldLock, NoLocksError, lock
from mnist_batch.manifest import Manifest, PartRecord
from mnist_batch.shards import SHARD_ROWS, Shard
from mnist_batch.staging import flush, translated

BLOCKS = 32
"""A part is so many of the predictor's blocks at least: the last one is padded, which then costs no
more than 3 % of the time."""

_LOCK, _MANIFEST, _COMMITTED = "lock", "manifest.json", "committed"
_PART = re.compile(r"part-([0-9]{6,})-([0-9]+)-([0-9a-f]{8})\.arrow")


@dataclass(frozen=True)
class Part:
    """Consecutive shards whose predictions are kept together.

    Attributes:
        number: its place among the parts, from 0.
        shards: in input order.
        rows: the number of rows in them, more than 0.
    """

    number: int
    shards: Sequence[Shard]
    rows: int

    def record(self) -> PartRecord:
        """Return what the part is made of."""
        prints = [fingerprint(shard) for shard in self.shards]
        return PartRecord(self.rows, first_source(self.shards[0]), " ".join(prints))


def parts_of(shards: Sequence[Shard], block_rows: int) -> list[Part]:
    """Cut shards into parts, each of one shard where that is large enough.

    Args:
        shards: in input order.
        block_rows: rows that the predictor's network sees at once.
    """
    least = max(SHARD_ROWS, BLOCKS * block_rows)
    parts: list[Part] = []
    taken: list[Shard] = []
    rows = 0
    for number, shard in enumerate(shards, start=1):
        taken.append(shard)
        rows += shard.rows
        if rows >= least or (rows and number == len(shards)):
            parts.append(Part(len(parts), taken, rows))
            taken, rows = [], 0
    return parts


def staging_folder(out: Path) -> Path:
    """Return the folder of an output's parts."""
    return out.with_name(f"{out.name}.staging")


def is_committed(out: Path) -> bool:
    """Tell whether an output was put there by a run that was killed before its very end."""
    try:
        return (staging_folder(out) / _COMMITTED).read_text() == _identity(out)
    except OSError:
        return False


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
        with translated(out):
            self._lock = self._locked()
        try:
            with translated(out):
                self._begin(manifest, resume=resume)
        except BaseException:
            self._release()
            raise

    def __enter__(self) -> "PartsFolder":
        """Return the folder."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let go of the folder; remove it if nothing in it is of use."""
        with contextlib.suppress(OSError):
            for path in self.path.glob("*.tmp"):
                path.unlink()
            if not self._files:
                self._clear()
                (self.path / _LOCK).unlink()
                self.path.rmdir()
        self._release()

    def read(self, part: Part) -> Iterator[pa.RecordBatch]:
        """Yield the predictions of a part that was `found`."""
        with translated(self._out), pa.OSFile(os.fsencode(self._files[part.number])) as file:
            reader = pa.ipc.open_file(file)
            for index in range(reader.num_record_batches):
                yield reader.get_batch(index)

    def write(self, part: Part, batches: Sequence[pa.RecordBatch]) -> None:
        """Keep the predictions of a part, all of its rows; they are on disk afterwards.

        Raises:
            OutputError: the disk refuses.
        """
        content = pa.BufferOutputStream()
        with pa.ipc.new_file(content, batches[0].schema) as writer:
            for batch in batches:
                writer.write_batch(batch)
        buffer = content.getvalue()
        name = f"part-{part.number:06}-{part.rows}-{zlib.crc32(buffer):08x}.arrow"
        with translated(self._out):
            self._write_whole(name, memoryview(buffer))
        self._files[part.number] = self.path / name

    def announce(self, output: Path) -> None:
        """Note which file becomes the output, right before it does.

        Raises:
            OutputError: the disk refuses.
        """
        with translated(self._out):
            self._write_whole(_COMMITTED, _identity(output).encode())

    def remove(self) -> None:
        """Remove the parts: the output is whole, and all that belongs to it."""
        self._files = {}

    def _locked(self) -> HeldLock | None:
        while True:
            self._refuse_others()
            self.path.mkdir(exist_ok=True)
            try:
                held = lock(self.path / _LOCK)
            except FileNotFoundError:  # its last holder removed the folder
                continue
            except NoLocksError:
                self.notes.append(
                    f"{self.path}: its file system has no locks, so nothing keeps another run from "
                    "writing the same output"
                )
                return None
            if held is None:
                raise OutputError(
                    f"{self._out}: another run is writing it; wait for its end, or name another "
                    "file"
                )
            return held

    def _release(self) -> None:
        if self._lock:
            self._lock.release()

    def _refuse_others(self) -> None:
        """Refuse a folder that is not one of parts: nothing in it is touched."""
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            raise OutputError(
                f"{self.path}: is no folder, where unfinished predictions go; move it away, or "
                "name another output"
            )
        for path in self.path.iterdir() if self.path.exists() else ():
            known = path.name in (_LOCK, _MANIFEST, _COMMITTED) or path.suffix == ".tmp"
            if path.is_dir() or not (known or _PART.fullmatch(path.name)):
                raise OutputError(
                    f"{self.path} holds {path.name}, which no run left there; move it away, or "
                    "name another output"
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
        self._write_whole(_MANIFEST, manifest.text().encode())

    def _take_over(self, manifest: Manifest) -> None:
        differences = list(manifest.differences((self.path / _MANIFEST).read_text("utf-8")))
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

    def _write_whole(self, name: str, content: bytes | memoryview) -> None:
        """Write a file that is either not there or whole, whenever the machine stops."""
        temporary = self.path / f"{name}.tmp"
        temporary.write_bytes(content)
        flush(temporary)
        temporary.replace(self.path / name)
        flush(self.path)


def _parts_in(folder: Path) -> Iterator[re.Match[str]]:
    """Yield the names of files that are called parts, matched by `_PART`."""
    for path in sorted(folder.iterdir()):
        if match := _PART.fullmatch(path.name):
            yield match


def _is_whole(path: Path, match: re.Match[str], rows: int | None) -> bool:
    """Tell whether a part is as it was written, and has the rows that it has to have."""
    content = path.read_bytes()
    if f"{zlib.crc32(content):08x}" != match[3]:
        return False
    try:
        reader = pa.ipc.open_file(content)
    except pa.ArrowException:
        return False
    batches = (reader.get_batch(index) for index in range(reader.num_record_batches))
    found: int = sum(batch.num_rows for batch in batches)
    return int(match[2]) == found == rows


def _identity(path: Path) -> str:
    """Return what tells a file from others, whatever it is called."""
    status = path.stat()
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
