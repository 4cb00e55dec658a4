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

from mnist_batch import _kernels
from mnist_batch.inputs.parquet import structure
from mnist_batch.inputs.parquet.structure import (
    AT,
    DAMAGED,
    PADDING,
    RIGHT,
    ROOM,
    SEEN_VALUES,
    STATE,
    TOO_LARGE,
    VALUE_BYTES,
)

MAX_PAGE_BYTES = 512 * 2**20
"""A page above this is not decoded. Usual ones have 1 MB; some writers put a row group into one."""

_Numbers = npt.NDArray[np.int64]


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
        chunks: int64 (row groups, columns, 6), see `parquet_structure`.
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
        found = np.zeros((*chunks.shape[:2], 4), np.int64)
        _look_at_pages(file.fileno(), chunks.reshape(-1, 6), found.reshape(-1, 4))
        seen = np.where(flat, found[:, :, SEEN_VALUES], rows[:, None])
        right = (found[:, :, STATE] == RIGHT) & (seen == rows[:, None])
        stopped = flat & ((found[:, :, STATE] == DAMAGED) | (found[:, :, STATE] == TOO_LARGE))
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
    chunks = np.zeros((groups, max(places) + 1, 6), np.int64)
    if not _find_chunks(footer, np.array(places, np.int64), chunks):
        raise OSError("its footer is damaged, or encrypted")
    return Columns(chunks)


def _error(found: _Numbers) -> str:
    if found[STATE] == TOO_LARGE:
        return f"a page of over {MAX_PAGE_BYTES} bytes at byte {found[AT]}"
    if found[STATE] == DAMAGED:
        return f"the page at byte {found[AT]} is damaged"
    return f"its pages hold {found[SEEN_VALUES]} values, the footer says otherwise"


def _look_at_pages(descriptor: int, chunks: _Numbers, found: _Numbers) -> None:
    if _kernels.ready():
        from mnist_batch._kernels.parquet import look_at_pages

        look_at_pages(descriptor, chunks, MAX_PAGE_BYTES, _room(), found)
    else:
        room = _room().data
        structure.look_at_pages(descriptor, chunks, MAX_PAGE_BYTES, room, found)


def _room() -> npt.NDArray[np.uint8]:
    """Return memory to read into, the same for all of a thread: new memory has to be mapped."""
    if not hasattr(_of_thread, "room"):
        _of_thread.room = np.empty(ROOM, np.uint8)
    room: npt.NDArray[np.uint8] = _of_thread.room
    return room


_of_thread = threading.local()


def _find_chunks(footer: bytes, places: _Numbers, chunks: _Numbers) -> bool:
    if _kernels.ready():
        from mnist_batch._kernels.parquet import find_chunks

        return bool(find_chunks(np.frombuffer(footer, np.uint8), places, chunks))
    return structure.find_chunks(footer, places, chunks)
