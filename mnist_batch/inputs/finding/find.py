"""The files that an INPUT names: a path, a glob, an address, or a list on standard input."""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from glob import has_magic
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_batch.decoding.kinds import told
from mnist_batch.errors import InputError
from mnist_batch.inputs.finding.found_files import (
    Found,
    expected_files,
    files_in_folder,
    files_of_glob,
    named_files,
)
from mnist_batch.inputs.finding.suffixes import suffix_of
from mnist_batch.inputs.formats import IMAGES, NUMPY, file_kinds, first_bytes, kind_of
from mnist_batch.inputs.shards import NamedFiles
from mnist_batch.inputs.texts import Texts
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.remote.addresses import (
    STORES,
    ImpossibleNameError,
    is_remote,
    looks_like_address,
    place_of,
)

if TYPE_CHECKING:
    from mnist_batch.inputs.remote.listed_objects import ListedObjects

STDIN = "-"
HUB = "hf://"
_READ = [HUB, *(f"{scheme}://" for scheme in STORES)]


def find(text: str) -> list[Found]:
    """Return the files that one INPUT names."""
    if not text:
        raise InputError("an INPUT is empty; name a folder or a file of digits")
    try:
        os.fsencode(text)
    except UnicodeEncodeError as error:  # a surrogate that stands for no byte
        raise InputError(f"{text!r}: no path holds such a character") from error
    if text == STDIN:
        found = list(_find_listed())
        if not found:
            raise InputError("-: no path came on standard input; expected one a line")
        return found
    if is_remote(text):
        return [_find_remote(text)]
    path = Path(text)
    if text.startswith(HUB):
        from mnist_batch.inputs.hub import local_copy

        path = local_copy(text)
    try:
        if path.is_dir():
            return [files_in_folder(path, text)]
        if path.is_file():
            return [_find_file(path, text)]
        if _names_array(path):
            return [_find_array(path, text)]
        if looks_like_address(text):
            raise InputError(
                f"{text}: addresses are not read, but for {', '.join(_READ)}; download it, and "
                "pass the file or the folder"
            )
        if has_magic(text):
            return [files_of_glob(text)]
        if path.exists():
            raise InputError(f"{text}: not a regular file; expected a folder or a file of digits")
    except OSError as error:
        raise_if_of_machine(error, text)
        raise InputError(f"{text}: cannot be read: {error.strerror}; check the path") from error
    raise InputError(f"{text}: no such file or folder; check the path")


def _find_listed() -> Iterator[Found]:
    """Yield the files that a list of paths on standard input names; a missing file is a row too.

    Consecutive files of one format are found as those of one INPUT.
    """
    kinds = file_kinds()

    def kind(path: str) -> tuple[str | None, bool]:
        """Return the format of a file, None for a folder, and whether it is in object storage."""
        there = is_remote(path)
        # Unlike Path.is_dir, os.path.isdir raises for no path.
        if path.endswith("/") if there else os.path.isdir(path):  # noqa: PTH112
            return None, there
        # A file of no format is read as an image, and gets an error that says so.
        with suppress(ImpossibleNameError):
            return kinds.get(suffix_of(path)) or kind_of(place_of(path)) or IMAGES.name, there
        return IMAGES.name, there

    for (name, there), group in groupby(filter(None, _lines_of_stdin()), key=kind):
        if name is None:
            yield from map(_find_remote if there else _find_folder, group)
        else:
            files = Texts(group)
            objects = _listed_objects(files) if there else None
            yield Found(name, NamedFiles(files, files, files, objects=objects))


def _find_remote(address: str) -> Found:
    from mnist_batch.inputs.finding.find_remote import find_remote  # late: local runs do without

    return find_remote(address)


def _listed_objects(addresses: Sequence[str]) -> "ListedObjects":
    from mnist_batch.inputs.remote.listed_objects import ListedObjects  # late, too
    from mnist_batch.remote.fetching import in_threads
    from mnist_batch.remote.objects import RemoteObject, stat_or_none

    def stat_named(address: str) -> RemoteObject:
        """Return an object; one that no store can have is a missing one, as of a local list."""
        try:
            return stat_or_none(address)
        except ImpossibleNameError:
            return RemoteObject(address, -1, "")

    return ListedObjects.of(in_threads(stat_named, addresses))


def _find_folder(typed: str) -> Found:
    return files_in_folder(Path(typed), typed)


_LONGEST_LINE = 2**16
"""Bytes; Linux takes no path of over 4,096."""


def _lines_of_stdin() -> Iterator[str]:
    """Yield the lines of standard input, which need not be UTF-8; none where it was closed."""
    if not sys.stdin:
        return
    try:
        while line := sys.stdin.buffer.readline(_LONGEST_LINE + 1):
            if len(line) > _LONGEST_LINE:  # as of a picture itself, or of /dev/zero
                raise InputError(f"-: a line of over {_LONGEST_LINE} bytes; expected paths")
            yield os.fsdecode(line.rstrip(b"\r\n"))
    except OSError as error:
        why = f"standard input cannot be read: {error.strerror}"
        raise InputError(f"-: {why}; expected paths, one a line") from error


def _find_file(path: Path, typed: str) -> Found:
    """Return the one file of an INPUT."""
    kind = kind_of(path)
    if kind is None:
        held = told(first_bytes(str(path)))
        what = f"no file of digits, but {held}" if held else "by its suffix no file of digits"
        raise InputError(f"{typed}: {what}; {expected_files()}")
    name = typed.rpartition("/")[2]
    folder = typed.removesuffix(name)  # with its `/`, which for a file in the root is all of it
    return Found(kind, named_files([name], path.parent), folder)


def _names_array(path: Path) -> bool:
    """Tell whether a path names an array in an .npz file."""
    from mnist_batch.inputs.arrays.numpy_files import names_array  # late, as all of a format

    return names_array(path)


def _find_array(path: Path, typed: str) -> Found:
    """Return an array in a file of NumPy's as one file, whose name is that of both."""
    name = "/".join(path.parts[-2:])
    return Found(NUMPY.name, named_files([name], path.parent.parent), typed.removesuffix(name))
