"""Keep the finished parts of an unfinished output, in a folder beside it: `<out>.staging/`.

A part is written under a temporary name, flushed to disk and renamed, so that a file with the name
of a part is whole. A crash leaves the finished parts, and `--resume` continues from them. Files:

- `lock`, locked by the process that writes the output;
- `manifest.json`, what the parts depend on, see `parts.Manifest`;
- `part-000012-8192-9ae0daaf.arrow`, a part: its number, its rows and the CRC-32 of its bytes;
- `committed`, from shortly before the output gets its name: the identity of its file, and the
  paths of the output and of the folders that belong to it;
- `*.tmp`, files being written.
"""

import contextlib
import json
import os
import re
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa

from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.outputs.atomic import (
    HeldLock,
    NoLocksError,
    behind_links,
    flush_names,
    lock,
    name_with_room,
    output_errors,
)
from mnist_batch.outputs.parts import Manifest, Part, PartWriter, is_manifest, is_whole, read_part

_LOCK, _MANIFEST, _COMMITTED = "lock", "manifest.json", "committed"
_PART = re.compile(r"part-([0-9]{6,})-([0-9]+)-([0-9a-f]{8})\.arrow")
_TEMPORARY = re.compile(r"(manifest\.json|committed|part|\..*)\.\w{8}\.tmp", re.DOTALL)


def staging_folder(out: Path) -> Path:
    """Return the folder of an output's parts, beside it; for a link, beside its target."""
    place = behind_links(out) if out.is_symlink() else out
    return place.parent / f"{name_with_room(place.name)}.staging"


def committed_outputs(out: Path) -> frozenset[str]:
    """Return the absolute paths of what a run wrote that was killed after it renamed `out`.

    They are `out` and the folders that belong to it, some of which may be missing.
    """
    try:
        identity, outputs = json.loads((staging_folder(out) / _COMMITTED).read_bytes())
        return frozenset(outputs if identity == _identity(out) else ())
    except (OSError, ValueError, TypeError, RecursionError):
        return frozenset()


def rows_kept(out: Path) -> int:
    """Return the number of rows in the finished parts of an output."""
    try:
        return sum(int(match[2]) for match in _parts_in(staging_folder(out)))
    except OSError:
        return 0


