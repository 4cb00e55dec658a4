"""Where the rows of a CSV file stand, found by reading it once."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from mnist_batch.inputs.arrays.stored_bytes import Checkpoints
from mnist_batch.inputs.shards import SHARD_ROWS

MAX_LINE = 2**20
"""Bytes of a line, at most; 785 cells of 20 characters have 16 kB."""

_PIECE = 2**20
_SAMPLES = 32
"""Lines of each piece, about, of which the ends are kept."""

_END = 96
"""Bytes of an end: three cells of the longest numbers that NumPy's `savetxt` writes, and more."""

_CHECKPOINT = 8 * 2**20
"""Bytes after which the state of a decompressor is kept: half of those of a shard of MNIST."""


class LineTooLongError(Exception):
    """A line is longer than any of a table of pixels."""


@dataclass(frozen=True)
class LineIndex:
    """The rows of a file: lines that are not blank, which those of white space alone are.

    Attributes:
        rows: how many there are.
        starts: where every `SHARD_ROWS`-th starts, counted in bytes once decompressed.
        end: where the last one ends.
        ends: the first and the last bytes of some rows, spread over the file.
        damage: why nothing more could be read; empty at the end of the file. The row in which it
            happened, or that would come next, is one of `rows`.
    """

    rows: int
    starts: tuple[int, ...]
    end: int
    ends: tuple[tuple[bytes, bytes], ...] = ()
    damage: str = ""


def index_lines(content: Checkpoints, start: int) -> LineIndex:
    """Find the rows from a byte on.

    Raises:
        LineTooLongError: a line is longer than `MAX_LINE`.
        OSError: the file cannot be opened, or is damaged before `start`.
    """
    reader = content.open(start)
    starts, ends = list[int](), list[tuple[bytes, bytes]]()
    rows, kept, damage, rest = 0, start, "", b""
    try:
        while True:
            at = reader.place - len(rest)
            try:
                piece = reader.read(_PIECE)
            except OSError as error:
                damage = str(error)
                break
            if not piece:
                break
            text = rest + piece
            begins, stops = _rows_in(text)
            wanted = np.arange(-rows % SHARD_ROWS, len(begins), SHARD_ROWS)
            starts += (begins[wanted] + at).tolist()
            rows += len(begins)
            step = max(1, len(begins) // _SAMPLES)
            ends += map(partial(_ends, text), begins[::step].tolist(), stops[::step].tolist())
            rest = text[text.rfind(b"\n") + 1 :]
            if max((stops - begins).max(initial=0), len(rest)) > MAX_LINE:
                raise LineTooLongError
            if reader.place - kept >= _CHECKPOINT:
                content.note(reader)
                kept = reader.place
        if rest.strip() or damage:  # without an end, or cut off
            starts += [reader.place - len(rest)] if rows % SHARD_ROWS == 0 else []
            ends += [] if damage else [_ends(rest, 0, len(rest))]
            rows += 1
        return LineIndex(rows, tuple(starts), reader.place, tuple(ends), damage)
    finally:
        reader.close()


def _rows_in(text: bytes) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where the whole lines of a text start and stop that are not blank."""
    content = np.frombuffer(text, np.uint8)
    stops = np.flatnonzero(content == 10)
    begins = np.concatenate([[0], stops[:-1] + 1])[: len(stops)]
    may_be_blank = np.isin(content[begins], [*_WHITE_SPACE])
    blank = [
        place
        for place in np.flatnonzero(may_be_blank).tolist()
        if not text[begins[place] : stops[place]].strip()
    ]
    return np.delete(begins, blank), np.delete(stops, blank)


_WHITE_SPACE = b" \t\n\r\v\f"


def _ends(text: bytes, start: int, stop: int) -> tuple[bytes, bytes]:
    """Return how a line starts and ends."""
    return text[start : min(stop, start + _END)], text[max(start, stop - _END) : stop]
