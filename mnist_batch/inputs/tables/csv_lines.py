"""Where the rows of a CSV file stand, found by reading it once."""

from dataclasses import dataclass

import numpy as np

from mnist_batch.inputs.arrays.stored_bytes import Checkpoints
from mnist_batch.inputs.shards import SHARD_ROWS

MAX_LINE = 2**20
"""Bytes of a line, at most; 785 cells of 20 characters have 16 kB."""

_PIECE = 2**20
_CHECKPOINT = 8 * 2**20
"""Bytes after which the state of a decompressor is kept: half of those of a shard of MNIST."""


class LineTooLongError(Exception):
    """A line is longer than any of a table of pixels."""


@dataclass(frozen=True)
class LineIndex:
    """The rows of a file: lines that are not blank.

    Attributes:
        rows: how many there are.
        starts: where every `SHARD_ROWS`-th starts, counted in bytes once decompressed.
        end: where the last one ends.
        damage: why nothing more could be read; empty at the end of the file. The row in which it
            happened, or that would come next, is one of `rows`.
    """

    rows: int
    starts: tuple[int, ...]
    end: int
    damage: str = ""


def index_lines(content: Checkpoints, start: int) -> LineIndex:
    """Find the rows from a byte on.

    Raises:
        LineTooLongError: a line is longer than `MAX_LINE`.
        OSError: the file cannot be opened, or is damaged before `start`.
    """
    reader = content.open(start)
    starts = list[int]()
    rows, line, before, kept, damage = 0, start, 10, start, ""
    try:
        while True:
            at = reader.place
            try:
                piece = np.frombuffer(reader.read(_PIECE), np.uint8)
            except OSError as error:
                damage = str(error)
                break
            if not len(piece):
                break
            ends = np.flatnonzero(piece == 10)
            begins = np.concatenate([[line], ends[:-1] + at + 1]) if len(ends) else ends
            lengths = ends + at - begins
            returns = np.where(ends > 0, piece[ends - 1], before) == 13
            begins = begins[lengths > returns]  # not blank, but for a carriage return
            wanted = np.arange(-rows % SHARD_ROWS, len(begins), SHARD_ROWS)
            starts += begins[wanted].tolist()
            rows += len(begins)
            if len(ends):
                line = at + int(ends[-1]) + 1
            if lengths.max(initial=reader.place - line) > MAX_LINE:
                raise LineTooLongError
            before = int(piece[-1])
            if reader.place - kept >= _CHECKPOINT:
                content.note(reader)
                kept = reader.place
        if reader.place > line or damage:  # without an end, or cut off
            starts += [line] if rows % SHARD_ROWS == 0 else []
            rows += 1
        return LineIndex(rows, tuple(starts), reader.place, damage)
    finally:
        reader.close()
