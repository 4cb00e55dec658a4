"""What `parquet.c` does, in Python, for where there is no compiler: in ninety times its time.

It reads the same and refuses the same. `parquet.py` says what comes in and what is filled.
"""

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from mnist_batch._kernels.parquet import (
    CODEC,
    DAMAGED,
    DATA_PAGE,
    DICTIONARY_PAGE,
    MISCOUNTED,
    NULLS,
    SOUND,
    STORED_BYTES,
    TOO_LARGE,
    VALUES,
)

_Numbers = npt.NDArray[np.int64]

# Types of Thrift. Of a boolean field the type is the value, 1 or 2.
_STOP, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _TEXT, _LIST, _SET = 0, 2, 3, 4, 5, 6, 7, 8, 9, 10
_STRUCT = 12

_FIELDS = {4: CODEC, 5: VALUES, 7: STORED_BYTES, 9: DATA_PAGE, 11: DICTIONARY_PAGE}
"""Numbers of the fields of ColumnMetaData, and where they go."""

_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3
"""Kinds of pages. Nobody writes the fourth, an index, and Arrow would skip one in silence."""

_KINDS = {5: _DATA, 7: _DICTIONARY, 8: _DATA_V2}
"""Numbers of the fields of PageHeader that say more of one kind of page, and which."""

_DELTA_BYTE_ARRAY = 7
"""The encoding whose values share prefixes: each may be as long as all of them."""

_MAX_NUMBER = 2**60
_MAX_DEPTH = 16
_USUAL_BYTES = 4096
_MAX_HEADER_BYTES = 2**20
"""As in parquet.c, which says why."""


class _DamagedError(Exception):
    """The bytes are not what Thrift writes, or end too early."""


