"""A file that becomes an object: written on this machine, then uploaded whole.

A partial object is never there: an upload is visible when its last byte has been taken, and what an
interrupted one has sent no reader sees.
"""

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from mnist_batch.errors import InputError, OutputError
from mnist_batch.outputs.targets import output_errors
from mnist_batch.remote import objects, transfers
from mnist_batch.remote.addresses import joined, name_of, parsed
from mnist_batch.remote.temporary_folders import TemporaryFolder

_TAIL = 2**16
"""Bytes at the end of a file that tell it from others of its size; Parquet's footer is there."""


@contextlib.contextmanager
def stored_errors(target: str) -> Iterator[None]:
    """Raise what object storage says, while writing for `target`, as an `OutputError`.

    Where the network or the credentials are at fault, it is a `MachineError` already.
    """
    try:
        with output_errors(target):
            try:
                yield
            except FileNotFoundError as error:
                raise OutputError(
                    f"{target} could not be written: {error.strerror}; name another place"
                ) from error
    except InputError as error:  # of the address
        raise OutputError(str(error)) from error


@contextlib.contextmanager
def temporary_folder(target: str) -> Iterator[Path]:
    """Make a folder for what is to be uploaded, and remove it on leaving the context."""
    with contextlib.ExitStack() as entered:
        with output_errors(target):
            path = entered.enter_context(TemporaryFolder())
        yield path


def check_storable(target: str, *, overwrite: bool) -> None:
    """Raise `OutputError` where no object can be written at an address; touch nothing.

    Whether it may be written there, only writing tells.
    """
    with stored_errors(target):
        if not parsed(target).key:
            raise OutputError(f"{target}: names a bucket, and no object in it; name one")
        if not overwrite and objects.is_there(target):
            raise OutputError(f"{target} exists already; name another file or pass --overwrite")


class StoredFile:
    """A file of this machine that becomes an object by `commit`, and is removed then.

    Attributes:
        target: the address of the object.
        path: the file, for the caller to write.
    """

    def __init__(self, target: str, *, overwrite: bool, folder: Path | None) -> None:
        """Create the file in a folder, None for that of temporary files.

        Raises:
            OutputError: the object exists and `overwrite` is false, or it cannot be written here.
        """
        self.target = target
        self._overwrite = overwrite
        check_storable(target, overwrite=overwrite)
        with output_errors(target):
            descriptor, name = tempfile.mkstemp(dir=folder, prefix="mnist-batch-", suffix=".tmp")
            os.close(descriptor)
        self.path = Path(name)

    def __enter__(self) -> Self:
        """Return the file, to be written."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the file; the object stays."""
        self.discard()

    def commit(self) -> None:
        """Upload the file.

        Raises:
            OutputError: the object exists by now and `overwrite` is false, or no bucket is there.
        """
        with stored_errors(self.target):
            if self._overwrite or self.path.stat().st_size > transfers.CHUNK:
                # Of an upload in pieces no store says whether the name is free.
                check_storable(self.target, overwrite=self._overwrite)
                transfers.upload(self.path, self.target)
            else:
                self._create()
        self.discard()

    def discard(self) -> None:
        """Remove the file."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)

    def _create(self) -> None:
        try:
            objects.put(self.target, self.path.read_bytes(), create=True)
        except FileExistsError as error:
            raise OutputError(
                f"{self.target} exists already; name another file or pass --overwrite"
            ) from error


def identity_of_file(path: Path) -> str:
    """Return what tells a file from others, as `identity_of_object` does once it is uploaded."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - _TAIL))
        return _identity(size, file.read())


def identity_of_object(address: str) -> str:
    """Return what tells an object from others, wherever it was uploaded from.

    An ETag does not: it depends on the pieces of an upload.

    Raises:
        FileNotFoundError: there is no such object.
        MachineError: the store cannot be reached, or refuses.
    """
    size = objects.stat(address).size
    ranges = [(max(0, size - _TAIL), size)] if size else []
    return _identity(size, b"".join(objects.read_ranges(address, ranges)))


def _identity(size: int, tail: bytes) -> str:
    return f"{size} {hashlib.sha256(tail).hexdigest()}"


def names_in(folder: str) -> list[str]:
    """Return the names of the objects in a folder and below, relative to it, ascending."""
    beginning = joined(folder, "")
    try:
        return sorted(one.address.removeprefix(beginning) for one in objects.listed(folder))
    except FileNotFoundError:  # the bucket, which only writing has to find
        return []


def staging_address(out: str) -> str:
    """Return the folder of an output's parts, beside it."""
    return f"{out.rstrip('/')}.staging"


def report_address(out: str, *, is_folder: bool) -> str:
    """Return the folder of the report on an output, beside it; a file's suffix goes."""
    name = name_of(out)
    stem = name if is_folder else Path(name).stem
    return f"{out.rstrip('/').removesuffix(name)}{stem}.report"
