"""Many texts, as the names of a million files, in little more memory than their bytes take."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

_AT_ONCE = 8192
"""Texts that are encoded or decoded at once: many for speed, few for memory."""


class Texts(Sequence[str]):
    r"""Texts in one Arrow array: 8 bytes each and their UTF-8, where a `str` takes 57 more.

    A slice shares the memory of the whole. Bytes in a name that are not UTF-8 come and go as
    Python's escapes, `\udcXX`.

    Attributes:
        encoded: the texts in UTF-8, Arrow's large_binary.
    """

    def __init__(self, texts: Iterable[str] = ()) -> None:
        """Copy the texts, one after the other."""
        content, lengths = bytearray(), [np.zeros(1, np.int64)]
        rest = iter(texts)
        while some := list(islice(rest, _AT_ONCE)):
            joined = "".join(some)
            counted = some if joined.isascii() else map(_encoded, some)
            content += _encoded(joined)
            lengths.append(np.fromiter(map(len, counted), np.int64, len(some)))
        offsets = np.cumsum(np.concatenate(lengths))
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(content)]
        self.encoded = pa.Array.from_buffers(pa.large_binary(), len(offsets) - 1, buffers)

    @classmethod
    def joined(cls, groups: Sequence[Sequence[str]]) -> "Texts":
        """Return the texts of several groups as one; of a single group of `Texts`, itself."""
        each = [group if isinstance(group, cls) else cls(group) for group in groups]
        if len(each) == 1:
            return each[0]
        arrays = [texts.encoded for texts in each]
        return cls._of(pa.chunked_array(arrays, pa.large_binary()).combine_chunks())

    @classmethod
    def _of(cls, array: pa.Array) -> "Texts":
        texts = cls.__new__(cls)
        texts.encoded = array
        return texts

    def joined_bytes(self) -> tuple[npt.NDArray[np.uint8], npt.NDArray[np.int64]]:
        """Return the UTF-8 of all texts, one after the other, and where each begins and the next.

        Neither is a copy, unless this is a slice.
        """
        _, bounds, content = self.encoded.buffers()
        if not content:
            return np.zeros(0, np.uint8), np.zeros(len(self) + 1, np.int64)
        offsets = np.frombuffer(bounds, np.int64, len(self) + 1, 8 * self.encoded.offset)
        start = offsets[0]
        joined = np.frombuffer(content, np.uint8, offsets[-1] - start, start)
        return joined, offsets - start if start else offsets

    def __len__(self) -> int:
        """Return the number of texts."""
        return len(self.encoded)

    @overload
    def __getitem__(self, place: int) -> str: ...
    @overload
    def __getitem__(self, place: slice) -> "Texts": ...
    def __getitem__(self, place: int | slice) -> "str | Texts":
        """Return a text, or a slice, which shares the memory."""
        if isinstance(place, slice):
            return self._of(self.encoded[place])
        return _decoded(self.encoded[place].as_py())

    def __iter__(self) -> Iterator[str]:
        """Iterate over the texts, some decoded at a time."""
        starts = range(0, len(self), _AT_ONCE)
        return chain.from_iterable(self._some(start) for start in starts)

    def _some(self, start: int) -> list[str]:
        encoded = self.encoded.slice(start, _AT_ONCE)
        try:
            texts: list[str] = encoded.cast(pa.large_string()).to_pylist()
        except pa.ArrowInvalid:  # not UTF-8
            texts = [*map(_decoded, encoded.to_pylist())]
        return texts

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what is pickled: of a slice its own texts."""
        return Texts._of, (own_rows(self.encoded),)


def own_rows(array: pa.Array) -> pa.Array:
    """Return a copy of an array that holds its own rows alone, so that it is pickled small.

    A slice that is pickled takes the rows of the whole along, as of pyarrow 26.
    """
    return pa.concat_arrays([array])


def own_rows_of_columns(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return a copy of a batch that holds its own rows alone, as `own_rows` does of an array."""
    return pa.record_batch([*map(own_rows, batch.columns)], schema=batch.schema)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "surrogateescape")
