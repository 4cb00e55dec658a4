"""Write a file or a folder whole or not at all: under a temporary name, then by a rename."""

import contextlib
import errno
import fcntl
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Self

from mnist_batch.errors import MnistBatchError, OutputError
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.machine.file_modes import output_mode


class HeldLock:
    """A file that is locked until `close`, or until the process ends; without one it holds nothing.

    A crash leaves the file but no lock: the kernel keeps it, see flock(2).
    """

    def __init__(self, descriptor: int | None = None) -> None:
        """Take the descriptor of the file, to be closed."""
        self._descriptor = descriptor

    def close(self) -> None:
        """Unlock the file; nothing happens the second time."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def is_replaced(self, path: Path) -> bool:
        """Tell whether another file is at `path` by now, which another run may have locked."""
        if self._descriptor is None:
            return False
        try:
            return not os.path.samestat(os.fstat(self._descriptor), path.lstat())
        except FileNotFoundError:
            return False


class NoLocksError(OSError):
    """The file system has no locks, as some network file systems."""


def lock(path: Path) -> HeldLock | None:
    """Lock the file at `path`, created if missing; return None where a live process holds it.

    Raises:
        NoLocksError: the file system has no locks.
        OSError: the file cannot be created.
    """
    while True:
        with contextlib.ExitStack() as closing:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
            descriptor = os.open(path, flags, 0o666)
            closing.callback(os.close, descriptor)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return None
            except OSError as error:
                if error.errno in (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP):
                    raise NoLocksError(*error.args) from error
                raise
            # Else its holder removed the file between our opening and locking it.
            with contextlib.suppress(FileNotFoundError):
                if os.path.samestat(os.fstat(descriptor), path.stat()):
                    closing.pop_all()
                    return HeldLock(descriptor)


def _lock_if_possible(path: Path) -> HeldLock | None:
    """Lock as `lock` does; where the file system has no locks, return one that holds nothing."""
    try:
        return lock(path)
    except NoLocksError:
        return HeldLock()


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
                does not exist or cannot be written.
        """
        self.target = target
        self._overwrite = overwrite
        check_writable(target, overwrite=overwrite)
        # A target that is a link stays one.
        self._place = behind_links(target) if target.is_symlink() else target
        place = folder or self._place.parent
        prefix = temporary_prefix(target)
        with output_errors(target):
            _remove_dead(place, prefix)
            self.path, self._lock = _create_locked(place, prefix)

    def __enter__(self) -> Self:
        """Return the file, to be written."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the temporary file, unless it is committed."""
        self.discard()

    def commit(self) -> None:
        """Flush the file to disk and rename it to its target, then flush the folder.

        Raises:
            OutputError: the target exists by now and `overwrite` is false, or the disk refuses.
        """
        check_writable(self.target, overwrite=self._overwrite)
        with output_errors(self.target):
            flush(self.path)
            # Only now: while it is written, we have to open it, and nobody else.
            self.path.chmod(output_mode())
            self.path.replace(self._place)
        with contextlib.suppress(OSError):  # the file has its name, whatever the disk says now
            flush_names(self._place.parent)
        self._lock.close()

    def discard(self) -> None:
        """Remove the temporary file; nothing happens after `commit`."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)
        self._lock.close()


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
        if held := _lock_if_possible(Path(name)):
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
        self.check()

    def begin(self) -> Path:
        """Create the temporary folder and return it, for the caller to write."""
        with output_errors(self.target):
            self._remove_dead()
            self._staging, self._lock = self._create_locked()
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
                    held = _lock_if_possible(path / _LOCK)
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


def behind_links(path: Path) -> Path:
    """Return where the links of a path lead, absolute; for a link to itself, some link."""
    return Path(os.path.realpath(path))  # `Path.resolve` raises, up to Python 3.12


def name_with_room(name: str) -> str:
    """Return a file's name with room for a suffix of ours; a long one is cut, and ends in a sum."""
    encoded = os.fsencode(name)
    if len(encoded) <= _LONGEST_NAME:
        return name
    return f"{name[:_SHORT_NAME]}-{zlib.crc32(encoded):08x}"


_LONGEST_NAME, _SHORT_NAME = 200, 40
"""Bytes that leave room for the suffix, and characters, which take 4 bytes each at most."""


def check_writable(target: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` where a file cannot be put at `target`; touch nothing."""
    try:
        has_null = b"\0" in os.fsencode(target)
    except UnicodeEncodeError:
        has_null = True
    if has_null:
        raise OutputError(f"{str(target)!r} has a character that no path holds; name another file")
    with output_errors(target):  # whose name is too long, or lies where one may not look
        if behind_links(target).is_symlink():
            raise OutputError(f"{target} is a link that leads to itself; name another file")
        if target.is_dir():
            raise OutputError(f"{target} is a folder; name a file")
        if target.exists() and not target.is_file():  # a file would take the place of the device
            raise OutputError(f"{target} is a device or a pipe; name a file")
        if target.exists() and not overwrite:
            raise OutputError(f"{target} exists already; name another file or pass --overwrite")
        if not target.parent.is_dir():
            raise OutputError(f"{target.parent} is not a folder; create it first")
        if not os.access(target.parent, os.W_OK | os.X_OK):
            raise OutputError(f"{target.parent} cannot be written; name a folder that can")


def why_failed(error: Exception) -> str:
    """Return in short, on one line, why something could not be written."""
    cause = error.__cause__ if isinstance(error, OutputError) and error.__cause__ else error
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno)
    text = " ".join(str(cause).split())
    if not isinstance(cause, MnistBatchError):  # whose messages are sentences
        text = f"{type(cause).__name__}: {text}".removesuffix(": ")
    return text if len(text) <= _LONGEST_REASON else f"{text[:_LONGEST_REASON]}..."


_LONGEST_REASON = 200
"""Characters; matplotlib may quote a program's output in full."""


@contextlib.contextmanager
def output_errors(target: Path) -> Iterator[None]:
    """Raise an error of the operating system, while writing for `target`, as an `OutputError`."""
    try:
        yield
    except OSError as error:
        # Arrow's own text wraps the system's; the number gives it plain.
        cause = os.strerror(error.errno) if error.errno else str(error)
        no_room = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        if not no_room:
            raise_if_of_machine(error, str(target))
        advice = "make room, or name another place" if no_room else "name another place"
        raise OutputError(f"{target} could not be written: {cause}; {advice}") from error


def flush(path: Path) -> None:
    """Wait until a file is on disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def flush_names(folder: Path) -> None:
    """Wait until the names in a folder are on disk, where that can be asked for.

    A folder may be one to write in but not to read, and some file systems, as those of FUSE, flush
    no folders: then their own care has to do.
    """
    try:
        flush(folder)
    except OSError as error:
        if error.errno not in (errno.EACCES, errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise
