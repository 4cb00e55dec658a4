"""Ragged arrays of images through a function that wants the same number of rows each time."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from mnist_batch.schema import CLASSES
from mnist_batch.shards import Images

ItemT = TypeVar("ItemT")
Array = npt.NDArray[np.float32]


def map_blocks(
    items: Iterable[ItemT],
    images_of: Callable[[ItemT], Images],
    work: Callable[[Images], Array],
    *,
    rows: int,
) -> Iterator[tuple[ItemT, Array]]:
    """Yield each item with the results of its images, in order.

    An item comes once the block that its last image is in was worked on; so as many items wait as
    it takes to fill a block.

    Args:
        items: what holds images; any number of them each, none included.
        images_of: returns an item's images, uint8 (n, 28, 28).
        work: maps images uint8 (m, 28, 28) to results float32 (m, 10).
        rows: how many images `work` gets at once, across the bounds of items; the last time what
            is left.
    """
    waiting: deque[tuple[ItemT, Array]] = deque()
    block: list[tuple[Images, Array]] = []  # images, and where their results go
    room = rows
    for item in items:
        images = images_of(item)
        results = np.empty((len(images), CLASSES), np.float32)
        waiting.append((item, results))
        for start, stop in pairwise([0, *range(room, len(images), rows), len(images)]):
            block.append((images[start:stop], results[start:stop]))
            room -= stop - start
            if room == 0:
                _work_on(block, work)
                block, room = [], rows
        # Of each item that is not done yet the open block holds one piece, if an empty one.
        while len(waiting) > len(block):
            yield waiting.popleft()
    if block:
        _work_on(block, work)
    yield from waiting


def _work_on(block: list[tuple[Images, Array]], work: Callable[[Images], Array]) -> None:
    values = work(np.concatenate([images for images, _ in block]))
    start = 0
    for _, results in block:
        results[:] = values[start : start + len(results)]
        start += len(results)
