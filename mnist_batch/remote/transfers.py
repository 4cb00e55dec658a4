"""Whole files to and from object storage."""

from pathlib import Path

from mnist_batch.remote.addresses import parsed
from mnist_batch.remote.attempts import asked
from mnist_batch.remote.objects import RemoteObject, read_ranges, stat
from mnist_batch.remote.stores import store_of

CHUNK = 2**23
"""Bytes of one request for a large object: 8 MiB pass in a minute at 1.2 Mbit/s."""

_AT_ONCE = 8
"""Chunks that are requested at once."""


def download(address: str, path: Path) -> RemoteObject:
    """Write an object's content into a new local file, a bounded number of bytes at a time.

    Returns:
        The object as it was when the download began.

    Raises:
        FileExistsError: the local file is there already.
    """
    found = stat(address)
    with path.open("xb") as file:
        for start in range(0, found.size, _AT_ONCE * CHUNK):
            stop = min(start + _AT_ONCE * CHUNK, found.size)
            starts = range(start, stop, CHUNK)
            ranges = [(one, min(one + CHUNK, stop)) for one in starts]
            file.writelines(read_ranges(address, ranges))
    return found


def upload(path: Path, address: str) -> None:
    """Write a local file's content as an object, whole or not at all; an object is replaced.

    A file of over 8 MiB goes in parts, which the store puts together at the end. What a killed
    process has sent of them no reader sees; the bucket's lifecycle rules may remove it.
    """
    import obstore  # late: local runs do without

    place = parsed(address)
    store = store_of(place)
    asked(
        address,
        # A path, which is opened at each attempt.
        lambda: obstore.put(store, place.key, path, chunk_size=CHUNK, max_concurrency=4),
    )
