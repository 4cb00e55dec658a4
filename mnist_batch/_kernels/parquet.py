"""Where the columns of a Parquet file lie, and what the headers of their pages say.

Read here and not by pyarrow 26, which ends the process when it is asked for a column whose entry in
the footer is damaged or encrypted, and takes up to 2 GB for a page that says it has so many. The
formats are those of Apache Parquet's `parquet.thrift` and of Thrift's compact protocol.
"""

import ctypes
import os

import numpy as np
import numpy.typing as npt

from mnist_batch import _kernels
from mnist_batch._kernels import library
from mnist_batch._kernels.arguments import address

CODEC, VALUES, STORED_BYTES, DATA_PAGE, DICTIONARY_PAGE, NULLS = range(6)
"""What the footer says of a column chunk (a column in a row group): the number of its codec,
how many values it has, its size in bytes, at which bytes of the file its first page and its
dictionary page begin (0 for none), and how many values are null (0 where it is not given)."""

AT, SEEN_VALUES, VALUE_BYTES, STATE = range(4)
"""What the page headers of a column chunk say: at which byte of the file the first page begins that
was not followed, the number of values in the pages before it, the size in bytes that a value can
have, and one of the four states below. A value can be as large as the dictionary, which may hold
just one, or as the values of a page are on average that are stored one by one."""

SOUND, DAMAGED, TOO_LARGE, MISCOUNTED = range(4)
"""All pages are as they should be; the next header is damaged, or its page lies beyond the end of
the file; the next page is larger than any that is decoded; the pages hold another number of values
than the footer says, so that nobody knows which are missing."""

_Numbers = npt.NDArray[np.int64]


def find_chunks(footer: bytes, places: _Numbers, chunks: _Numbers) -> bool:
    """Find some columns of all row groups.

    Args:
        footer: FileMetaData as in the file.
        places: int64 (columns,), for each column of a row group its place in `chunks`; -1 for none.
        chunks: int64 (row groups, k, 6), filled with what the footer says of them.

    Returns:
        Whether exactly these row groups are there, each with these columns, and none is encrypted.

    Raises:
        ValueError: an array has another type or size.
    """
    if not _kernels.ready():
        from mnist_batch._kernels import plain_parquet

        return plain_parquet.find_chunks(footer, places, chunks)
    groups, kept, numbers = chunks.shape
    if numbers != 6 or places.max(initial=-1) >= kept:
        raise ValueError(f"expected places below {kept} and 6 numbers, got {chunks.shape}")
    is_whole: int = library.get().find_chunks(
        footer,
        ctypes.c_size_t(len(footer)),
        address(places, np.int64, len(places)),
        ctypes.c_size_t(len(places)),
        address(chunks, np.int64, chunks.size, filled=True),
        ctypes.c_size_t(groups),
        ctypes.c_size_t(kept),
    )
    return bool(is_whole)


def check_pages(descriptor: int, chunks: _Numbers, max_page_bytes: int, found: _Numbers) -> None:
    """Follow the pages of column chunks by their headers, each from its first one.

    Args:
        descriptor: of the file.
        chunks: int64 (k, 6), the column chunks as `find_chunks` finds them.
        max_page_bytes: a larger page is not decoded.
        found: int64 (k, 4), filled with what the headers say.

    Raises:
        ValueError: an array has another type or size.
        OSError: the file cannot be read, or there is no memory for a header. That says nothing of
            what is in the file.
    """
    if not _kernels.ready():
        from mnist_batch._kernels import plain_parquet

        plain_parquet.check_pages(descriptor, chunks, max_page_bytes, found)
        return
    count = len(found)
    error: int = library.get().check_pages(
        ctypes.c_int(descriptor),
        address(chunks, np.int64, count * 6),
        ctypes.c_size_t(count),
        ctypes.c_int64(max_page_bytes),
        address(found, np.int64, count * 4, filled=True),
    )
    if error:
        raise OSError(error, os.strerror(error))