class PartsFolder(AbstractContextManager["PartsFolder", None]):
    """The folder of one output's parts, locked by this run; a context that keeps finished parts.

    The context removes the folder on leaving, if it holds no part or `remove` was called. All that
    writes raises `OutputError` where the disk refuses.

    Attributes:
        path: the folder; files with names that end in `.tmp` are removed on leaving.
        found: the numbers of the parts that an earlier run finished and this run can use.
        notes: what the user should know of earlier runs, one sentence each.
    """

    def __init__(self, out: Path, manifest: Manifest, *, resume: bool) -> None:
        """Create the folder of an output, or take over the folder of an interrupted run.

        With `resume` the parts that the earlier run finished are used, else they are removed.

        Raises:
            OutputError: another run writes the output, the folder holds foreign files, the earlier
                run had other inputs, options or another model, or the disk refuses.
        """
        self.path = staging_folder(out)
        self.found: frozenset[int] = frozenset()
        self.notes: list[str] = []
        self._out = out
        self._manifest = manifest
        self._files: dict[int, Path] = {}
        self._is_done = False
        with output_errors(out):
            self._lock = self._locked()
        try:
            with output_errors(out):
                self._begin(resume=resume)
        except BaseException:
            self._leave(useless=not rows_kept(out))
            raise

    def __exit__(self, *_: object) -> None:
        """Unlock the folder; remove it if no part in it is of use."""
        # Ask the disk: an interrupt may come right after a part has got its name.
        self._leave(useless=self._is_done or not rows_kept(self._out))

    def read(self, part: Part) -> Iterator[pa.RecordBatch]:
        """Yield the predictions of a part in `found`."""
        with output_errors(self._out):
            yield from read_part(self._files[part.number])

    @contextlib.contextmanager
    def writing(self, part: Part, schema: pa.Schema) -> Iterator["PartWriter"]:
        """Write all rows of a part; after the context it is on disk, after an error nothing is."""
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
        """Record the file that becomes the output, before it and then `folders` are renamed."""
        outputs = [str(path.absolute()) for path in (self._out, *folders)]
        with output_errors(self._out):
            self._write_whole(_COMMITTED, json.dumps([_identity(output), outputs]))

    def remove(self) -> None:
        """Remove the parts on leaving: the output and all that belongs to it are whole."""
        self._is_done = True

    def _locked(self) -> HeldLock:
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
                held = HeldLock()
            except OSError:  # a full disk
                with contextlib.suppress(OSError):  # it holds something
                    self.path.rmdir()
                raise
            with held:
                self._refuse_others()
                return held.pop_all()

    def _leave(self, *, useless: bool) -> None:
        with contextlib.suppress(OSError):
            for path in self.path.glob("*.tmp"):
                path.unlink()
            if useless:
                self._clear()
                (self.path / _LOCK).unlink(missing_ok=True)
                self.path.rmdir()
        self._lock.close()

    def _refuse_no_folder(self) -> None:
        if self.path.is_symlink() or (self.path.exists() and not self.path.is_dir()):
            raise OutputError(
                f"{self.path}: is not a folder, but unfinished predictions go there; move it away, "
                "or name another output"
            )

    def _refuse_others(self) -> None:
        """Refuse a folder that holds foreign files, and touch nothing."""
        for path in self.path.iterdir():
            if path.is_symlink() or not path.is_file() or not _is_ours(path):
                raise OutputError(
                    f"{self.path} holds {path.name}, which no run left there, or which is damaged; "
                    "move it away, or name another output"
                )

    def _begin(self, *, resume: bool) -> None:
        kept = rows_kept(self._out)
        if resume and kept:
            self._take_over()
            return
        if resume:
            self.notes.append(f"nothing to resume: no part of {self._out} was finished before")
        elif kept:
            self.notes.append(
                f"{kept:,} rows that an interrupted run had finished were removed; "
                "--resume would have continued from them"
            )
        self._clear()
        self._write_whole(_MANIFEST, self._manifest.text())

    def _take_over(self) -> None:
        earlier = (self.path / _MANIFEST).read_bytes()
        differences = list(self._manifest.differences(earlier))
        if differences:
            raise OutputError(
                f"{self.path} is of a run that --resume cannot continue: "
                f"{'; '.join(differences)}; predict as then, or leave out --resume to start over"
            )
        rows = {part.number: part.rows for part in self._manifest.parts}
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
        """Remove all but the lock: first the parts, since the other files are about them."""
        lock_file, *about_parts = (self.path / name for name in (_LOCK, _MANIFEST, _COMMITTED))
        for path in {*self.path.iterdir()}.difference({lock_file, *about_parts}):
            path.unlink()
        for path in about_parts:
            path.unlink(missing_ok=True)

    def _write_whole(self, name: str, text: str) -> None:
        """Write a file that is missing or whole, whenever the machine stops."""
        descriptor, temporary = self._temporary(name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        self._rename(temporary, name)

    def _temporary(self, name: str) -> tuple[int, Path]:
        # mkstemp opens no file or link that exists.
        descriptor, path = tempfile.mkstemp(dir=self.path, prefix=f"{name}.", suffix=".tmp")
        return descriptor, Path(path)

    def _rename(self, temporary: Path, name: str) -> None:
        """Give a temporary file, which is on disk, its name."""
        temporary.replace(self.path / name)
        flush_names(self.path)


def _is_ours(path: Path) -> bool:
    """Tell whether a run wrote a file in a folder of parts."""
    if path.name == _LOCK:
        return path.stat().st_size == 0
    if path.name == _MANIFEST:
        return is_manifest(path.read_bytes())
    if path.name == _COMMITTED or _TEMPORARY.fullmatch(path.name):
        return True
    return bool(_PART.fullmatch(path.name)) and path.with_name(_MANIFEST).exists()


def _parts_in(folder: Path) -> Iterator[re.Match[str]]:
    """Yield the names of the parts in a folder, as matches of `_PART`."""
    for path in sorted(folder.iterdir()):
        if match := _PART.fullmatch(path.name):
            yield match


def _identity(path: Path) -> str:
    """Return what identifies a file under any name."""
    status = path.stat()
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
