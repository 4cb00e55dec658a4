"""Footers of Parquet files, read from the file that was listed and from no other in its place."""

import os
import stat
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mnist_batch._kernels.parquet import find_chunks
from mnist_batch.inputs.files.opening import open_native
from mnist_batch.machine.failures import ReplacedError
from mnist_batch.remote.addresses import is_remote

if TYPE_CHECKING:
    from mnist_batch.remote.objects import RemoteObject


@dataclass(frozen=True, eq=False)
class Footer:
    """The footer of a file."""

    path: str  # of the file
    metadata: pq.FileMetaData  # as pyarrow reads it
    content: bytes  # as it is in the file
    file_size: int  # bytes of the file


def identity_of(path: str, *, portable: bool = False) -> bytes:
    """Return size, time and inode of a file, which tell it from one in its place.

    A `portable` one is without the inode: it is the same on all machines that see the file, and of
    a copy that has its time.

    Raises:
        OSError: it is not there, or not a regular file.
    """
    status = os.stat(path)  # noqa: PTH116 - a `Path` for each of 100,000 takes 0.5 s
    return _identity(status, portable=portable)


def identity_of_object(found: "RemoteObject") -> bytes:
    """Return size and ETag of an object, as an identity."""
    return b"%d %s" % (found.size, found.etag.encode())


def listed_object(address: str, identity: bytes) -> "RemoteObject":
    """Return the object of an address that had an identity."""
    from mnist_batch.remote.objects import RemoteObject  # late: local runs do without

    size, _, etag = identity.decode().partition(" ")
    return RemoteObject(address, int(size), etag)


def _identity(status: os.stat_result, *, portable: bool = False) -> bytes:
    if not stat.S_ISREG(status.st_mode):
        raise OSError("not a regular file")
    # As text: three numbers take 150 bytes. After the space, no number goes on.
    both = b"%d %d " % (status.st_size, status.st_mtime_ns)
    return both if portable else both + b"%d " % status.st_ino


def open_listed(path: str, identity: bytes) -> pa.NativeFile:
    """Open a file that had an identity, portable or not, when it was listed.

    Raises:
        ReplacedError: it is another file by now.
        OSError: or it cannot be opened.
    """
    # Asked before it is opened, since opening a pipe would wait for ever; and of what is open.
    if identity_of(path).startswith(identity):
        file = open_native(path)
        if _identity(os.fstat(file.fileno())).startswith(identity):
            return file
        file.close()
    raise ReplacedError("replaced after it was listed")


# The shards of a file follow one another, so a few footers are kept; all of a long list of files
# are not, since one of 600 row groups takes 2 MB.
@lru_cache(maxsize=4)
def read_footer(path: str, identity: bytes) -> Footer:
    """Read the footer of a file; it is remembered for the last few.

    Raises:
        OSError: or another of `UNREADABLE`: the file cannot be opened or has no footer.
    """
    if is_remote(path):
        return _read_remote_footer(listed_object(path, identity))
    with open_listed(path, identity) as file:
        metadata = pq.read_metadata(file)
        descriptor = file.fileno()
        size = os.fstat(descriptor).st_size
        length = int.from_bytes(os.pread(descriptor, 4, size - 8), "little")
        return Footer(path, metadata, os.pread(descriptor, length, size - 8 - length), size)


_TAIL = 2**16
"""Bytes at the end of an object that are requested first: most footers are in them."""


def _read_remote_footer(found: "RemoteObject") -> Footer:
    from mnist_batch.remote.objects import read  # late: local runs do without

    start = max(0, found.size - _TAIL)
    tail = read(found.address, found.etag, (start, found.size)) if found.size else b""
    length = int.from_bytes(tail[-8:-4], "little")
    if len(tail) - 8 < length <= found.size - 8:
        tail = read(found.address, found.etag, (found.size - 8 - length, found.size))
    metadata = pq.read_metadata(pa.BufferReader(tail))
    return Footer(found.address, metadata, tail[-8 - length : -8], found.size)


@lru_cache(maxsize=4)
def read_chunks(footer: Footer, places: tuple[int, ...]) -> npt.NDArray[np.int64]:
    """Read from a footer where columns lie; it is remembered for the last few.

    Args:
        footer: as `read_footer` returns it.
        places: for each column its place among those k that are wanted, from 0; -1 for others.

    Returns:
        int64 (row groups, k, 6): what the footer says of each column; the last axis is that of
        `_kernels.parquet.CODEC` and the names beside it.

    Raises:
        OSError: the footer does not describe all these columns.
    """
    chunks = np.zeros((footer.metadata.num_row_groups, max(places) + 1, 6), np.int64)
    if not find_chunks(footer.content, np.array(places, np.int64), chunks):
        raise OSError("its footer is damaged, or encrypted")
    return chunks
