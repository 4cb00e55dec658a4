"""The bytes of images that lie in object storage, one an object."""

from collections.abc import Iterator

import pyarrow as pa

from mnist_batch.decoding.limits import MAX_FILE_BYTES
from mnist_batch.inputs.remote.listed_objects import ListedObjects
from mnist_batch.inputs.shards import BATCH_BYTES
from mnist_batch.machine.failures import ReplacedError
from mnist_batch.remote.addresses import ImpossibleNameError
from mnist_batch.remote.fetching import in_threads
from mnist_batch.remote.objects import RemoteObject, read
from mnist_batch.schema import Reason, error_text


def contents(listed: ListedObjects, batch_size: int) -> Iterator[tuple[pa.Array, pa.Array]]:
    """Yield the objects' bytes in order, Arrow binary, null with an error in Arrow strings.

    A batch has at most `batch_size` objects, and of more than one about `BATCH_BYTES` at most.
    The next objects are fetched while a batch is worked on.

    Raises:
        MachineError: while iterating, where the network or the credentials refuse one.
    """
    contents: list[bytes | None] = []
    errors: list[str | None] = []
    total = 0
    for content, error in in_threads(_fetched, listed, _bytes_of):
        size = len(content or b"")
        if contents and (len(contents) == batch_size or total + size > BATCH_BYTES):
            yield pa.array(contents, pa.binary()), pa.array(errors, pa.string())
            contents, errors, total = [], [], 0
        contents.append(content)
        errors.append(error)
        total += size
    if contents:
        yield pa.array(contents, pa.binary()), pa.array(errors, pa.string())


def _bytes_of(found: RemoteObject) -> int:
    return max(0, found.size) if found.size <= MAX_FILE_BYTES else 0


def _fetched(found: RemoteObject) -> tuple[bytes | None, str | None]:
    """Return an object's bytes, or None and the error of its row."""
    if found.size > MAX_FILE_BYTES:
        return None, error_text(Reason.TOO_LARGE, f"a file over {MAX_FILE_BYTES} bytes")
    try:
        return read(found.address, found.etag), None
    except (FileNotFoundError, ImpossibleNameError):
        return None, error_text(Reason.MISSING_FILE)
    except ReplacedError as error:
        return None, error_text(Reason.UNREADABLE_FILE, str(error))
