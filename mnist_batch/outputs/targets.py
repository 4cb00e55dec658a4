"""The place of an output: whether it can be written, and what is said where it cannot."""

import contextlib
import errno
import itertools
import os
import re
import zlib
from collections.abc import Iterator
from pathlib import Path

from mnist_batch.errors import MnistBatchError, OutputError
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.remote.addresses import STORES


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


class Parents:
    """The folders in which an output goes, made where they are missing.

    So they are made only where something is written, and those that stay empty are removed again.
    """

    def __init__(self, folder: Path) -> None:
        """Touch nothing; the output goes into `folder`."""
        self._folder = folder
        self._made: list[Path] = []

    def make(self) -> None:
        """Make what is missing; another run may do so at the same time.

        Raises:
            OSError: the system refuses.
        """
        chain = (self._folder, *self._folder.parents)
        for folder in reversed([*itertools.takewhile(lambda path: not path.is_dir(), chain)]):
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                self._made.append(folder)

    def remove_unused(self) -> None:
        """Remove those that were made and hold nothing; this never fails."""
        while self._made:
            with contextlib.suppress(OSError):  # it holds something, be it of another run
                self._made.pop().rmdir()


def check_writable(target: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` where a file cannot be put at `target`; touch nothing.

    Folders that are missing can be made if the nearest one that exists can be written.
    """
    try:
        has_null = b"\0" in os.fsencode(target)
    except UnicodeEncodeError:
        has_null = True
    if has_null:
        raise OutputError(f"{str(target)!r} has a character that no path holds; name another file")
    if _ADDRESS.match(str(target)):
        raise OutputError(
            f"{target}: only predictions, their reports and nights go to object storage; name a "
            "place on this machine"
        )
    with output_errors(target):  # whose name is too long, or lies where one may not look
        if behind_links(target).is_symlink():
            raise OutputError(f"{target} is a link that leads to itself; name another file")
        if target.is_dir():
            raise OutputError(f"{target} is a folder; name a file")
        if target.exists() and not target.is_file():  # a file would take the place of the device
            raise OutputError(f"{target} is a device or a pipe; name a file")
        if target.exists() and not overwrite:
            raise OutputError(f"{target} exists already; name another file or pass --overwrite")
        nearest = next(path for path in target.absolute().parents if os.path.lexists(path))
        shown = target.parent if nearest == target.absolute().parent else nearest
        if not nearest.is_dir():
            raise OutputError(f"{shown} is not a folder; name another place")
        if not os.access(nearest, os.W_OK | os.X_OK):
            raise OutputError(f"{shown} cannot be written; name a folder that can")


_ADDRESS = re.compile(rf"({'|'.join(STORES)}):/")
"""How an address begins that was made a path, and so lost a slash."""


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
def output_errors(target: str | Path) -> Iterator[None]:
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
