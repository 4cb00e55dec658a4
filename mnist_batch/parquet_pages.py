"""The pages of a Parquet file, looked over before they are decoded.

Arrow takes memory for what a page says of itself, and reads rows one after the other whatever the
footer says: a small file can inflate to many gigabytes, and one damaged number moves all rows that
follow.
"""

import os
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch import kernels, parquet_structure
from mnist_batch.parquet_structure import (
    AT,
    BEYOND,
    DAMAGED,
    LONGEST_HEADER,
    PADDING,
    RIGHT,
    SEEN_VALUES,
    STATE,
    STORED_BYTES,
    TOO_LARGE,
    VALUE_BYTES,
    begin_looking,
)
from mnist_batch.shards import BATCH_BYTES

MAX_PAGE_BYTES = 512 * 2**20
"""A page above this is not decoded. Usual ones have 1 MB; some writers put a row group into one."""

_Numbers = npt.NDArray[np.int64]

_AT_ONCE = BATCH_BYTES
"""Bytes of a file that are read to find many pages in them."""

_USUAL_PAGE_BYTES = 2**16
"""Columns of more bytes than this are left to be read page by page, of which they have few."""

_HEADER_BYTES = 4096
"""Bytes that are read to find one page."""


@dataclass(frozen=True)
class Pages:
    """What the pages of some row groups say.

    Attributes:
        rows: int64 (row groups, columns), rows whose pages are as they should be, from the first.
        value_bytes: how large a value can be, about.
        errors: what is wrong with other pages, by the row group's and the column's place.
    """

    rows: _Numbers
    value_bytes: int
    errors: dict[tuple[int, int], str]


@dataclass(frozen=True, eq=False)
class Columns:
    """Some columns of a Parquet file, as its footer tells of them.

    Attributes:
        chunks: int64 (row groups, columns, 5), see `parquet_structure`.
    """

    chunks: _Numbers

    def look(
        self, file: pa.NativeFile, groups: range, rows: _Numbers, flat: npt.NDArray[np.bool_]
    ) -> Pages:
        """Look over the pages of row groups.

        Args:
            file: open for reading; where it stands does not matter.
            groups: which row groups.
            rows: how many rows the footer says each has.
            flat: whether each column holds one value a row.
        """
        chunks = self.chunks[groups.start : groups.stop]
        columns = chunks.reshape(-1, 5)
        found = begin_looking(columns)
        small = columns[:, STORED_BYTES] < _USUAL_PAGE_BYTES
        begin = int(found[small, AT].min(initial=2**62))
        end = int((found[small, AT] + columns[small, STORED_BYTES]).max(initial=0))
        if 0 <= begin < end <= begin + _AT_ONCE:
            _look_at(file, begin, end - begin, columns, found)
        for place in np.flatnonzero(found[:, STATE] == BEYOND):
            _look_at_each(file, columns[place : place + 1], found[place : place + 1])
        found = found.reshape(*chunks.shape[:2], 4)
        seen = np.where(flat, found[:, :, SEEN_VALUES], rows[:, None])
        right = (found[:, :, STATE] == RIGHT) & (seen == rows[:, None])
        stopped = flat & np.isin(found[:, :, STATE], (DAMAGED, TOO_LARGE))
        sound = np.where(stopped, np.minimum(seen, rows[:, None]), 0)
        errors = {
            (int(group), int(column)): _error(found[group, column])
            for group, column in np.argwhere(~right)
        }
        value_bytes = int(found[:, :, VALUE_BYTES].max(initial=1))
        return Pages(np.where(right, rows[:, None], sound), value_bytes, errors)


@lru_cache(maxsize=4)
def read_columns(
    path: Path, identity: tuple[int, ...], groups: int, places: tuple[int, ...]
) -> Columns:
    """Read where columns of a file lie; of the last few files it is remembered.

    Args:
        path: the file.
        identity: by which another file in its place is known.
        groups: how many row groups it has.
        places: for each column its place among those that are wanted, from 0; -1 for others.

    Raises:
        OSError: the file cannot be read, or its footer does not tell of all these columns.
    """
    del identity
    with path.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, os.SEEK_END)
        footer = file.read(length) + PADDING
    chunks = np.zeros((groups, max(places) + 1, 5), np.int64)
    if not _find_chunks(footer, np.array(places, np.int64), chunks):
        raise OSError("its footer is damaged, or encrypted")
    return Columns(chunks)


def _error(found: _Numbers) -> str:
    if found[STATE] == TOO_LARGE:
        return f"a page of over {MAX_PAGE_BYTES} bytes at byte {found[AT]}"
    if found[STATE] == DAMAGED:
        return f"the page at byte {found[AT]} is damaged"
    return f"its pages hold {found[SEEN_VALUES]} values, the footer says otherwise"


def _look_at_each(file: pa.NativeFile, column: _Numbers, found: _Numbers) -> None:
    """Follow the pages of one column, (1, 5), by reading where each begins."""
    while found[0, STATE] == BEYOND:
        before = found[0, AT]
        _look_at(file, int(before), _HEADER_BYTES, column, found)
        if found[0, STATE] == BEYOND and found[0, AT] == before:
            _look_at(file, int(before), LONGEST_HEADER, column, found)
            if found[0, STATE] == BEYOND and found[0, AT] == before:
                found[0, STATE] = DAMAGED  # it lies beyond the file's end


def _look_at(
    file: pa.NativeFile, begin: int, size: int, columns: _Numbers, found: _Numbers
) -> None:
    room = _room()
    try:
        size = os.preadv(file.fileno(), [memoryview(room)[:size]], begin)
    except (OSError, OverflowError):  # a place that is in no file
        found[:, STATE] = DAMAGED
        return
    room[size : size + len(PADDING)] = PADDING
    if kernels.ready():
        from mnist_batch.parquet_kernels import look_at_pages

        data = np.frombuffer(room, np.uint8, size + len(PADDING))
        look_at_pages(data, begin, columns, MAX_PAGE_BYTES, found)
    else:
        view = memoryview(room)[: size + len(PADDING)]
        parquet_structure.look_at_pages(view, begin, columns, MAX_PAGE_BYTES, found)


def _room() -> bytearray:
    """Return memory to read into, the same for all of a thread: new memory has to be mapped."""
    if not hasattr(_of_thread, "room"):
        _of_thread.room = bytearray(_AT_ONCE + len(PADDING))
    room: bytearray = _of_thread.room
    return room


_of_thread = threading.local()


def _find_chunks(footer: bytes, places: _Numbers, chunks: _Numbers) -> bool:
    if kernels.ready():
        from mnist_batch.parquet_kernels import find_chunks

        return bool(find_chunks(np.frombuffer(footer, np.uint8), places, chunks))
    return parquet_structure.find_chunks(footer, places, chunks)
