"""NumPy's files: .npz, a zip file of arrays, and .npy, a single one."""

import os
import re
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from mnist_batch.inputs.arrays.array_shards import ArrayShard
from mnist_batch.inputs.arrays.headers import DAMAGED, HeaderError, StoredArray, read_npy
from mnist_batch.inputs.arrays.image_arrays import (
    as_input_error,
    check_size,
    choose,
    image_arrays,
    labels_beside,
    with_labels,
)
from mnist_batch.inputs.arrays.picture_shapes import (
    is_image_name,
    is_label_name,
    pictures_of,
)
from mnist_batch.inputs.arrays.stored_bytes import DEFLATE, Checkpoints, StoredBytes
from mnist_batch.inputs.parquet.footers import identity_of, open_listed
from mnist_batch.inputs.shards import Held, ReadSettings
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.schema import shortened

_MAX_DIRECTORY = 2**20
"""Bytes of the directory of a zip file, at most: `zipfile` reads all of it."""

_MOST_MEMBERS = 1000
_ENCRYPTED = 0x1  # of the general purpose bits (APPNOTE.TXT 6.3, section 4.4.4)
_SUFFIX = re.compile(r"\.npy$", re.IGNORECASE)


def open_numpy(path: Path, source: str, settings: ReadSettings) -> Iterator[ArrayShard]:
    """Open a file of NumPy's, or an array in one, and cut its images into shards.

    An array is named as if its file were a folder: `mnist.npz/x_test`.

    Raises:
        InputError: it cannot be read, or holds no images.
        LabelError: its labels are not one for each image.
    """
    if names_array(path):
        settings = replace(settings, image_column=path.name)
        path = path.parent
    with as_input_error(path, "NumPy file"):
        arrays = arrays_in(path, portable=settings.portable)
    find_labels = partial(numpy_labels, portable=settings.portable)
    if not _is_npz(path):
        yield from with_labels(path, source, arrays[0], labels_beside(path, find_labels), settings)
        return
    chosen = choose(path, arrays, settings)
    for images, labels, hint in chosen:
        name = source if len(chosen) == 1 else f"{source}/{images.name}"
        if labels is None and len(chosen) == 1 and not settings.label_column:
            labels = labels_beside(path, find_labels)
        yield from with_labels(path, name, images, labels, settings, hint)


def names_array(path: Path) -> bool:
    """Tell whether a path names an array in an .npz file."""
    return _is_npz(path.parent) and os.path.isfile(path.parent)  # noqa: PTH113 - never raises


def held(path: Path) -> Held:
    """Return what a file holds."""
    try:
        images = holds_images(path)
    except DAMAGED as error:
        raise_if_of_machine(error, str(path))
        return Held.NEITHER if is_label_name(path.stem) else Held.IMAGES  # a row with an error
    if images:
        return Held.IMAGES
    return Held.LABELS if is_label_name(path.stem) else Held.NEITHER


def holds_images(path: Path) -> bool:
    """Tell whether a file holds images, by the headers of its arrays.

    Raises:
        HeaderError: or `OSError` or `zipfile.BadZipFile`: it cannot be read.
    """
    arrays = arrays_in(path)
    if not _is_npz(path):
        is_images = pictures_of(arrays[0].shape, arrays[0].dtype) is not None
        return is_images and not is_label_name(path.stem)
    return bool(image_arrays(arrays))


def numpy_labels(path: Path, *, portable: bool = False) -> StoredArray | None:
    """Return the only array in a file; None where there are several."""
    arrays = arrays_in(path, portable=portable)
    return arrays[0] if len(arrays) == 1 else None


def split_arrays(path: Path) -> list[str]:
    """Return the names of the arrays of images in an .npz file, in order; none of other files."""
    with as_input_error(path, "NumPy file"):
        arrays = arrays_in(path) if _is_npz(path) else []
    return [one.name for one in image_arrays(arrays)]


