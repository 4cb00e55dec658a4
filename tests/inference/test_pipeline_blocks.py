"""Ragged arrays through full blocks: order, exactly once, and when work is done."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.inference.pipeline import map_blocks
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


@given(st.lists(st.integers(0, 40), min_size=1, max_size=30), st.integers(1, 50))
def test_each_item_gets_the_results_of_its_own_images(sizes: list[int], rows: int) -> None:
    """In order, each once, whatever the sizes; and all blocks but the last one are full."""
    worked_on = []

    def work(images: Images) -> npt.NDArray[np.float32]:
        worked_on.append(len(images))
        return _numbers(images)

    items = _numbered(sizes)
    results = list(
        map_blocks(
            enumerate(items),
            lambda item: item[1],
            work,
            lambda item: len(item[1]),
            rows=rows,
            columns=10,
        )
    )
    assert [number for (number, _), _ in results] == list(range(len(sizes)))
    for (_, images), values in results:
        np.testing.assert_array_equal(values, _numbers(images))
    full, rest = divmod(sum(sizes), rows)
    assert [size for size in worked_on if size] == [rows] * full + [rest] * (rest > 0)


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
        map_blocks(items, lambda images: images, work, len, rows=rows, columns=10, ends=ends)
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
    assert list(map_blocks([], lambda images: images, _numbers, len, rows=3, columns=10)) == []


@pytest.mark.parametrize("rows", [1, 4, 7])
def test_no_more_is_read_than_fills_a_block(rows: int) -> None:
    """An item comes as soon as its last image was worked on."""
    read = 0

    def items() -> Iterator[Images]:
        nonlocal read
        for images in _numbered([1] * 50):
            read += 1
            yield images

    for taken, _ in enumerate(
        map_blocks(items(), lambda images: images, _numbers, len, rows=rows, columns=10)
    ):
        assert read <= (taken // rows + 1) * rows
    assert read == 50
