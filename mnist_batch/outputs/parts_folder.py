"""The parts of an output that is not whole yet, in a folder beside it: `<out>.staging/`.

A part holds the predictions of consecutive shards, in an Arrow file. It is written under another
name, flushed to disk and renamed, so that whatever is called a part is whole; a crash leaves those
that were finished, and `--resume` goes on from there. The folder holds

- `lock`, locked by the process that writes there;
- `manifest.json`, what the parts are bound to, see `mnist_batch.outputs.parts`;
- `part-000012-8192-9ae0daaf.arrow`, a part under its number, its rows and the CRC-32 of its bytes;
- `committed`, from shortly before the output is put in its place: which file that is, and which
  folders come with it;
- `*.tmp`, what is being written.
"""

import contextlib
import json
import os
import re
import tempfile
import zlib
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.inference.pipeline import PredictedBatch
from mnist_batch.outputs.atomic import (
    HeldLock,
    NoLocksError,
    behind_links,
    flush,
    lock,
    output_errors,
)
from mnist_batch.outputs.parts import Manifest, Part, PartWriter, is_manifest, is_whole

_LOCK, _MANIFEST, _COMMITTED = "lock", "manifest.json", "committed"
_PART = re.compile(r"part-([0-9]{6,})-([0-9]+)-([0-9a-f]{8})\.arrow")
_TEMPORARY = re.compile(r"(manifest\.json|committed|part|\..*)\.\w{8}\.tmp", re.DOTALL)


def staging_folder(out: Path) -> Path:
    """Return the folder of an output's parts, beside it; where it is a link, beside the file."""
    place = behind_links(out) if out.is_symlink() else out
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
        with output_errors(out):
            self._lock = self._locked()
        try:
            with output_errors(out):
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
        with output_errors(self._out), pa.OSFile(os.fsencode(self._files[part.number])) as file:
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
        with output_errors(self._out):
            descriptor, temporary = self._temporary("part")
        try:
            with PartWriter(self._out, descriptor, schema) as writer:
                yield writer
            name = f"part-{part.number:06}-{part.rows}-{writer.checksum:08x}.arrow"
            with output_errors(self._out):
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
        with output_errors(self._out):
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
            as_named = int(match[2]) == rows.get(number)
            if as_named and is_whole(path, int(match[3], 16), rows[number]):
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


def _identity(path: Path) -> str:
    """Return what tells a file from others, whatever it is called."""
    status = path.stat()
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"


class PartRows(NamedTuple):
    """Consecutive rows of a part.

    Attributes:
        predictions: the columns that are written.
        batch: what they were predicted from; None where an earlier run did.
    """

    predictions: pa.RecordBatch
    batch: PredictedBatch | None


def predict_parts(
    parts: Sequence[Part],
    folder: PartsFolder,
    predict: Callable[[Sequence[Part]], Generator[PredictedBatch, None, None]],
    *,
    schema: pa.Schema,
    again: Callable[[pa.RecordBatch], bool],
) -> Iterator[PartRows]:
    """Yield the rows of all parts; each part that is predicted is kept once it is complete.

    Args:
        parts: all rows, cut by `parts.parts_of`.
        folder: where parts are found and kept.
        predict: yields the predictions of some of the parts, in order.
        schema: the columns of the predictions that are written.
        again: tells of kept predictions whether their part has to be predicted again all the same.

    Raises:
        OutputError: the disk refuses.
        MnistBatchError: what `predict` raises.
    """
    kept = {
        part.number
        for part in parts
        if part.number in folder.found and not any(map(again, folder.read(part)))
    }
    with closing(predict([part for part in parts if part.number not in kept])) as batches:
        for part in parts:
            if part.number in kept:
                yield from (PartRows(predictions, None) for predictions in folder.read(part))
            else:
                yield from _predict_part(part, batches, folder, schema)


def _predict_part(
    part: Part, batches: Iterator[PredictedBatch], folder: PartsFolder, schema: pa.Schema
) -> Iterator[PartRows]:
    rows = 0
    with folder.writing(part, schema) as writer:
        while rows < part.rows:
            batch = next(batches)
            predictions = batch.predictions.select(schema.names)
            writer.write(predictions)
            rows += len(predictions)
            yield PartRows(predictions, batch)
