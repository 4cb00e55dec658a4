"""Ragged arrays of images through a function that wants the same number of rows each time."""

from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mnist_batch.mnist import CLASSES, SIDE
from mnist_batch.schema import Images

ItemT = TypeVar("ItemT")
Array = npt.NDArray[np.float32]


def map_blocks(
    items: Iterable[ItemT],
    images_of: Callable[[ItemT], Images],
    work: Callable[[Images], Array],
    *,
    rows: int,
    ends: Collection[int] = (),
) -> Iterator[tuple[ItemT, Array]]:
    """Yield each item with the results of its images, in order.

    An item comes once the block that its last image is in was worked on; so as many items wait as
    it takes to fill a block.

    Args:
        items: what holds images; any number of them each, none included.
        images_of: returns an item's images, uint8 (n, 28, 28).
        work: maps images uint8 (m, 28, 28) to results float32 (m, 10); the images are overwritten
            afterwards.
        rows: how many images `work` gets at once, across the bounds of items; the last time what
            is left.
        ends: after so many images in all, each the end of an item, a block ends too, full or not.
    """
    waiting: deque[tuple[ItemT, Array]] = deque()
    block = np.empty((rows, SIDE, SIDE), np.uint8)
    pieces: list[Array] = []  # where the results of what the block holds go
    filled = done = 0
    for item in items:
        images = images_of(item)
        done += len(images)
        results = np.empty((len(images), CLASSES), np.float32)
        waiting.append((item, results))
        first_cut = rows - filled
        for start, stop in pairwise([0, *range(first_cut, len(images), rows), len(images)]):
            block[filled : filled + stop - start] = images[start:stop]
            pieces.append(results[start:stop])
            filled += stop - start
            if filled == rows:
                _share_out(work(block), pieces)
                pieces, filled = [], 0
        if filled and done in ends:
            _share_out(work(block[:filled]), pieces)
            pieces, filled = [], 0
        # Of each item that is not done yet the open block holds one piece, if an empty one.
        while len(waiting) > len(pieces):
            yield waiting.popleft()
    if pieces:
        _share_out(work(block[:filled]), pieces)
    yield from waiting


def _share_out(results: Array, pieces: list[Array]) -> None:
    start = 0
    for piece in pieces:
        piece[:] = results[start : start + len(piece)]
        start += len(piece)
