"""Open row groups of a Parquet file; those of a file in object storage are brought here before."""

import os
import tempfile
import weakref
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mnist_batch.inputs.files.opening import open_native
from mnist_batch.inputs.parquet.columns import ImageColumn
from mnist_batch.inputs.parquet.footers import listed_object, open_listed, read_footer
from mnist_batch.inputs.parquet.row_groups import RowGroups
from mnist_batch.remote.addresses import is_remote

if TYPE_CHECKING:
    from concurrent.futures import Future, ThreadPoolExecutor

_GAP = 2**20
"""Bytes between two columns that are fetched with them: they take less time than a request."""


_AT_ONCE = 8
"""Files or parts of them that are fetched ahead at once. Each is fetched by several requests."""


class ComingGroups:
    """Row groups of a file in object storage that are fetched ahead, to be read once."""

    def __init__(
        self,
        path: str,
        identity: bytes,
        groups: range,
        image: ImageColumn,
        others: Sequence[str] = (),
        kept: Sequence[str] = (),
    ) -> None:
        """Begin to fetch what `open_groups` would, and return at once."""
        coming = _pool().submit(_fetched, path, identity, groups, image, others, kept)
        self._coming: Future[_Fetched] | None = coming
        weakref.finalize(self, coming.cancel)  # where nobody waits for it

    @property
    def is_taken(self) -> bool:
        """Whether `take` was called."""
        return self._coming is None

    def take(self) -> "_Fetched | None":
        """Wait for them, and return them the first time; raise what fetching them failed of."""
        coming, self._coming = self._coming, None
        return coming.result() if coming else None


@contextmanager
def open_groups(
    path: str,
    identity: bytes,
    groups: range,
    image: ImageColumn,
    others: Sequence[str] = (),
    kept: Sequence[str] = (),
    *,
    coming: ComingGroups | None = None,
) -> Iterator[RowGroups]:
    """Open some row groups of a file, of which `RowGroups.read` may then read those alone.

    Args:
        path: the file, or its address.
        identity: as `identity_of` returns it.
        groups: the row groups.
        image: the column of images, as `RowGroups` takes it.
        others: the same of further columns.
        kept: the same of those without which rows are whole.
        coming: the same, where they are fetched ahead.

    Raises:
        OSError: or another of `UNREADABLE`: it cannot be opened, or is another file by now.
        MachineError: the network, the credentials or the disk refuse.
    """
    if is_remote(path):
        fetched = coming and coming.take()
        file, opened = fetched or _fetched(path, identity, groups, image, others, kept)
        with file:
            yield opened
        return
    footer = read_footer(path, identity)
    with open_listed(path, identity) as file:
        yield RowGroups(file, footer, image, others, kept)


_Fetched = tuple[pa.NativeFile, RowGroups]


def _fetched(
    path: str,
    identity: bytes,
    groups: range,
    image: ImageColumn,
    others: Sequence[str],
    kept: Sequence[str],
) -> _Fetched:
    """Fetch the columns that are wanted into a sparse local file, which is open.

    It takes no more of the disk than they do, and has no name any more.
    """
    footer = read_footer(path, identity)
    descriptor, name = tempfile.mkstemp(prefix="mnist-batch-")
    with ExitStack() as entered:
        entered.callback(os.close, descriptor)
        try:
            os.truncate(descriptor, footer.file_size)
            file = open_native(Path(name))
        finally:
            Path(name).unlink()  # from here on, the end of the process frees it, however it comes
        opened = RowGroups(file, footer, image, others, kept)
        _fill(descriptor, path, identity, opened.spans(groups))
    return file, opened


@cache
def _pool() -> "ThreadPoolExecutor":
    from concurrent.futures import ThreadPoolExecutor  # late: local runs do without

    return ThreadPoolExecutor(_AT_ONCE, "read-ahead")


def _fill(descriptor: int, path: str, identity: bytes, spans: Sequence[tuple[int, int]]) -> None:
    from mnist_batch.remote.transfers import fetched_spans  # late: local runs do without

    found = listed_object(path, identity)
    for (start, _), content in fetched_spans(found, _merged(spans)):
        os.pwrite(descriptor, content, start)


def _merged(spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Yield spans in order, those as one between which is little."""
    first: int | None = None
    last = 0
    for start, stop in sorted(spans):
        if first is not None and start > last + _GAP:
            yield first, last
            first = None
        first = start if first is None else first
        last = max(last, stop)
    if first is not None:
        yield first, last
