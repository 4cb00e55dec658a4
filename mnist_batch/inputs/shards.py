"""What a source yields: shards of the input, and batches of images within a shard."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import pyarrow as pa

from mnist_batch.schema import ImageBatch

SHARD_ROWS = 8192
"""Rows of a shard, about: enough to make opening it cheap, few enough to share out evenly."""

SHARD_BYTES = 64 * 2**20
"""Bytes of a shard's images, about: of photographs fewer rows than else take as long."""

BATCH_BYTES = 4 * 2**20
"""Encoded bytes of a batch, about: with large pictures a batch holds fewer rows, so that it takes
little memory and a worker can be stopped soon."""


class Shard(Protocol):
    """A contiguous slice of the input, in input order, which any worker can read on its own."""

    @property
    def rows(self) -> int:
        """The number of rows, known before reading."""

    @property
    def encoded(self) -> bool:
        """Whether the images have to be decoded."""

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the rows in order, in batches of at most `batch_size`; any may be shorter.

        They are as many as `rows`, whatever became of the source: what cannot be read is a row with
        an error.

        Raises:
            LabelError: while iterating, where a label is not a digit.
        """


@dataclass(frozen=True)
class UnreadableSource:
    """A source whose rows cannot even be counted: one row, which says why.

    Attributes:
        source: the column `source`, as text that Arrow can hold.
        error: the column `error`.
    """

    source: str
    error: str

    @property
    def rows(self) -> int:
        """One."""
        return 1

    @property
    def encoded(self) -> bool:
        """Nothing has to be decoded."""
        return False

    def read(self, batch_size: int) -> Iterator[ImageBatch]:
        """Yield the row."""
        del batch_size
        yield ImageBatch(
            source=pa.array([self.source], pa.string()),
            row=pa.array([0], pa.int64()),
            label=pa.nulls(1, pa.int8()),
            images=np.zeros((1, 28, 28), np.uint8),
            error=pa.array([self.error], pa.string()),
        )


def text_of_path(path: str) -> str:
    r"""Return a path as text that Arrow can hold: bytes that are not UTF-8 become `\udcXX`."""
    return path.encode("utf-8", "backslashreplace").decode("utf-8")
