"""The leaves of a Parquet file's schema, and their pages, checked before they are decoded.

Arrow takes as much memory as a page's header asks for, and reads rows one after the other whatever
the footer says: a small file can inflate to many gigabytes, and one damaged number moves all rows
that follow.
"""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from mnist_batch._kernels.parquet import (
    AT,
    DAMAGED,
    SEEN_VALUES,
    SOUND,
    STATE,
    TOO_LARGE,
    VALUE_BYTES,
    check_pages,
)
from mnist_batch.inputs.parquet.columns import ImageColumn

MAX_PAGE_BYTES = 512 * 2**20
"""A page above this is not decoded. Usual ones have 1 MB; some writers put a row group into one."""

MAX_PAGES_BYTES = 2**30
"""Where each pixel has a column, a page of each is in memory at once: one is not decoded if that
many like it take more. Usual ones of 784 columns take up to 820 MB; pyarrow's, 16 MB."""

_MANY = 64
"""Columns of a table that has one for each pixel, at least."""

MAX_FIXED_BYTES = 2**20
"""Bytes of the values of fixed length in a row, at most. For these Arrow takes memory before it has
read a page, for a null as well: a schema of a few bytes asks for 2 GiB a row. Pixels have 784."""

_Numbers = npt.NDArray[np.int64]
_Flags = npt.NDArray[np.bool_]


class Leaves(NamedTuple):
    """The k leaves of a file's schema that pyarrow reads."""

    places: tuple[int, ...]  # for each leaf of the file its place among them, from 0; -1 for others
    flat: _Flags  # bool (k,), whether a leaf holds one value a row
    is_image: _Flags  # bool (k,), whether a leaf is of the images
    is_kept: _Flags  # bool (k,), whether it is of a column that the predictions merely keep
    fixed_bytes: int  # how long the values of fixed length are together


def find_leaves(
    footer: pq.FileMetaData, image: ImageColumn, others: Sequence[str], kept: Sequence[str] = ()
) -> Leaves:
    """Find the leaves of a file's schema that pyarrow reads for the images and other columns.

    `kept` are those that the predictions merely keep.

    Raises:
        OSError: the schema is damaged, or values are longer than `MAX_FIXED_BYTES`.
    """
    # `footer.schema` and the footer would refer to each other, and stay until the next search for
    # garbage: 9 kB for each of very many files.
    schema = pq.ParquetSchema(footer)
    tops = [
        field.name for field in schema.to_arrow_schema() for _ in range(_count_leaves(field.type))
    ]
    if len(tops) != footer.num_columns:
        raise OSError("its schema is damaged")
    places: list[int] = []
    flat: list[bool] = []
    is_image: list[bool] = []
    is_kept: list[bool] = []
    fixed_bytes = 0
    wanted, of_images = {*image.paths, *others}, {image.name, *image.pixels}
    read = wanted | {*kept}
    for column, top in enumerate(tops):
        leaf = schema.column(column)
        if not _is_read(leaf.path, read):
            places.append(-1)
            continue
        places.append(len(flat))
        flat.append(leaf.max_repetition_level == 0)
        is_image.append(top in of_images and image.path in (image.name, leaf.path))
        is_kept.append(not _is_read(leaf.path, wanted))
        fixed_bytes += leaf.length if leaf.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0
    if fixed_bytes > MAX_FIXED_BYTES:
        raise OSError(f"values of {fixed_bytes} bytes by its schema")
    flags = [np.array(each, np.bool_) for each in (flat, is_image, is_kept)]
    return Leaves(tuple(places), flags[0], flags[1], flags[2], fixed_bytes)


def _is_read(path: str, names: Set[str]) -> bool:
    """Tell whether pyarrow reads the leaf of a path when it is asked for columns by name.

    It compares texts: with a column `image` it also reads one that is called `image.raw`.
    """
    dots = (place for place, character in enumerate(path) if character == ".")
    return path in names or any(path[:place] in names for place in dots)


def _count_leaves(kind: pa.DataType) -> int:
    if isinstance(kind, pa.BaseExtensionType):
        return _count_leaves(kind.storage_type)
    if pa.types.is_struct(kind):
        return sum(_count_leaves(field.type) for field in kind)
    if pa.types.is_map(kind):
        return _count_leaves(kind.key_type) + _count_leaves(kind.item_type)
    if pa.types.is_nested(kind):  # lists of all kinds
        return _count_leaves(kind.value_type)
    return 1


@dataclass(frozen=True)
class CheckedPages:
    """What the page headers of some row groups say."""

    # int64 (row groups, columns), the number of rows from the first whose pages are sound.
    rows: _Numbers
    value_bytes: int  # how large a value can be, about
    # What is wrong with the next page, by the places of its row group and column.
    errors: dict[tuple[int, int], str]


def check_chunks(
    file: pa.NativeFile, chunks: _Numbers, rows: _Numbers, flat: _Flags
) -> CheckedPages:
    """Check the headers of all pages of some row groups.

    Args:
        file: open for reading, at any position.
        chunks: int64 (row groups, columns, 6), as `read_chunks` returns them, of these row groups.
        rows: int64 (row groups,), how many rows the footer says each has.
        flat: bool (columns,), whether a column holds one value a row.

    Raises:
        OSError: the file cannot be read, which says nothing of its pages.
    """
    found = np.zeros((*chunks.shape[:2], 4), np.int64)
    most = MAX_PAGE_BYTES if len(flat) < _MANY else MAX_PAGES_BYTES // len(flat)
    check_pages(file.fileno(), chunks.reshape(-1, 6), most, found.reshape(-1, 4))
    seen = np.where(flat, found[:, :, SEEN_VALUES], rows[:, None])
    right = (found[:, :, STATE] == SOUND) & (seen == rows[:, None])
    value_bytes = int(found[:, :, VALUE_BYTES].max(initial=1))
    if right.all():  # as nearly always; the rest takes as long as to read a small file
        return CheckedPages(np.broadcast_to(rows[:, None], right.shape), value_bytes, {})
    stopped = flat & ((found[:, :, STATE] == DAMAGED) | (found[:, :, STATE] == TOO_LARGE))
    sound = np.where(stopped, np.minimum(seen, rows[:, None]), 0)
    errors = {
        (int(group), int(column)): _error(found[group, column], most)
        for group, column in np.argwhere(~right)
    }
    return CheckedPages(np.where(right, rows[:, None], sound), value_bytes, errors)


def _error(found: _Numbers, most: int) -> str:
    if found[STATE] == TOO_LARGE:
        return f"a page of over {most} bytes at byte {found[AT]}"
    if found[STATE] == DAMAGED:
        return f"the page at byte {found[AT]} is damaged"
    return f"its pages hold {found[SEEN_VALUES]} values, the footer says otherwise"
