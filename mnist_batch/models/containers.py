"""Read HDF5 and zip files from anywhere, within limits, once everything in them is checked.

An HDF5 file can name other files as the place of its data, and can declare arrays of any size. So
all of it is walked by its links before an array is read (HDF5 File Format Specification, version
3.0, section IV.A.2: link, layout, external file and filter messages).
"""

import io
import math
import zipfile
from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from mnist_batch.errors import ModelError
from mnist_batch.models.allowlist import quoted

if TYPE_CHECKING:
    import h5py
    import numpy.typing as npt

HDF5_SIGNATURE = b"\x89HDF\r\n\x1a\n"
MAX_OBJECTS = 100_000
MAX_MEMBERS = 100

# Deflate, shuffle and checksum. Any other filter is code from elsewhere, or none that Keras uses.
_FILTERS = frozenset((1, 2, 3))
_ENCRYPTED = 0x1  # of the general purpose bits (APPNOTE.TXT 6.3, section 4.4.4)

_REMEDY = "expected groups and arrays of numbers, as Keras saves them"
_ZIP_REMEDY = "expected a .keras file as Keras saves it"


def opened(content: bytes) -> "h5py.File":
    """Open the bytes of an HDF5 file.

    Raises:
        OSError: they are damaged.
    """
    import h5py  # late: only what reads a model file waits for it

    return h5py.File(io.BytesIO(content), "r")


class Arrays:
    """The arrays of an HDF5 file whose every object has been checked."""

    def __init__(self, file: "h5py.File", room: int) -> None:
        """Check a file.

        Args:
            file: the file.
            room: bytes that its arrays may take in all, and again those that are read.

        Raises:
            ModelError: a link is no hard link or leads to an object a second time; an object is
                neither group nor array; an array is stored elsewhere, is not of numbers, or needs
                more than the room; there are more than `MAX_OBJECTS` objects.
        """
        self._sizes = _checked_sizes(file, room)
        self._room = room

    def bytes_under(self, *prefixes: str) -> int:
        """Return the bytes of all arrays whose path starts with one of several prefixes."""
        return sum(size for path, size in self._sizes.items() if path.startswith(prefixes))

    def read(self, group: "h5py.Group", path: str) -> "npt.NDArray[Any]":
        """Read an array by its path in a group, into the byte order of this machine.

        Raises:
            ModelError: this takes more than the room: a list names arrays twice.
            KeyError: there is no such array.
        """
        dataset = group[path]
        self._room -= self._sizes[dataset.name]
        if self._room < 0:
            raise ModelError(f"lists arrays more than once; {_REMEDY}")
        array = np.asarray(dataset[()])
        if _is_bfloat16(array.dtype):  # the upper half of a float32
            return (array.view(np.uint16).astype(np.uint32) << 16).view(np.float32)
        return array.astype(array.dtype.newbyteorder("="), copy=False)


def _checked_sizes(file: "h5py.File", room: int) -> Mapping[str, int]:
    """Check all of a file, and return the bytes of each array by its path."""
    import h5py

    sizes: dict[str, int] = {}
    groups = [file["/"]]
    seen = {h5py.h5o.get_info(file["/"].id).addr}
    objects = 0
    while groups:
        group = groups.pop()
        objects += len(group)
        if objects > MAX_OBJECTS:
            raise ModelError(f"holds more than {MAX_OBJECTS:,} arrays and groups; {_REMEDY}")
        for name in group:
            path = f"{group.name.rstrip('/')}/{name}"
            if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                raise ModelError(f"{quoted(path)} is a link to another place; {_REMEDY}")
            item = group[name]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                raise ModelError(f"{quoted(path)} is a second link to one object; {_REMEDY}")
            seen.add(address)
            if isinstance(item, h5py.Group):
                groups.append(item)
            elif isinstance(item, h5py.Dataset):
                sizes[path] = _checked_size(item, path, room)
            else:
                raise ModelError(f"{quoted(path)} is neither a group nor an array; {_REMEDY}")
    total = sum(sizes.values())
    if total > room:
        raise ModelError(f"its arrays take {total:,} bytes, far more than the file; {_REMEDY}")
    return sizes


def _checked_size(dataset: "h5py.Dataset", path: str, room: int) -> int:
    """Return the bytes of an array; where it lies is checked first, the shape could lie there."""
    import h5py

    stored = dataset.id.get_create_plist()
    layout = stored.get_layout()
    if layout == h5py.h5d.VIRTUAL or stored.get_external_count():
        raise ModelError(f"{quoted(path)} takes an array from another file; {_REMEDY}")
    filters = {stored.get_filter(number)[0] for number in range(stored.get_nfilters())}
    if not filters <= _FILTERS:
        raise ModelError(f"{quoted(path)} is packed in a way that is not read; {_REMEDY}")
    dtype = dataset.dtype
    if not (dtype.kind in "biuf" and dtype.itemsize <= 8) and not _is_bfloat16(dtype):
        raise ModelError(f"{quoted(path)} does not hold plain numbers; {_REMEDY}")
    chunk = stored.get_chunk() if layout == h5py.h5d.CHUNKED else ()
    size, chunk_size = (math.prod(shape) * dtype.itemsize for shape in (dataset.shape, chunk))
    if (most := max(size, chunk_size)) > room:
        raise ModelError(f"{quoted(path)} takes {most:,} bytes, far more than the file; {_REMEDY}")
    return int(size)


def _is_bfloat16(dtype: "np.dtype[Any]") -> bool:
    """Tell whether an array is of bfloat16: h5py has no such type and stores pairs of bytes."""
    return dtype.kind == "V" and dtype.itemsize == 2


def read_members(archive: zipfile.ZipFile, known: Collection[str], room: int) -> dict[str, bytes]:
    """Read the known members that a zip file has, and no others.

    Args:
        archive: the zip file.
        known: the names of members.
        room: bytes that all members may declare together. No member gives more than it declares
            when it is unpacked (CPython, zipfile.ZipExtFile).

    Returns:
        The content of each of them, by its name.

    Raises:
        ModelError: there are too many members or bytes, a name twice or one that leads out of the
            archive, or a member is encrypted.
        Exception: of nearly any type, where it is damaged or declares a false size.
    """
    members = archive.infolist()
    if len(members) > MAX_MEMBERS:
        raise ModelError(f"holds {len(members):,} members; {_ZIP_REMEDY}")
    names = archive.namelist()
    for name, member in zip(names, members, strict=True):
        if names.count(name) > 1:
            raise ModelError(f"holds {quoted(name)} twice; {_ZIP_REMEDY}")
        parts = name.replace("\\", "/").split("/")
        if not parts[0] or ".." in parts or ":" in parts[0]:
            shown = f"its member {quoted(name)}"
            raise ModelError(f"{shown} lies outside of the archive; {_ZIP_REMEDY}")
        if member.flag_bits & _ENCRYPTED:
            raise ModelError(f"its member {quoted(name)} is encrypted; {_ZIP_REMEDY}")
    total = sum(member.file_size for member in members)
    if total > room:
        raise ModelError(f"unpacks to {total:,} bytes, far more than the file; {_ZIP_REMEDY}")
    return {member.filename: archive.read(member) for member in members if member.filename in known}
