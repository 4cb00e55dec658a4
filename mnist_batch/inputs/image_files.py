"""Image files, read in batches."""

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch import _kernels
from mnist_batch.decoding.limits import MAX_FILE_BYTES
from mnist_batch.inputs.shards import BATCH_BYTES, SHARD_ROWS, text_of_path
from mnist_batch.schema import ImageBatch, Reason, error_text


@dataclass(frozen=True)
class ImageFileShard:
    """Consecutive image files, each a source with the one row 0.

    Attributes:
        paths: where the files are.
        sources: the column `source`, as long as `paths`.
        labels: Arrow int8, as long as `paths`, 0 to 9 or null.
    """

    paths: Sequence[str]
    sources: Sequence[str]
    labels: pa.Array

    @property
    def rows(self) -> int:
        """The number of files."""
        return len(self.paths)

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""
        return True

    def take(self, places: npt.NDArray[np.int64]) -> "ImageFileShard":
        """Return the shard of some of the files, by their places, int64 (k,)."""
        return ImageFileShard(
            paths=[self.paths[place] for place in places],
            sources=[self.sources[place] for place in places],
            labels=self.labels.take(pa.array(places)),
        )

    def slice(self, start: int, stop: int) -> "ImageFileShard":
        """Return the shard of the files from one place up to another."""
        return ImageFileShard(
            self.paths[start:stop], self.sources[start:stop], self.labels[start:stop]
        )

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the files' bytes in order; a file that cannot be read is a row with an error."""
        start = 0
        while start < len(self.paths):
            paths = self.paths[start : start + batch_size]
            encoded, error = _read_at_once(paths) or _read_each(paths)
            yield ImageBatch(
                source=_texts(self.sources[start : start + len(encoded)]),
                row=pa.array(np.zeros(len(encoded), np.int64)),
                label=self.labels.slice(start, len(encoded)),
                images=encoded,
                error=error,
            )
            start += len(encoded)


def image_shards(
    paths: Sequence[str], sources: Sequence[str], labels: pa.Array
) -> list[ImageFileShard]:
    """Cut a list of image files into shards."""
    return [
        ImageFileShard(
            paths[at : at + SHARD_ROWS], sources[at : at + SHARD_ROWS], labels.slice(at, SHARD_ROWS)
        )
        for at in range(0, len(paths), SHARD_ROWS)
    ]


def _texts(sources: Sequence[str]) -> pa.Array:
    try:
        return pa.array(sources, pa.string())
    except UnicodeEncodeError:
        return pa.array([text_of_path(source) for source in sources], pa.string())


def _read_at_once(paths: Sequence[str]) -> tuple[pa.Array, pa.Array] | None:
    """Return what `_read_each` does, by compiled code; None where that is not loaded."""
    if not _kernels.ready():
        return None
    from mnist_batch._kernels.images import MAX_BYTES, read_files

    joined = np.frombuffer(os.fsencode("\0".join([*paths, ""])), np.uint8)
    ends = np.flatnonzero(joined == 0)
    if len(ends) != len(paths):  # a null character in a path
        return None
    # Room that the file which fills the batch uses up.
    data = np.empty(max(BATCH_BYTES - 1, 0) + MAX_BYTES, np.uint8)
    bounds = np.empty(len(paths) + 1, np.int32)
    count = read_files(joined, np.append(0, ends[:-1] + 1), _READING, data, bounds)
    bounds = bounds[: count + 1]
    buffers = [None, pa.py_buffer(bounds), pa.py_buffer(data[: bounds[-1]])]
    encoded = pa.Array.from_buffers(pa.binary(), count, buffers)
    remaining = np.flatnonzero(np.diff(bounds) == 0)
    if not len(remaining):
        return encoded, pa.nulls(count, pa.string())
    contents: list[bytes | None] = encoded.to_pylist()
    errors: list[str | None] = [None] * count
    sizes = np.diff(bounds).astype(np.int64)
    for place in remaining.tolist():
        if sizes[:place].sum() >= BATCH_BYTES:
            break
        contents[place], errors[place] = _read_file(paths[place])
        sizes[place] = len(contents[place] or b"")
    # Of large files only so many: up to the one that fills the batch.
    count = min(count, int(np.searchsorted(np.cumsum(sizes), BATCH_BYTES)) + 1)
    return pa.array(contents[:count], pa.binary()), pa.array(errors[:count], pa.string())


def _read_each(paths: Sequence[str]) -> tuple[pa.Array, pa.Array]:
    """Return the bytes of files, null where there are none to be had, and the errors.

    There may be fewer than files were named, but at least one: about `BATCH_BYTES` are read.
    """
    contents: list[bytes | None] = []
    errors: list[str | None] = []
    size = 0
    for path in paths:
        content, error = _read_file(path)
        contents.append(content)
        errors.append(error)
        size += len(content or b"")
        if size >= BATCH_BYTES:
            break
    return pa.array(contents, pa.binary()), pa.array(errors, pa.string())


def _read_file(path: str) -> tuple[bytes | None, str | None]:
    """Return a file's bytes, or None and the error.

    Plain system calls, and three of them where all is well: on small files they are three times as
    fast as a buffered file object.
    """
    try:
        descriptor = os.open(path, _READING)
        try:
            content = os.read(descriptor, _FIRST_BYTES)
            if not 0 < len(content) < _FIRST_BYTES:
                if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                    return None, error_text(Reason.UNREADABLE_FILE, "not a regular file")
                content = _read_rest(descriptor, content)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return None, error_text(Reason.MISSING_FILE)
    except OSError as error:
        return None, error_text(Reason.UNREADABLE_FILE, error.strerror or str(error))
    except ValueError:
        return None, error_text(Reason.UNREADABLE_FILE, "a null character in the path")
    if len(content) > MAX_FILE_BYTES:
        return None, error_text(Reason.TOO_LARGE, f"a file over {MAX_FILE_BYTES} bytes")
    return content, None


# Without O_NONBLOCK, opening a pipe that took a file's place would wait for ever.
_READING = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC

_FIRST_BYTES = 65536
"""A file below this is read at once; an empty one may be a pipe, a full one a device."""


def _read_rest(descriptor: int, head: bytes) -> bytes:
    parts, size = [head], len(head)
    while size <= MAX_FILE_BYTES and (part := os.read(descriptor, 2**20)):
        parts.append(part)
        size += len(part)
    return b"".join(parts)
