"""Where the columns of a Parquet file lie, and what the headers of their pages say.

Read here and not by pyarrow 26, which ends the process when it is asked for a column whose entry in
the footer is damaged or encrypted, and takes up to 2 GB for a page that says it has so many. The
formats are those of Apache Parquet's `parquet.thrift` and of Thrift's compact protocol.
"""

import os
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

_Numbers = npt.NDArray[np.int64]
_Data = Any  # bytes to read from, or room for them: an array where the code is compiled

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

PADDING = bytes(32)
"""What has to follow the bytes that are read: all reading ends there."""

_BUFFER_BYTES = 2**20 + len(PADDING)
"""Room for the header of a page, which may hold the least and the greatest value."""

_USUAL_HEADER = 512
"""Bytes of the file that are read at first; few headers are longer."""

# Numbers of the fields of FileMetaData, RowGroup, ColumnChunk, ColumnMetaData and Statistics.
_ROW_GROUPS = 4
_COLUMNS = 1
_META_DATA = 3
_FIELDS = {4: CODEC, 5: VALUES, 7: STORED_BYTES, 9: DATA_PAGE, 11: DICTIONARY_PAGE}
_CODEC_FIELD = 4
_STATISTICS = 12
_NULL_COUNT = 3
_PLACES = np.array([_FIELDS.get(number, -1) for number in range(12)])
# Numbers of the fields of PageHeader, and in it of DataPageHeader, DictionaryPageHeader and
# DataPageHeaderV2. Nobody writes the fourth kind of page, and Arrow would skip one in silence.
_KIND, _SIZE, _STORED = 1, 2, 3
_DATA, _DICTIONARY, _DATA_V2 = 5, 7, 8
_KIND_OF_DETAILS = np.array([-1, -1, -1, -1, -1, 0, -1, 2, 3])

_I32, _I64, _LIST, _SET, _STRUCT = 5, 6, 9, 10, 12

# Field numbers of the encoding in DataPageHeader and DataPageHeaderV2; and the encoding whose
# values share prefixes, so that each may be as long as all that is stored.
_ENCODING, _ENCODING_V2 = 2, 4
_DELTA_BYTE_ARRAY = 7

_MAX_NUMBER = 2**60
"""No number in a file is larger, and sums of smaller ones do not overflow."""

_MAX_DEPTH = 16
"""How deep structs and lists may be nested; those of a footer are six levels deep."""


def find_chunks(footer: bytes, places: _Numbers, chunks: _Numbers) -> bool:
    """Find some columns of all row groups.

    Args:
        footer: FileMetaData as in the file, with `PADDING` behind it.
        places: int64 (columns,), for each column of a row group its place in `chunks`; -1 for none.
        chunks: int64 (row groups, k, 6), filled with what the footer says of them.

    Returns:
        Whether exactly these row groups are there, each with these columns, and none is encrypted.
    """
    return _find_chunks(footer, places, chunks)


def check_pages(descriptor: int, chunks: _Numbers, max_page_bytes: int, found: _Numbers) -> None:
    """Follow the pages of column chunks by their headers, each from its first one.

    Args:
        descriptor: of the file.
        chunks: int64 (k, 6), the column chunks as `find_chunks` finds them.
        max_page_bytes: a larger page is not decoded.
        found: int64 (k, 4), filled with what the headers say.
    """
    # One buffer for all calls in a thread: new memory has to be mapped.
    if not hasattr(_of_thread, "buffer"):
        _of_thread.buffer = np.empty(_BUFFER_BYTES, np.uint8)
    buffer: npt.NDArray[np.uint8] = _of_thread.buffer
    _check_pages(descriptor, chunks, max_page_bytes, buffer.data, found)


_of_thread = threading.local()


def _find_chunks(footer: _Data, places: _Numbers, chunks: _Numbers) -> bool:
    """Do what `find_chunks` does."""
    at, number, found = 0, 0, False
    while True:
        at, kind, number = _next_field(footer, at, number)
        if at < 0 or kind == 0:
            return found and at >= 0
        if number == _ROW_GROUPS:
            if kind != _LIST:
                return False
            at, kind, count = _list_of(footer, at)
            if kind != _STRUCT or count != len(chunks):
                return False
            for group in range(len(chunks)):
                at = _read_row_group(footer, at, places, chunks[group])
            found = True
        else:
            at = _skip(footer, at, kind)


def _read_row_group(footer: _Data, at: int, places: _Numbers, chunks: _Numbers) -> int:
    """Read a row group; return where it ends, -1 if it is not as expected."""
    number, kind, found = 0, 0, False
    while True:
        at, kind, number = _next_field(footer, at, number)
        if at < 0 or kind == 0:
            return at if found else -1
        if number == _COLUMNS:
            if kind != _LIST:
                return -1
            at, kind, count = _list_of(footer, at)
            if kind != _STRUCT or count != len(places):
                return -1
            for column in range(len(places)):
                if places[column] >= 0:
                    at = _read_column(footer, at, chunks[places[column]])
                else:
                    at = _skip(footer, at, _STRUCT)
            found = True
        else:
            at = _skip(footer, at, kind)


