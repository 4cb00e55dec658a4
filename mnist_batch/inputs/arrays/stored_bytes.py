"""Bytes in a file, plain or compressed, read from any place on without reading all of them.

A compressed stream can be read only from its start. So the state of the decompressor is kept at the
places where shards begin, about 40 kB each: whoever asks for a place gets a copy of it, and no byte
is decompressed more than twice.
"""

import os
import threading
import zlib
from bisect import bisect
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pyarrow as pa

from mnist_batch.inputs.parquet.footers import open_listed

GZIP, DEFLATE = 31, -15
"""The values of zlib's `wbits` for a gzip file (RFC 1952) and for a member of a zip file, which is
bare (RFC 1951)."""

_PIECE = 2**18
"""Compressed bytes that are read at once, and most of those that are given out at once."""

_GZIP_MAGIC = b"\x1f\x8b"


@dataclass(frozen=True)
class StoredBytes:
    """Where bytes lie in a file, and how they are coded there.

    Attributes:
        path: the file.
        identity: as `identity_of` returns it; another file in its place is an error.
        start: where they start in the file.
        size: how many bytes they take in the file.
        coding: `GZIP`, `DEFLATE`, or None where they lie there as they are.
        crc: their CRC-32 once decompressed, where it is known; that of gzip is in the file.
    """

    path: str
    identity: bytes
    start: int
    size: int
    coding: int | None = None
    crc: int | None = None


class Reader:
    """Reads bytes in order."""

    def __init__(self, stored: StoredBytes, state: "_State | None" = None) -> None:
        """Open the file; `state` is where a decompressor starts, None for the start of the bytes.

        Raises:
            OSError: it cannot be opened, or is another file by now.
        """
        self._stored = stored
        self._file: pa.NativeFile = open_listed(stored.path, stored.identity)
        self._state = state.copy() if state else _State.first(stored)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    @property
    def place(self) -> int:
        """The number of bytes before the next one."""
        return self._state.place

    def state(self) -> "_State":
        """Return where the decompressor is."""
        return self._state.copy()

    def seek(self, place: int) -> None:
        """Go to a place that is not before the current one.

        Raises:
            OSError: the bytes end before, or are damaged.
        """
        if self._stored.coding is None:
            self._state.place = place
            return
        while self.place < place:
            if not self.read(min(place - self.place, _PIECE)):
                raise OSError(f"it ends after {self.place} of {place} bytes")

    def read(self, size: int) -> bytes:
        """Return the next bytes; fewer at their end.

        Raises:
            OSError: they are damaged, or the file cannot be read.
        """
        if self._stored.coding is not None:
            return self._state.inflated(self._file.fileno(), self._stored, size)
        state = self._state
        size = min(size, self._stored.size - state.place)
        parts = list[bytes]()
        while size > 0 and (
            part := os.pread(self._file.fileno(), size, self._stored.start + state.place)
        ):
            parts.append(part)
            state.place, size = state.place + len(part), size - len(part)
        return b"".join(parts)


@dataclass
class _State:
    """How far bytes have been read."""

    place: int  # bytes given out
    at: int  # where the next ones lie in the file
    crc: int  # CRC-32 of those given out, of a member of a zip file
    inflater: Any  # zlib's decompressor; None once its end was seen
    waiting: bytes  # compressed bytes that were read and not used
    damage: str = ""  # what is wrong with the next bytes

    @classmethod
    def first(cls, stored: StoredBytes) -> "_State":
        inflater = None if stored.coding is None else zlib.decompressobj(stored.coding)
        return cls(0, stored.start, 0, inflater, b"")

    def copy(self) -> "_State":
        inflater = self.inflater.copy() if self.inflater else None
        return _State(self.place, self.at, self.crc, inflater, self.waiting, self.damage)

    def inflated(self, descriptor: int, stored: StoredBytes, size: int) -> bytes:
        """Return the next bytes decompressed; fewer at their end, or before damage."""
        parts = list[bytes]()
        while size > 0 and self.inflater and not self.damage:
            try:
                part = self._some(descriptor, stored, size)
            except zlib.error as error:
                self.damage = f"damaged at byte {self.place:,}: {error}"
                break
            parts.append(part)
            self.place, size = self.place + len(part), size - len(part)
        if self.damage and not any(parts):
            raise OSError(self.damage)
        return b"".join(parts)

    def _some(self, descriptor: int, stored: StoredBytes, size: int) -> bytes:
        left = stored.start + stored.size - self.at
        if not self.waiting and left > 0:
            self.waiting = os.pread(descriptor, min(_PIECE, left), self.at)
            self.at += len(self.waiting)
        nothing_left = not self.waiting
        part: bytes = self.inflater.decompress(self.waiting, size)
        self.waiting = self.inflater.unconsumed_tail
        if self.inflater.eof:
            self._end(descriptor, stored)
        elif not part and nothing_left:
            raise zlib.error("it ends too soon")
        if stored.coding == DEFLATE:
            self.crc = zlib.crc32(part, self.crc)
            if not self.inflater and stored.crc not in (None, self.crc):
                raise zlib.error("its checksum is wrong")
        return part

    def _end(self, descriptor: int, stored: StoredBytes) -> None:
        """Go on with the next member of a gzip file, of which there may be several; zeros may pad.

        See RFC 1952, section 2.2; Python's `gzip` pads so too.
        """
        rest = self.inflater.unused_data
        self.inflater, self.waiting = None, b""
        if stored.coding != GZIP:
            return
        if len(rest) < len(_GZIP_MAGIC):
            more = os.pread(descriptor, _PIECE, self.at)
            rest, self.at = rest + more, self.at + len(more)
        if rest.startswith(_GZIP_MAGIC):
            self.inflater, self.waiting = zlib.decompressobj(GZIP), rest


class Checkpoints:
    """Opens the same bytes at many places; it may be shared by threads, and be pickled."""

    def __init__(self, stored: StoredBytes) -> None:
        """Keep where the bytes lie; nothing is opened."""
        self.stored = stored
        self._lock = threading.Lock()
        self._places: list[int] = []
        self._states: list[_State] = []

    def __reduce__(self) -> Any:  # noqa: ANN401 - the protocol of pickle
        """Leave the states behind: the other process makes its own."""
        return type(self), (self.stored,)

    def note(self, reader: Reader) -> None:
        """Keep where a reader of these bytes is, which has read all before."""
        if self.stored.coding is not None and reader.place:
            with self._lock:
                self._keep(reader)

    def open(self, place: int) -> Reader:
        """Return a reader at a place.

        Raises:
            OSError: the bytes end before, are damaged, or the file cannot be opened.
        """
        with ExitStack() as stack:
            if self.stored.coding is None or not place:
                reader = Reader(self.stored)
                stack.callback(reader.close)
                reader.seek(place)
            else:
                with self._lock:
                    number = bisect(self._places, place) - 1
                    reader = Reader(self.stored, self._states[number] if number >= 0 else None)
                    stack.callback(reader.close)
                    reader.seek(place)
                    self._keep(reader)
            stack.pop_all()
        return reader

    def _keep(self, reader: Reader) -> None:
        number = bisect(self._places, reader.place)
        if not number or self._places[number - 1] != reader.place:
            self._places.insert(number, reader.place)
            self._states.insert(number, reader.state())
