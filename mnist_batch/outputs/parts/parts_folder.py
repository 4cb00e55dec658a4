"""Keep the finished parts of an unfinished output, in a folder beside it: `<out>.staging/`.

A part is written under a temporary name, flushed to disk and renamed, so that a file with the name
of a part is whole. A crash leaves the finished parts, and `--resume` continues from them. Beside
the files of each `Staging` there are:

- `lock`, locked by the process that writes the output;
- `*.tmp`, files being written.
"""

import contextlib
import os
import re
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

import pyarrow as pa

from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.inputs.dataset import layout
from mnist_batch.inputs.files.opening import open_native
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.outputs.file_lock import HeldLock, NoLocksError, lock
from mnist_batch.outputs.parts.manifest import Manifest, is_manifest
from mnist_batch.outputs.parts.part_file import (
    PART_NAME,
    PartIdentity,
    PartKind,
    PartWriter,
    folder_errors,
    rename,
    temporary_file,
    write_part,
)
from mnist_batch.outputs.parts.staging import COMMITTED, MANIFEST, Staging, outputs_in, rows_in
from mnist_batch.outputs.targets import Parents, behind_links, name_with_room, output_errors

_LOCK = "lock"
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
        return outputs_in((staging_folder(out) / COMMITTED).read_bytes(), _identity(out))
    except OSError:
        return frozenset()


def rows_kept(out: Path) -> int:
    """Return the number of rows in the finished parts of an output."""
    try:
        return rows_in(_names_in(staging_folder(out)))
    except OSError as error:
        raise_if_of_machine(error, str(out))  # the parts may be there
        return 0


class PartsFolder(Staging):
    """The folder of one output's parts, locked by this run, beside the output."""

    def __init__(
        self, out: Path, manifest: Manifest, *, resume: bool, kind: PartKind = PartKind.ARROW
    ) -> None:
        """Create the folder of an output, or take over the folder of an interrupted run.

        With `resume` the parts that the earlier run finished are used, else they are removed.

        Raises:
            OutputError: another run writes the output, the folder holds foreign files, the earlier
                run had other inputs, options or another model, or the disk refuses.
        """
        super().__init__(out, manifest, kind)
        self.place = self.path = staging_folder(out)
        self._target = out
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
            useless = self._is_done or not rows_kept(self._target)
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
        return not (self.path / MANIFEST).exists() or self._is_still_ours()

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

    def _clear(self) -> None:
        """Remove all but the lock: first the parts, since the other files are about them."""
        lock_file, *about_parts = (self.path / name for name in (_LOCK, MANIFEST, COMMITTED))
        for path in {*self.path.iterdir()}.difference({lock_file, *about_parts}):
            path.unlink()
        for path in about_parts:
            path.unlink(missing_ok=True)

    def _names(self) -> list[str]:
        return _names_in(self.path)

    def _is_there(self, name: str) -> bool:
        return (self.path / name).exists()

    def _content(self, name: str) -> pa.Buffer:
        with open_native(self.path / name) as file:
            return file.read_buffer()

    def _put(self, name: str, text: str) -> None:
        descriptor, temporary = temporary_file(self.path, name)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        rename(temporary, self.path / name)

    def _put_committed(self, text: str) -> None:
        self._put(COMMITTED, text)

    def _delete(self, names: Iterable[str]) -> None:
        for name in names:
            (self.path / name).unlink()

    def _writing(
        self, identity: PartIdentity, schema: pa.Schema
    ) -> AbstractContextManager[PartWriter]:
        return write_part(self.path, self._target, identity, schema)

    def _identity_of(self, output: Path) -> str:
        return _identity(output)

    def _where(self, name: str = "") -> str:
        return str(self.path / name)

    def _place_errors(self) -> AbstractContextManager[None]:
        return folder_errors(self.path, self._target)


def _is_ours(path: Path) -> bool:
    """Tell whether a run wrote a file in a folder of parts."""
    if path.name == _LOCK:
        return path.stat().st_size == 0
    if path.name == MANIFEST:
        return is_manifest(path.read_bytes())
    if path.name == COMMITTED or _TEMPORARY.fullmatch(path.name):
        return True
    return bool(PART_NAME.fullmatch(path.name)) and path.with_name(MANIFEST).exists()


def _names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def _identity(output: Path) -> str:
    """Return what identifies an output under any name: its file, or the manifest in its folder."""
    status = (output / layout.MANIFEST if output.is_dir() else output).stat()
    return f"{status.st_dev} {status.st_ino} {status.st_size} {status.st_mtime_ns}"
