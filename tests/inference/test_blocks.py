"""Ragged arrays through full blocks: order, exactly once, and when work is done."""

import threading
from collections.abc import Generator
from contextlib import closing, nullcontext

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.inference.blocks import map_blocks
from mnist_batch.inference.workers import map_batches
from mnist_batch.schema import Images


def _numbered(sizes: list[int]) -> list[Images]:
    """Return arrays of images of which each shows its number in its first two pixels."""
    images = np.zeros((sum(sizes), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = np.divmod(np.arange(len(images)), 256)
    return np.split(images, np.cumsum(sizes)[:-1])


def _numbers(images: Images) -> npt.NDArray[np.float32]:
    """Return ten columns of the images' numbers."""
    numbers = images[:, 0, 0].astype(np.float32) * 256 + images[:, 0, 1]
    return np.repeat(numbers[:, None], 10, axis=1)


THREADS = st.sampled_from([1, 2])


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(1, 50), THREADS)
def test_each_item_gets_the_results_of_its_own_images(
    sizes: list[int], rows: int, threads: int
) -> None:
    """In order, each once, whatever the sizes; and all blocks but the last one are full."""
    worked_on = []

    def work(images: Images) -> npt.NDArray[np.float32]:
        worked_on.append(len(images))
        return _numbers(images)

    items = _numbered(sizes)
    results = list(
        map_blocks(
            lambda: nullcontext(enumerate(items)),
            lambda item: item[1],
            work,
            lambda item: len(item[1]),
            rows=rows,
            columns=10,
            threads=threads,
        )
    )
    assert [number for (number, _), _ in results] == list(range(len(sizes)))
    for (_, images), values in results:
        np.testing.assert_array_equal(values, _numbers(images))
    full, rest = divmod(sum(sizes), rows)
    assert sorted(filter(None, worked_on)) == [rest] * (rest > 0) + [rows] * full


@given(st.lists(st.lists(st.integers(0, 20), max_size=6), max_size=6), st.integers(1, 25))
def test_no_block_reaches_over_an_end(parts: list[list[int]], rows: int) -> None:
    """So that what a part gives does not depend on those before it."""
    sizes = [size for part in parts for size in part]
    ends = np.cumsum([sum(part) for part in parts]).tolist()
    worked_on = []

    def work(images: Images) -> npt.NDArray[np.float32]:
        worked_on.append(len(images))
        return _numbers(images)

    items = _numbered(sizes) if sizes else []
    results = list(
        map_blocks(
            lambda: nullcontext(items),
            lambda images: images,
            work,
            len,
            rows=rows,
            columns=10,
            ends=ends,
        )
    )
    assert len(results) == len(sizes)
    for images, values in results:
        np.testing.assert_array_equal(values, _numbers(images))
    expected = []
    for part in parts:
        full, rest = divmod(sum(part), rows)
        expected += [rows] * full + [rest] * (rest > 0)
    assert [size for size in worked_on if size] == expected


def test_no_items_give_nothing() -> None:
    """And no work."""
    nothing: list[Images] = []
    found = map_blocks(
        lambda: nullcontext(nothing), lambda images: images, _numbers, len, rows=3, columns=10
    )
    assert list(found) == []


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("rows", [1, 4, 7])
def test_no_more_is_read_than_a_few_blocks(rows: int, threads: int) -> None:
    """Two a thread at most wait to be taken, and each thread has one."""
    read = 0

    def items() -> Generator[Images, None, None]:
        nonlocal read
        for images in _numbered([1] * 100):
            read += 1
            yield images

    found = map_blocks(
        lambda: closing(items()),
        lambda images: images,
        _numbers,
        len,
        rows=rows,
        columns=10,
        threads=threads,
    )
    for taken, _ in enumerate(found):
        assert read <= (taken // rows + 1 + 3 * threads) * rows
    assert read == 100


def test_a_block_is_filled_while_another_is_worked_on() -> None:
    """On two threads: the first block waits here for the images of the second."""
    second_read = threading.Event()

    def items() -> Generator[Images, None, None]:
        for number, images in enumerate(_numbered([3] * 4)):
            if number == 1:
                second_read.set()
            yield images

    def work(images: Images) -> npt.NDArray[np.float32]:
        assert second_read.wait(60)
        return _numbers(images)

    found = map_blocks(
        lambda: closing(items()), lambda images: images, work, len, rows=3, columns=10, threads=2
    )
    assert [values[0, 0] for _, values in found] == [0, 3, 6, 9]


@pytest.mark.parametrize("failing", ["items", "work"])
def test_an_error_comes_in_its_place(failing: str) -> None:
    """After the items of the blocks before it; what was opened is closed, while it is kept too."""
    before, closed = set(threading.enumerate()), []

    def images_of(number: int) -> Images:
        return _numbered([2] * 200)[number]

    def items() -> Generator[Images, None, None]:
        try:
            # On threads of their own, as batches are decoded; they wait when enough are ahead.
            for images in map_batches([0], lambda _: iter(range(200)), images_of, workers=2):
                if failing == "items" and images[0, 0, 1] == 6:
                    raise KeyError(failing)
                yield images
        finally:
            closed.append(True)

    def work(images: Images) -> npt.NDArray[np.float32]:
        if failing == "work" and images[0, 0, 1] == 6:
            raise KeyError(failing)
        return _numbers(images)

    found = map_blocks(
        lambda: closing(items()), lambda images: images, work, len, rows=2, columns=10, threads=1
    )
    assert [next(found)[1][0, 0] for _ in range(3)] == [0, 2, 4]
    with pytest.raises(KeyError, match=failing) as caught:
        next(found)
    for thread in {*threading.enumerate()} - before:
        thread.join(60)
        assert not thread.is_alive()
    assert closed == [True]
    assert caught.value.__traceback__  # which holds the frames of all that it passed
