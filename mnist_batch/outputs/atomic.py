"""Write a file or a folder whole or not at all: under a temporary name, then by a rename."""

import contextlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from mnist_batch.errors import OutputError
from mnist_batch.machine.file_modes import output_mode
from mnist_batch.outputs.file_lock import HeldLock, lock, lock_if_possible
from mnist_batch.outputs.targets import (
    Parents,
    behind_links,
    check_writable,
    flush,
    flush_names,
    output_errors,
)


class StagedFile:
    """A file being written beside its target, invisible until `commit`.

    It removes the temporary files that killed runs left for the same target.

    Attributes:
        target: where the file will be.
        path: the temporary file (hidden, unique), for the caller to write.
    """

    def __init__(self, target: Path, *, overwrite: bool, folder: Path | None = None) -> None:
        """Create the temporary file in `folder`, on the target's file system, or beside the target.

        Raises:
            OutputError: the target exists and `overwrite` is false, is a folder, or its folder
                cannot be written or made.
        """
        self.target = target
        self._overwrite = overwrite
        check_writable(target, overwrite=overwrite)
        # A target that is a link stays one.
        self._place = behind_links(target) if target.is_symlink() else target
        place = folder or self._place.parent
        self._parents = Parents(self._place.parent)
        prefix = temporary_prefix(target)
        try:
            with output_errors(target):
                self._parents.make()
                _remove_dead(place, prefix)
                self.path, self._lock = _create_locked(place, prefix)
        except BaseException:
            self._parents.remove_unused()
            raise

    def __enter__(self) -> Self:
        """Return the file, to be written."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the temporary file, unless it is committed."""
        self.discard()

    def commit(self) -> None:
        """Flush the file to disk and give it the target's name, then flush the folder.

        Raises:
            OutputError: the target exists by now and `overwrite` is false, or the disk refuses.
        """
        check_writable(self.target, overwrite=self._overwrite)
        with output_errors(self.target):
            flush(self.path)
            # Only now: while it is written, we have to open it, and nobody else.
            self.path.chmod(output_mode())
            self._name()
        with contextlib.suppress(OSError):  # the file has its name, whatever the disk says now
            flush_names(self._place.parent)
        self._lock.close()

    def _name(self) -> None:
        """Give the file its target's name; without `overwrite` only where nothing has it."""
        if not self._overwrite:
            try:
                os.link(self.path, self._place)  # which replaces nothing, unlike a rename
            except FileExistsError:
                check_writable(self.target, overwrite=False)
                raise
            except OSError:  # a file system without a second name for a file
                check_writable(self.target, overwrite=False)
            else:
                self.path.unlink(missing_ok=True)
                return
        self.path.replace(self._place)

    def discard(self) -> None:
        """Remove the temporary file; nothing happens after `commit`."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self._lock.close()
        self._parents.remove_unused()


_TEMPORARY, _LOCK = ".tmp", "lock"


def temporary_prefix(target: Path) -> str:
    """Return how the names of the temporary files and folders for a target start.

    At most 50 bytes of the target's name: with more, a name that fits may not fit any longer.
    """
    return f".{os.fsencode(target.name)[:50].decode(errors='ignore')}."


def _create_locked(folder: Path, prefix: str) -> tuple[Path, HeldLock]:
    """Create a temporary file and lock it."""
    while True:
        handle, name = tempfile.mkstemp(dir=folder, prefix=prefix, suffix=_TEMPORARY)
        os.close(handle)
        if held := lock_if_possible(Path(name)):
            return Path(name), held
        # Another run took it for dead in that moment, and removes it.


def _remove_dead(folder: Path, prefix: str) -> None:
    """Remove the temporary files that no live process has locked."""
    for path in _temporary(folder, prefix):
        with contextlib.suppress(OSError):
            if path.is_file() and (held := lock(path)):
                path.unlink(missing_ok=True)
                held.close()


def _temporary(folder: Path, prefix: str) -> list[Path]:
    """Return the files and folders with the name of a temporary one; links are none."""
    name = re.compile(rf"{re.escape(prefix)}\w{{8}}{re.escape(_TEMPORARY)}")
    try:
        found = list(folder.iterdir())
    except OSError:
        return []
    return [path for path in found if name.fullmatch(path.name) and not path.is_symlink()]


class StagedFolder:
    """A folder of files being written beside its target, invisible until `commit`.

    Its files are not flushed to disk one by one: for thousands that takes minutes. A killed
    run leaves a hidden folder, which the next run removes; except where the run was killed between
    the two renames that replace an earlier folder, as long as nothing new is in its place. Every
    method raises `OutputError` where the disk refuses.
    """

    def __init__(self, target: Path, *, overwrite: bool, ours: Callable[[Path], bool]) -> None:
        """Check that the folder can be written: new, empty, or of an earlier run; touch nothing.

        `ours` tells whether an earlier run wrote a file: no other file is ever removed.

        Raises:
            OutputError: the target is a file, is the working folder or a mounted one, or holds
                files that may not be replaced, or the folder above it cannot be written.
        """
        self.target = target
        self._place = behind_links(target)  # a target that is a link stays one
        self._overwrite = overwrite
        self._ours = ours
        self._staging: Path | None = None
        self._lock = HeldLock()
        self._parents = Parents(self._place.parent)
        self.check()

    def begin(self) -> Path:
        """Create the temporary folder and return it, for the caller to write."""
        try:
            with output_errors(self.target):
                self._parents.make()
                self._remove_dead()
                self._staging, self._lock = self._create_locked()
        except BaseException:
            self._parents.remove_unused()
            raise
        with output_errors(self.target):
            self._new, self._old = (self._staging / name for name in ("new", "old"))
            try:
                self._new.mkdir()  # as the user's umask says
                if self._place.exists():
                    shutil.copymode(self._place, self._new)
            except BaseException:
                self.discard()
                raise
        return self._new

    def commit(self) -> None:
        """Rename the folder to its target; an earlier one is removed.

        Raises:
            OutputError: the target holds files by now that may not be replaced.
        """
        self.check()
        with output_errors(self.target):
            if self._place.exists():
                self._place.rename(self._old)
            self._new.rename(self._place)
        self.discard()

    def discard(self) -> None:
        """Remove what `begin` made and what `commit` replaced; what is committed stays."""
        if self._staging is None:
            return
        with contextlib.suppress(OSError):
            if self._old.exists() and not self._place.exists():  # interrupted between two renames
                self._old.rename(self._place)
            shutil.rmtree(self._staging)
        self._lock.close()
        self._parents.remove_unused()

    @property
    def _prefix(self) -> str:
        return temporary_prefix(self._place)

    def _create_locked(self) -> tuple[Path, HeldLock]:
        """Create a temporary folder and lock it."""
        above = self._place.parent
        while True:
            path = Path(tempfile.mkdtemp(dir=above, prefix=self._prefix, suffix=_TEMPORARY))
            # Not found: another run took it for dead in that moment, and removes it.
            with contextlib.suppress(FileNotFoundError):
                try:
                    held = lock_if_possible(path / _LOCK)
                except OSError:  # a full disk
                    path.rmdir()
                    raise
                if held:
                    return path, held

    def _remove_dead(self) -> None:
        """Remove the temporary folders that no live process has locked."""
        for path in _temporary(self._place.parent, self._prefix):
            with contextlib.suppress(OSError):
                names = {inside.name for inside in path.iterdir()}
                is_needed = "old" in names and not self._place.exists()
                if is_needed or not names <= {"new", "old", _LOCK}:
                    continue
                if held := lock(path / _LOCK):
                    shutil.rmtree(path)
                    held.close()

    def check(self) -> None:
        """Raise `OutputError` where the folder cannot be put in its place; touch nothing."""
        with output_errors(self.target):  # whose folder may not be looked into
            self._check()

    def _check(self) -> None:
        if not self._place.is_dir():
            if self._place.exists():
                raise OutputError(f"{self.target} is a file; name a folder")
            check_writable(self.target, overwrite=False)
            return
        if self._place.is_mount() or Path.cwd().is_relative_to(self._place):
            raise OutputError(
                f"{self.target} is written whole and then put in its place, which a mounted folder "
                "and the working folder do not allow; name a new folder in it"
            )
        if not os.access(self._place.parent, os.W_OK):
            raise OutputError(f"{self._place.parent} cannot be written; name a folder that can")
        if not self._overwrite and any(self._place.iterdir()):
            raise OutputError(
                f"{self.target} is not empty; name a new folder, or pass --overwrite to replace "
                "what an earlier run wrote"
            )
        for path in _files_in(self._place):
            if path.is_symlink() or not path.is_file() or not self._ours(path):
                raise OutputError(
                    f"{self.target} holds {path.relative_to(self._place)}, which no earlier run "
                    "wrote; move it away, or name another folder"
                )


def _files_in(folder: Path) -> Iterator[Path]:
    """Yield the files in a folder and those below it, and the links to folders."""

    def refuse(error: OSError) -> None:
        where, why = error.filename, error.strerror
        raise OutputError(f"{where}: cannot be read: {why}; name another folder")

    for above, folders, files in os.walk(folder, onerror=refuse):
        links = (name for name in folders if (Path(above) / name).is_symlink())
        yield from (Path(above) / name for name in (*files, *links))
