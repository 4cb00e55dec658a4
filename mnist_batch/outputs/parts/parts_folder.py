"""Keep the finished parts of an unfinished output, in a folder beside it: `<out>.staging/`.

A part is written under a temporary name, flushed to disk and renamed, so that a file with the name
of a part is whole. A crash leaves the finished parts, and `--resume` continues from them. Files:

- `lock`, locked by the process that writes the output;
- `manifest.json`, what the parts depend on, see `Manifest`, and the name of the attempt, the
  process that began or resumed the run last: it alone commits the output and removes the folder;
- `part-5b2f8c0d1e7a6934-000012-8192-9ae0daaf.arrow`, a part: its run, its number, its rows and the
  CRC-32 of its bytes, which repeat the first three;
- `committed`, from shortly before the output gets its name: the identity of its file, and the
  paths of the output and of the folders that belong to it;
- `*.tmp`, files being written.
"""

import contextlib
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa

from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.inputs.listing import cause
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.outputs.file_lock import HeldLock, NoLocksError, lock
from mnist_batch.outputs.parts.manifest import Manifest, is_manifest
from mnist_batch.outputs.parts.part_file import (
    PART_NAME,
    DamagedPartError,
    KeptRows,
    PartIdentity,
    PartWriter,
    folder_errors,
    read_part,
    rename,
    temporary_file,
    write_part,
)
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.outputs.targets import (
    Parents,
    behind_links,
    name_with_room,
    output_errors,
)