def _read_column(footer: _Data, at: int, chunk: _Numbers) -> int:
    """Read the metadata of a column chunk; return where it ends, -1 if it is not as expected."""
    number, kind, found = 0, 0, False
    while True:
        at, kind, number = _next_field(footer, at, number)
        if at < 0 or kind == 0:
            return at if found else -1
        if number != _META_DATA:
            at = _skip(footer, at, kind)
            continue
        if kind != _STRUCT:
            return -1
        found, inner = True, 0
        while True:
            at, kind, inner = _next_field(footer, at, inner)
            if at < 0:
                return -1
            if kind == 0:
                break
            if inner < len(_PLACES) and _PLACES[inner] >= 0:
                if kind != (_I32 if inner == _CODEC_FIELD else _I64):
                    return -1
                value, at = _read_size(footer, at)
                chunk[_PLACES[inner]] = value
            elif inner == _STATISTICS and kind == _STRUCT:
                at = _read_statistics(footer, at, chunk)
            else:
                at = _skip(footer, at, kind)


def _read_statistics(footer: _Data, at: int, chunk: _Numbers) -> int:
    """Read the number of null values; return where the statistics end, -1 if they do not."""
    number, kind = 0, 0
    while True:
        at, kind, number = _next_field(footer, at, number)
        if at < 0 or kind == 0:
            return at
        if number == _NULL_COUNT and kind == _I64:
            chunk[NULLS], at = _read_size(footer, at)
        else:
            at = _skip(footer, at, kind)


def _check_pages(
    descriptor: int, chunks: _Numbers, most: int, buffer: _Data, found: _Numbers
) -> None:
    """Do what `check_pages` does; the bytes of the file are read into `buffer`."""
    held = np.zeros(2, np.int64)
    for i in range(len(chunks)):
        _follow_pages(descriptor, chunks[i], most, buffer, held, found[i])


def _follow_pages(
    descriptor: int, chunk: _Numbers, most: int, buffer: _Data, held: _Numbers, found: _Numbers
) -> None:
    """Do what `_check_pages` does, for one column.

    `held` (2) is at which byte of the file begins what is in `buffer`, and how many bytes that are.
    """
    at, dictionary = int(chunk[DATA_PAGE]), int(chunk[DICTIONARY_PAGE])
    if 0 < dictionary < at:
        at = dictionary
    end = at + int(chunk[STORED_BYTES])
    seen, value_bytes, state = 0, 1, SOUND
    header = np.zeros(5, np.int64)
    while state == SOUND and seen < chunk[VALUES]:
        length = -1
        if at == end:
            state = MISCOUNTED
        elif 0 <= at < end:
            length = _read_page_header_at(descriptor, at, end, buffer, held, header)
        kind, size = int(header[0]), int(header[1])
        stored, values = int(header[2]), int(header[3])
        least = 0 if kind == 2 else 1
        if state == MISCOUNTED:
            pass
        elif length < 0 or size < 0 or stored < 0 or values < least or at + length + stored > end:
            state = DAMAGED
        elif size > most:
            state = TOO_LARGE
        else:
            if kind != 2:
                seen += values
                size //= 1 if header[4] == _DELTA_BYTE_ARRAY else values
            value_bytes = max(value_bytes, size)
            at += length + stored
    if state == SOUND and seen != chunk[VALUES]:
        state = MISCOUNTED
    found[AT], found[SEEN_VALUES], found[VALUE_BYTES], found[STATE] = at, seen, value_bytes, state


def _read_page_header_at(
    descriptor: int, at: int, end: int, buffer: _Data, held: _Numbers, header: _Numbers
) -> int:
    """Read the header of the page that begins at a byte of the file and ends at another at most.

    Return how long it is, -1 where there is none.
    """
    # Small pages stand so close that headers of several are read at once.
    begin, stop = at - int(held[0]), int(held[1])
    length, wanted = -1, _USUAL_HEADER
    if 0 <= begin < stop:
        length = _read_page_header(buffer[begin : stop + len(PADDING)], 0, header)
    while length < 0:
        wanted = min(wanted, _BUFFER_BYTES - len(PADDING))
        count = _read_at(descriptor, buffer, at, wanted)
        held[0], held[1] = at, count
        length = _read_page_header(buffer[: count + len(PADDING)], 0, header)
        if count < wanted or wanted >= min(end - at, _BUFFER_BYTES - len(PADDING)):
            break
        wanted *= 16
    return length if at + length <= end else -1


def _read_at(descriptor: int, buffer: _Data, at: int, size: int) -> int:
    """Read bytes of a file into `buffer`, with `PADDING` behind them; return how many there are."""
    try:
        count = os.preadv(descriptor, [buffer[:size]], at)
    except OSError:
        count = 0
    buffer[count : count + len(PADDING)] = PADDING
    return count


