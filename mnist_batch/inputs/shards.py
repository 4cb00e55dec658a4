"""What a source yields: shards of the input, and batches of images within a shard."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa

SHARD_ROWS = 8192
"""Rows of a shard, about: enough to make opening it cheap, few enough to share out evenly."""

SHARD_BYTES = 64 * 2**20
"""Bytes of a shard's images, about: of photographs fewer rows than else take as long."""

BATCH_BYTES = 4 * 2**20
"""Encoded bytes of a batch, about: with large pictures a batch holds fewer rows, so that it takes
little memory and a worker can be stopped soon."""

Images = npt.NDArray[np.uint8]
"""Images uint8 (n, 28, 28), 0 black to 255 white."""


@dataclass(frozen=True)
class ImageBatch:
    """Consecutive rows of one shard, as read: not decoded yet.

    Attributes:
        source: Arrow strings (n,), the column `source` of the predictions.
        row: Arrow int64 (n,), the column `row`.
        label: Arrow int8 (n,), 0 to 9 or null, the column `label`.
        images: Arrow binary (n,) of encoded images, or pixels uint8 (n, 28, 28).
        error: Arrow strings (n,): null, or why the row's image could not be had. Its image is
            then null, or black.
        prepared: bool (n,), with pixels: true where the image was changed before it was stored;
            None where none was.
        formed: whether images that were not in MNIST form were brought to it before they were
            stored.
    """

    source: pa.Array
    row: pa.Array
    label: pa.Array
    images: pa.Array | Images
    error: pa.Array
    prepared: npt.NDArray[np.bool_] | None = None
    formed: bool = False

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.row)

    def take(self, places: npt.NDArray[np.int64]) -> "ImageBatch":
        """Return the rows at some places, int64 (k,), in that order."""
        taken, images = pa.array(places), self.images
        if not isinstance(images, pa.Array):
            images = images[places]
        elif pa.types.is_binary_view(images.type):  # which Arrow 26 cannot take from
            images = images.cast(pa.large_binary()).take(taken)
        else:
            images = images.take(taken)
        return replace(
            self,
            source=self.source.take(taken),
            row=self.row.take(taken),
            label=self.label.take(taken),
            images=images,
            error=self.error.take(taken),
            prepared=None if self.prepared is None else self.prepared[places],
        )


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
