"""Cut ragged arrays of images into full blocks, and map these, in order."""

from collections import deque
from collections.abc import Callable, Collection, Generator, Iterable, Iterator
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from mnist_batch.inference.workers import map_batches
from mnist_batch.mnist import SIDE
from mnist_batch.schema import Images

Array = npt.NDArray[np.float32]
ItemT = TypeVar("ItemT")


@dataclass(frozen=True, eq=False)
class _Block(Generic[ItemT]):
    """Images that are worked on at once, and where their results go.

    Attributes:
        images: uint8 (m, 28, 28).
        pieces: consecutive rows of the results of items, m in all.
        items: those whose last image is in it, each with its results.
    """

    images: Images
    pieces: list[Array] = field(default_factory=list)
    items: list[tuple[ItemT, Array]] = field(default_factory=list)

    def share_out(self, results: Array) -> None:
        """Write the results of the images to where they go."""
        start = 0
        for piece in self.pieces:
            piece[:] = results[start : start + len(piece)]
            start += len(piece)


def map_blocks(
    open_items: Callable[[], AbstractContextManager[Iterable[ItemT]]],
    images_of: Callable[[ItemT], Images],
    work: Callable[[Images], Array],
    rows_of: Callable[[ItemT], int],
    *,
    rows: int,
    columns: int,
    ends: Collection[int] = (),
    threads: int = 1,
) -> Generator[tuple[ItemT, Array], None, None]:
    """Yield each item with the results of its images, in order.

    An item comes after the block that its last image is in; the items of one block wait until then.

    Args:
        open_items: opens what holds images, any number of them each, even none.
        images_of: returns an item's images, uint8 (n, 28, 28).
        work: maps images uint8 (m, 28, 28) to results float32 (m, columns), on a thread of its own.
        rows_of: returns how many rows of the input an item is, which may have several images each.
        rows: how many images `work` gets at once, across the bounds of items; fewer the last time.
        columns: how many numbers an image's result has.
        ends: numbers of rows, each up to the end of an item, after which a block ends even if it
            is not full.
        threads: on which `work` is called, of which one fills a block meanwhile.
    """

    def blocks(_: None) -> Iterator[_Block[ItemT]]:
        with open_items() as items:
            yield from _cut(items, images_of, rows_of, rows, columns, ends)

    def worked_on(block: _Block[ItemT]) -> tuple[_Block[ItemT], Array]:
        return block, work(block.images)

    with closing(map_batches([None], blocks, worked_on, workers=threads)) as done:
        for block, results in done:
            block.share_out(results)
            yield from block.items


def _cut(
    items: Iterable[ItemT],
    images_of: Callable[[ItemT], Images],
    rows_of: Callable[[ItemT], int],
    rows: int,
    columns: int,
    ends: Collection[int],
) -> Iterator[_Block[ItemT]]:
    """Yield the blocks of items, as `map_blocks` says; no more is read than fills one."""
    waiting: deque[tuple[ItemT, Array]] = deque()
    images = np.empty((rows, SIDE, SIDE), np.uint8)
    pieces: list[Array] = []
    filled = done = 0

    def block() -> _Block[ItemT]:
        nonlocal images, pieces, filled
        # The last piece may be of an item that goes on in the next block.
        ended = [waiting.popleft() for _ in range(len(waiting) - open_item)]
        found = _Block(images[:filled], pieces, ended)
        images, pieces, filled = np.empty_like(images), [], 0
        return found

    for item in items:
        added = images_of(item)
        done += rows_of(item)
        results = np.empty((len(added), columns), np.float32)
        waiting.append((item, results))
        first_cut = rows - filled
        for start, stop in pairwise([0, *range(first_cut, len(added), rows), len(added)]):
            images[filled : filled + stop - start] = added[start:stop]
            pieces.append(results[start:stop])
            filled += stop - start
            open_item = stop < len(added)
            if filled == rows:
                yield block()
        if filled and done in ends:
            yield block()
    open_item = False
    if waiting:
        yield block()