class _Reader:
    """Reads Thrift's compact protocol."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0

    def byte(self) -> int:
        if self.at >= len(self.data):
            raise _DamagedError
        self.at += 1
        return self.data[self.at - 1]

    def varint(self) -> int:
        """Return a number stored in sevens of bits, the lowest first, of nine at most."""
        number = 0
        for shift in range(0, 63, 7):
            byte = self.byte()
            number |= (byte & 127) << shift
            if byte < 128:
                break
        return number

    def size(self) -> int:
        """Return a number that is a count or a place; -1 for one that is neither."""
        number = self.varint()
        return -1 if number & 1 or number > _MAX_NUMBER else number >> 1

    def fields(self) -> Iterator[tuple[int, int]]:
        """Yield number and type of the fields of a struct; each has to be read or skipped then."""
        number = 0
        while (kind := (head := self.byte()) & 15) != _STOP:
            before = number
            number = before + (head >> 4) if head >> 4 else self.size()
            if number <= before:
                raise _DamagedError
            yield number, kind

    def list_of(self) -> tuple[int, int]:
        """Return how many values a list has, and their type."""
        head = self.byte()
        return self.varint() if head >> 4 == 15 else head >> 4, head & 15

    def typed(self, kind: int, wanted: int) -> int:
        """Return the `size` of a field, which has to be of a type."""
        if kind != wanted:
            raise _DamagedError
        return self.size()

    def field(self, wanted: int, wanted_kind: int) -> Iterator[None]:
        """Yield once, at a field of a struct that has to be there and of a type; skip all others.

        Its value has to be read then.
        """
        found = False
        for number, kind in self.fields():
            if number == wanted:
                found = kind == wanted_kind
                if not found:
                    break
                yield
            else:
                self.skip(kind)
        if not found:
            raise _DamagedError

    def structs(self, wanted: int, size: int) -> Iterator[int]:
        """Yield the places of a list of so many structs, which a field of a struct has to be."""
        for _ in self.field(wanted, _LIST):
            if self.list_of() != (size, _STRUCT):
                raise _DamagedError
            yield from range(size)

    def skip(self, kind: int) -> None:
        """Skip the value of a field."""
        if kind > _FALSE:
            self._skip(kind, 0)

    def _skip(self, kind: int, depth: int) -> None:
        if kind <= _BYTE:
            self.byte()
        elif kind <= _I64:
            while self.byte() > 127:
                pass
        elif kind in (_DOUBLE, _TEXT):
            size = 8 if kind == _DOUBLE else self.varint()
            self.at += size
            if self.at > len(self.data):
                raise _DamagedError
        elif depth == _MAX_DEPTH or kind not in (_LIST, _SET, _STRUCT):
            raise _DamagedError
        elif kind == _STRUCT:
            for _, inner in self.fields():
                if inner > _FALSE:
                    self._skip(inner, depth + 1)
        else:
            count, inner = self.list_of()
            for _ in range(count):
                self._skip(inner, depth + 1)


def find_chunks(footer: bytes, places: _Numbers, chunks: _Numbers) -> bool:
    """Do what `parquet.find_chunks` does."""
    reader = _Reader(footer)
    try:
        for group in reader.structs(4, len(chunks)):
            for column in reader.structs(1, len(places)):
                if places[column] >= 0:
                    _read_column(reader, chunks[group, places[column]])
                else:
                    reader.skip(_STRUCT)
    except _DamagedError:
        return False
    return True


def _read_column(reader: _Reader, chunk: _Numbers) -> None:
    """Read a ColumnChunk, of which field 3 is ColumnMetaData."""
    for _ in reader.field(3, _STRUCT):
        for number, kind in reader.fields():
            if number in _FIELDS:
                chunk[_FIELDS[number]] = reader.typed(kind, _I32 if number == 4 else _I64)
            elif number == 12 and kind == _STRUCT:  # its statistics
                for inner, inner_kind in reader.fields():
                    if inner == 3 and inner_kind == _I64:
                        chunk[NULLS] = reader.size()
                    else:
                        reader.skip(inner_kind)
            else:
                reader.skip(kind)


def check_pages(descriptor: int, chunks: _Numbers, max_page_bytes: int, found: _Numbers) -> None:
    """Do what `parquet.check_pages` does."""
    for i in range(len(chunks)):
        found[i] = _follow_pages(descriptor, chunks[i].tolist(), max_page_bytes)


def _follow_pages(descriptor: int, chunk: list[int], most: int) -> tuple[int, int, int, int]:
    at, dictionary = chunk[DATA_PAGE], chunk[DICTIONARY_PAGE]
    if 0 < dictionary < at:
        at = dictionary
    end = at + chunk[STORED_BYTES]
    seen, value_bytes = 0, 1
    while seen < chunk[VALUES]:
        if at == end:
            return at, seen, value_bytes, MISCOUNTED
        header = _read_header_at(descriptor, at, end)
        if header is None or at + header.length + header.stored > end:
            return at, seen, value_bytes, DAMAGED
        if header.size > most:
            return at, seen, value_bytes, TOO_LARGE
        size = header.size
        if header.kind != _DICTIONARY:
            seen += header.values
            if header.encoding != _DELTA_BYTE_ARRAY:
                size //= header.values
        value_bytes = max(value_bytes, size)
        at += header.length + header.stored
    return at, seen, value_bytes, SOUND if seen == chunk[VALUES] else MISCOUNTED


class _Header(NamedTuple):
    """What the header of a page says; -1 for what it does not."""

    length: int  # of the header
    kind: int
    size: int
    stored: int
    values: int
    encoding: int


def _read_header_at(descriptor: int, at: int, end: int) -> _Header | None:
    """Read the header of the page that begins at a byte of the file and ends before another.

    Return None where there is none, or a number in it is not one that a page can have.
    """
    for size in (_USUAL_BYTES, _MAX_HEADER_BYTES) if 0 <= at < end else ():
        content = _read_at(descriptor, size, at)
        try:
            header = _read_header(content)
        except _DamagedError:
            continue
        least = 0 if header.kind == _DICTIONARY else 1
        is_sound = header.size >= 0 and header.stored >= 0 and header.values >= least
        return header if is_sound else None
    return None


def _read_at(descriptor: int, size: int, at: int) -> bytes:
    """Read bytes of a file, fewer only at its end."""
    content = os.pread(descriptor, size, at)
    while len(content) < size and (
        more := os.pread(descriptor, size - len(content), at + len(content))
    ):
        content += more
    return content


def _read_header(data: bytes) -> _Header:
    """Read a PageHeader."""
    reader = _Reader(data)
    page, details, of_kind = {1: -1, 2: -1, 3: -1}, {1: -1, 2: -1}, -1
    for number, kind in reader.fields():
        if number in page:
            page[number] = reader.typed(kind, _I32)
        elif number in _KINDS:
            if kind != _STRUCT:
                raise _DamagedError
            of_kind = _KINDS[number]
            encoding = 4 if of_kind == _DATA_V2 else 2
            for inner, inner_kind in reader.fields():
                if inner in (1, encoding):
                    details[1 if inner == 1 else 2] = reader.typed(inner_kind, _I32)
                else:
                    reader.skip(inner_kind)
        else:
            reader.skip(kind)
    if of_kind < 0 or of_kind != page[1]:
        raise _DamagedError
    return _Header(reader.at, *page.values(), *details.values())