def _read_page_header(data: _Data, at: int, header: _Numbers) -> int:
    """Read a page's kind, size decompressed and as it is stored, number of values, and encoding.

    Return how long its header is, -1 where there is none.
    """
    header[:] = -1
    begin, number, kind, details = at, 0, 0, -1
    while True:
        at, kind, number = _next_field(data, at, number)
        if at < 0:
            return -1
        if kind == 0:
            return at - begin if details >= 0 and details == header[0] else -1
        if number in (_KIND, _SIZE, _STORED):
            if kind != _I32:
                return -1
            size, at = _read_size(data, at)
            header[number - 1] = size
        elif number in (_DATA, _DICTIONARY, _DATA_V2):
            if kind != _STRUCT:
                return -1
            details = _KIND_OF_DETAILS[number]
            at = _read_details(data, at, _ENCODING_V2 if number == _DATA_V2 else _ENCODING, header)
        else:
            at = _skip(data, at, kind)


def _read_details(data: _Data, at: int, encoding: int, header: _Numbers) -> int:
    """Read what the header of one kind of page says; return where that ends, -1 where not."""
    number, kind = 0, 0
    while True:
        at, kind, number = _next_field(data, at, number)
        if at < 0 or kind == 0:
            return at
        if number == 1 or number == encoding:
            if kind != _I32:
                return -1
            value, at = _read_size(data, at)
            header[3 if number == 1 else 4] = value
        else:
            at = _skip(data, at, kind)


def _next_field(data: _Data, at: int, number: int) -> tuple[int, int, int]:
    """Return where a field's value begins, its type, and its number; type 0 at a struct's end.

    Fields stand in the order of their numbers, as all writers put them: of one that is there twice,
    or with another type, Arrow would take another one than is read here.
    """
    if at < 0 or at >= len(data) - len(PADDING):
        return -1, 0, 0
    head = int(data[at])
    at += 1
    if head == 0:
        return at, 0, 0
    if head >> 4:
        return at, head & 15, number + (head >> 4)
    before = number
    number, at = _read_size(data, at)
    return (at if number > before else -1), head & 15, number


def _list_of(data: _Data, at: int) -> tuple[int, int, int]:
    """Return where a list's values begin, their type, and how many there are."""
    head = int(data[at])
    at += 1
    count = head >> 4
    if count == 15:
        count, at = _read_varint(data, at)
    return at, head & 15, count


def _skip(data: _Data, at: int, kind: int) -> int:
    """Return where a value ends, -1 where it does not end within the data."""
    size = len(data) - len(PADDING)
    if kind <= 2:  # a boolean, which the field's type tells
        return at
    # The innermost last: of lists the type of the values and how many are to come, of structs -1.
    kinds, lefts = np.zeros(_MAX_DEPTH, np.int64), np.zeros(_MAX_DEPTH, np.int64)
    depth, own, left = 0, kind, 1
    while True:
        if at < 0 or at > size:
            return -1
        if left < 0:
            head = int(data[at])
            at += 1
            kind = head & 15
            if head == 0:
                depth -= 1
                own, left = int(kinds[depth]), int(lefts[depth])
                continue
            if head < 16:
                _, at = _read_varint(data, at)
            if kind <= 2:  # a boolean, which the field's type tells
                continue
        elif left > 0:
            left -= 1
            kind = own
        elif depth == 0:
            return at
        else:
            depth -= 1
            own, left = int(kinds[depth]), int(lefts[depth])
            continue
        if kind == 5 or kind == 6 or kind == 4:
            while data[at] > 127:
                at += 1
            at += 1
        elif kind == 8:
            length, at = _read_varint(data, at)
            if length < 0 or length > size:
                return -1
            at += length
        elif kind in (_STRUCT, _LIST, _SET):
            if depth == _MAX_DEPTH:
                return -1
            kinds[depth], lefts[depth] = own, left
            depth += 1
            left = -1
            if kind != _STRUCT:
                at, own, left = _list_of(data, at)
                if left < 0 or left > size:
                    return -1
        elif kind <= 3:
            at += 1
        elif kind == 7:
            at += 8
        else:  # a map, of which there are none
            return -1


def _read_size(data: _Data, at: int) -> tuple[int, int]:
    """Return a number that is a count or a place, and where it ends; -1 for one that is neither.

    It is stored zigzag: twice itself, and odd below 0.
    """
    number, at = _read_varint(data, at)
    return (number >> 1 if number & 1 == 0 and 0 <= number <= _MAX_NUMBER else -1), at


def _read_varint(data: _Data, at: int) -> tuple[int, int]:
    """Return a number stored in sevens of bits, the lowest first, and where it ends."""
    number, shift = 0, 0
    while True:
        byte = int(data[at])
        at += 1
        number |= (byte & 127) << shift
        shift += 7
        if byte < 128 or shift > 62:
            return number, at
