"""Whole files to and from object storage."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from mnist_batch.remote.addresses import parsed, type_of
from mnist_batch.remote.attempts import asked
from mnist_batch.remote.fetching import in_threads
from mnist_batch.remote.objects import SPAN, RemoteObject, read, stat
from mnist_batch.remote.stores import store_of

CHUNK = SPAN
"""Bytes of one request of an upload."""

_SPAN, _AHEAD_BYTES = 2**22, 2**25
"""Bytes of one request of a download, and of the requests that are under way for one."""


def download(address: str, path: Path) -> RemoteObject:
    """Write an object's content into a new local file, a bounded number of bytes at a time.

    Returns:
        The object as it was when the download began.

    Raises:
        FileExistsError: the local file is there already.
    """
    found = stat(address)
    download_listed(found, path)
    return found


def download_listed(found: RemoteObject, path: Path) -> None:
    """Write the content of an object that was listed into a new local file, as `download` does.

    Raises:
        ReplacedError: it is another by now.
    """
    with path.open("xb") as file:
        for span, content in fetched_spans(found, [(0, found.size)]):
            del span
            file.write(content)


def fetched_spans(
    found: RemoteObject, spans: Iterable[tuple[int, int]]
) -> Iterator[tuple[tuple[int, int], bytes]]:
    """Yield spans of an object, in order, cut where they are long; several are requested at once.

    Raises:
        ReplacedError: while iterating, where it is another by now.
    """
    pieces = (
        (start, min(start + _SPAN, stop))
        for first, stop in spans
        for start in range(first, stop, _SPAN)
    )

    def fetch(span: tuple[int, int]) -> tuple[tuple[int, int], bytes]:
        return span, read(found.address, found.etag, span)

    yield from in_threads(fetch, pieces, lambda span: span[1] - span[0], _AHEAD_BYTES)


def upload(path: Path, address: str) -> None:
    """Write a local file's content as an object, whole or not at all; an object is replaced.

    A file of over 8 MiB goes in parts, which the store puts together at the end. What a killed
    process has sent of them no reader sees; the bucket's lifecycle rules may remove it.
    """
    place = parsed(address)
    store = store_of(place)
    import obstore  # late: local runs do without

    asked(
        address,
        # A path, which is opened at each attempt.
        lambda: obstore.put(
            *(store, place.key, path),
            chunk_size=CHUNK,
            max_concurrency=4,
            attributes={"Content-Type": type_of(address)},
        ),
    )