_LOCK, _MANIFEST, _COMMITTED = "lock", "manifest.json", "committed"
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
        return sum(int(match["rows"]) for match in _parts_in(staging_folder(out)))
    except OSError as error:
        raise_if_of_machine(error, str(out))  # the parts may be there
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
        self._run = manifest.run()
        self._text = manifest.text(attempt=secrets.token_hex(8))
        self._checksums: dict[int, int] = {}  # of the parts that are there
        self._is_done = False
        self._folders = Parents(self.path)
        try:
            with output_errors(out):
                self._lock = self._locked()
        except BaseException:
            self._folders.remove_unused()
            raise
        try:
            with output_errors(out):
                self._begin(resume=resume)
        except BaseException:
            self._leave()
            raise

    def __exit__(self, *_: object) -> None:
        """Unlock the folder; remove it if no part in it is of use."""
        self._leave()

    def read(self, part: Part) -> Iterator[KeptRows]:
        """Yield the predictions of a part in `found`.

        Raises:
            OutputError: the part is no longer what it was when it was found, or cannot be read.
        """
        path = self._path_of(part)
        try:
            with output_errors(self._out):
                yield from read_part(path, self._identity(part), self._checksums[part.number])
        except DamagedPartError as error:
            raise OutputError(
                f"{path}: was replaced while a run used it; --resume predicts its rows again"
            ) from error

    @contextlib.contextmanager
    def writing(self, part: Part, schema: pa.Schema) -> Iterator[PartWriter]:
        """Write all rows of a part; after the context it is on disk, after an error nothing is."""
        with write_part(self.path, self._out, self._identity(part), schema) as writer:
            yield writer
        self._checksums[part.number] = writer.checksum

    def accept(self, part: Part, name: str) -> None:
        """Take a part that was written into the folder without the lock, by the name of its file.

        Raises:
            OutputError: the name is not one of this part, or no such file is there.
        """
        match = PART_NAME.fullmatch(name)
        checksum = int(match["checksum"], 16) if match else 0
        if name != self._identity(part).file_name(checksum):
            raise OutputError(f"{self.path}: {name!r} is not the name of part {part.number}")
        with output_errors(self._out):
            is_there = (self.path / name).exists()
        if not is_there:
            raise OutputError(
                f"{self.path / name}: is not there, though a worker wrote it; all machines have to "
                "see one folder there; name an output on storage that they share"
            )
        self._checksums[part.number] = checksum

    def announce(self, output: Path, folders: Iterable[Path]) -> None:
        """Record the file that becomes the output, before it and then `folders` are renamed.

        Raises:
            OutputError: another run writes the output now, as may be where there are no locks.
        """
        outputs = [str(path.absolute()) for path in (self._out, *folders)]
        with folder_errors(self.path, self._out):
            if not self._is_still_ours():
                raise OutputInUseError(
                    f"{self._out}: another run has begun to write it; wait for its end, or name "
                    "another file"
                )
            self._write_whole(_COMMITTED, json.dumps([_identity(output), outputs]))

    def remove(self) -> None:
        """Remove the parts on leaving: the output and all that belongs to it are whole."""
        self._is_done = True

    def _identity(self, part: Part) -> PartIdentity:
        return PartIdentity(self._run, part.number, part.rows)

    def _path_of(self, part: Part) -> Path:
        """Return where a part is whose checksum is known."""
        return self.path / self._identity(part).file_name(self._checksums[part.number])

    def _is_still_ours(self) -> bool:
        """Tell whether no other run has begun since in the folder, which has to be there."""
        return (self.path / _MANIFEST).read_text(encoding="utf-8") == self._text

    def _locked(self) -> HeldLock:
        file = self.path / _LOCK
        while True:
            self._refuse_no_folder()
            self._folders.make()
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
            try:
                self._refuse_others()
            except BaseException:
                held.close()
                raise
            return held

    def _leave(self) -> None:
        try:
            # Ask the disk: an interrupt may come right after a part has got its name.
            useless = self._is_done or not rows_kept(self._out)
            with contextlib.suppress(OSError):
                if self._may_tidy():
                    for path in self.path.glob("*.tmp"):
                        path.unlink()
                    if useless:
                        self._clear()
                        (self.path / _LOCK).unlink(missing_ok=True)
                        self.path.rmdir()
        finally:
            self._lock.close()
            self._folders.remove_unused()

    def _may_tidy(self) -> bool:
        """Tell whether no other run has the folder by now, be it that its lock was removed."""
        if self._lock.is_replaced(self.path / _LOCK):
            return False
        # A manifest is missing where this run could not even begin.
        return not (self.path / _MANIFEST).exists() or self._is_still_ours()

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
        self._write_whole(_MANIFEST, self._text)

    def _take_over(self) -> None:
        earlier = (self.path / _MANIFEST).read_bytes()
        differences = list(self._manifest.differences(earlier))
        if differences:
            raise OutputError(
                f"{self.path} is of a run that --resume cannot continue: "
                f"{'; '.join(differences)}; predict as then, or leave out --resume to start over"
            )
        self._write_whole(_MANIFEST, self._text)
        parts = {part.number: part for part in self._manifest.parts}
        for match in list(_parts_in(self.path)):
            self._verify(match, parts.get(int(match["number"])))
        self.found = frozenset(self._checksums)
        kept = sum(parts[number].rows for number in self.found)
        rows = sum(part.rows for part in parts.values())
        self.notes.append(f"resumed: {kept:,} of {rows:,} rows were there already")

    def _verify(self, match: re.Match[str], part: Part | None) -> None:
        """Keep the file of a part that this run would write too; remove any other."""
        path, checksum = self.path / match[0], int(match["checksum"], 16)
        try:
            if part is None or match["run"] != self._run:
                raise DamagedPartError("of another run")
            for _ in read_part(path, self._identity(part), checksum):
                pass
            self._checksums[part.number] = checksum
        except (DamagedPartError, OSError) as error:
            raise_if_of_machine(error, str(self.path))  # the part may be whole
            why = str(error) if isinstance(error, DamagedPartError) else cause(error)
            path.unlink()
            self.notes.append(f"{path}: {why}; its rows were predicted again")

    def _clear(self) -> None:
        """Remove all but the lock: first the parts, since the other files are about them."""
        lock_file, *about_parts = (self.path / name for name in (_LOCK, _MANIFEST, _COMMITTED))
        for path in {*self.path.iterdir()}.difference({lock_file, *about_parts}):
            path.unlink()
        for path in about_parts:
            path.unlink(missing_ok=True)

    def _write_whole(self, name: str, text: str) -> None:
        """Write a file that is missing or whole, whenever the machine stops."""
        descriptor, temporary = temporary_file(self.path, name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        rename(temporary, name)


def _is_ours(path: Path) -> bool:
    """Tell whether a run wrote a file in a folder of parts."""
    if path.name == _LOCK:
        return path.stat().st_size == 0
    if path.name == _MANIFEST:
        return is_manifest(path.read_bytes())
    if path.name == _COMMITTED or _TEMPORARY.fullmatch(path.name):
        return True
    return bool(PART_NAME.fullmatch(path.name)) and path.with_name(_MANIFEST).exists()


def _parts_in(folder: Path) -> Iterator[re.Match[str]]:
    """Yield the names of the parts in a folder, as matches of `PART_NAME`."""
    for path in sorted(folder.iterdir()):
        if match := PART_NAME.fullmatch(path.name):
            yield match


def _identity(path: Path) -> str:
    """Return what identifies a file under any name."""
    status = path.stat()
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
