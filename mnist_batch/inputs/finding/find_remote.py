"""The files that an address of object storage names."""

from glob import has_magic

from mnist_batch.decoding.kinds import told
from mnist_batch.errors import InputError
from mnist_batch.inputs.finding.found_files import (
    Found,
    expected_files,
    files_in_folder,
    files_of_glob,
)
from mnist_batch.inputs.finding.suffixes import suffix_of
from mnist_batch.inputs.formats import NUMPY, file_kinds, first_bytes, kind_of
from mnist_batch.inputs.remote.listed_objects import ListedObjects
from mnist_batch.inputs.shards import NamedFiles
from mnist_batch.remote.addresses import name_of, parsed
from mnist_batch.remote.folders import list_remote
from mnist_batch.remote.objects import RemoteObject, is_there, stat


def find_remote(address: str) -> Found:
    """Return the files that an address of object storage names: one, a folder, or a glob."""
    parsed(address)
    try:
        if has_magic(address) and not (suffix_of(address) and is_there(address)):
            return files_of_glob(address)
        if address.endswith("/") or suffix_of(address) not in file_kinds():
            folder = list_remote(address)
            if not folder.is_empty:
                return files_in_folder(folder, address)
        return _find_object(address)
    except FileNotFoundError as error:
        raise InputError(f"{address}: {error.strerror}; check the address") from error


def _find_object(address: str) -> Found:
    """Return the one object of an INPUT, or the folder that is called as a file would be."""
    try:
        found = stat(address)
    except FileNotFoundError:
        above = address.rpartition("/")[0]
        if suffix_of(above) == ".npz" and is_there(above):
            return _of_object(NUMPY.name, stat(above), address)
        if (folder := list_remote(address)).is_empty:
            raise
        return files_in_folder(folder, address)
    kind = kind_of(address)
    if kind is None:
        held = told(first_bytes(address))
        what = f"no file of digits, but {held}" if held else "by its suffix no file of digits"
        raise InputError(f"{address}: {what}; {expected_files()}")
    return _of_object(kind, found, address)


def _of_object(kind: str, found: RemoteObject, address: str) -> Found:
    """Return an object as the one file of an INPUT, or an array in it by both names."""
    typed = found.address.removesuffix(name_of(found.address))
    name = address.removeprefix(typed)
    return Found(
        kind, NamedFiles([name], [address], [name], objects=ListedObjects.of([found])), typed
    )