def _is_npz(path: Path) -> bool:
    return path.suffix.lower() == ".npz"


def arrays_in(path: Path, *, portable: bool = False) -> list[StoredArray]:
    """Return the arrays in a file, by their headers; `portable` as `identity_of` takes it.

    An array of an .npz file that cannot be read is left out, unless it is called as images or
    labels are, or there is no other.

    Raises:
        HeaderError: or `OSError` or `zipfile.BadZipFile`: it cannot be read.
    """
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise OSError("not a regular file")
    identity = identity_of(str(path), portable=portable)
    if not _is_npz(path):
        stored = StoredBytes(str(path), identity, 0, path.stat().st_size)
        array = read_npy("", Checkpoints(stored))
        check_size(array)
        return [array]
    return [*_members(str(path), identity)]


def _members(path: str, identity: bytes) -> Iterator[StoredArray]:
    with open_listed(path, identity) as opened:
        descriptor = opened.fileno()
        size = os.fstat(descriptor).st_size
        _check_directory(descriptor, size)
        with os.fdopen(os.dup(descriptor), "rb") as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
        if len(members) > _MOST_MEMBERS:
            raise HeaderError(f"it holds {len(members):,} files")
        members = [one for one in members if _SUFFIX.search(one.filename)]
        counts = Counter(_SUFFIX.sub("", one.filename) for one in members)
        wrong, found = None, 0
        for member in members:
            name = _SUFFIX.sub("", member.filename)
            if counts[name] > 1:
                raise HeaderError(f"it holds {counts[name]} arrays {shortened(name)!r}")
            try:
                array = _member(path, identity, member, descriptor)
            except HeaderError as error:
                wrong = HeaderError(f"array {shortened(name)!r}: {error}")
                if is_image_name(name) or is_label_name(name):
                    raise wrong from error
                continue
            found += 1
            yield array
        if wrong is not None and not found:
            raise wrong


def _member(path: str, identity: bytes, member: zipfile.ZipInfo, descriptor: int) -> StoredArray:
    """Return an array of an .npz file.

    Raises:
        HeaderError: or `OSError`: it cannot be read.
    """
    if member.flag_bits & _ENCRYPTED:
        raise HeaderError("it is encrypted")
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise HeaderError("it is compressed in another way than NumPy does")
    start = _start(descriptor, member.header_offset)
    coding = DEFLATE if member.compress_type == zipfile.ZIP_DEFLATED else None
    if start + member.compress_size > os.fstat(descriptor).st_size:
        raise HeaderError("it ends beyond the file")
    stored = StoredBytes(path, identity, start, member.compress_size, coding, member.CRC)
    array = read_npy(_SUFFIX.sub("", member.filename), Checkpoints(stored))
    if array.start + array.size != member.file_size:
        raise HeaderError(
            f"it has {member.file_size:,} bytes where its header counts "
            f"{array.start + array.size:,}"
        )
    check_size(array)
    return array


def _check_directory(descriptor: int, size: int) -> None:
    """Refuse a zip file whose directory is large (APPNOTE.TXT 6.3, section 4.3.16)."""
    start = max(0, size - 2**16 - 22)
    end = os.pread(descriptor, size - start, start)
    at = end.rfind(b"PK\x05\x06")
    if at >= 0 and int.from_bytes(end[at + 12 : at + 16], "little") > _MAX_DIRECTORY:
        raise HeaderError(f"its directory has more than {_MAX_DIRECTORY:,} bytes")


def _start(descriptor: int, at: int) -> int:
    """Return where the content of a member starts, after its own header (4.3.7)."""
    header = os.pread(descriptor, 30, at)
    if len(header) < 30 or not header.startswith(b"PK\x03\x04"):
        raise HeaderError("the header of an array is damaged")
    name, extra = (int.from_bytes(header[place : place + 2], "little") for place in (26, 28))
    return at + 30 + name + extra
