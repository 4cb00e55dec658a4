"""Images that are there more than once: by hand, and as a plain comparison finds them."""

import numpy as np
import numpy.typing as npt
from hypothesis import given
from hypothesis import strategies as st

from mnist_batch.inspection.images import Duplicates, find_duplicates, fingerprint

PICTURE = np.random.default_rng(4).integers(0, 256, (20, 30), dtype=np.uint8)


def find(numbers: list[int], labels: list[int], unreadable: int | None = None) -> Duplicates:
    """Return what is found with two rows named."""
    readable = np.ones(len(numbers), np.bool_)
    if unreadable is not None:
        readable[unreadable] = False
    return find_duplicates(np.array(numbers, np.uint64), readable, np.array(labels, np.int8), few=2)


def test_repeats_are_named_with_the_first_of_their_image() -> None:
    """In the order of the rows; the first of an image is no repeat."""
    found = find([9, 5, 9, 7, 5, 9], [-1] * 6)
    assert (found.repeats, found.first_repeats) == (3, [(2, 0), (4, 1)])
    assert (found.conflicts, found.first_conflicts) == (0, [])


def test_an_image_with_several_labels_is_named_with_two() -> None:
    """Once for each image, whatever number of rows it has; rows without a label say nothing."""
    found = find([9, 5, 9, 9, 5, 9], [-1, 3, 2, 2, 4, 1])
    assert (found.conflicts, found.first_conflicts) == (2, [(1, 4), (2, 5)])
    assert find([9, 9, 9], [-1, 3, 3]).conflicts == 0


def test_rows_without_an_image_are_no_duplicates() -> None:
    """Their numbers mean nothing."""
    assert find([0, 0, 1], [1, 2, 1], unreadable=0).repeats == 0
    assert find([], []) == Duplicates(0, [], 0, [])


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(-1, 2)), max_size=30))
def test_all_are_found(rows: list[tuple[int, int]]) -> None:
    """As a plain comparison of each row with those before it does."""
    found = find([2**64 - 1 - number for number, _ in rows], [label for _, label in rows])
    numbers = [number for number, _ in rows]
    repeats = [(i, numbers.index(n)) for i, n in enumerate(numbers) if n in numbers[:i]]
    assert (found.repeats, found.first_repeats) == (len(repeats), repeats[:2])
    conflicts = []
    for number in dict.fromkeys(numbers):
        own = [(i, label) for i, (n, label) in enumerate(rows) if n == number and label >= 0]
        other = [i for i, label in own if label != own[0][1]]
        conflicts += [(own[0][0], other[0])] if other else []
    assert (found.conflicts, found.first_conflicts) == (len(conflicts), sorted(conflicts)[:2])


def test_a_fingerprint_is_of_pixels_and_size() -> None:
    """However the pixels lie in memory; one other pixel, or the same in other rows, is another."""
    number = fingerprint(PICTURE)
    assert 0 <= number < 2**64
    assert fingerprint(np.asfortranarray(PICTURE)) == number
    assert fingerprint(np.pad(PICTURE, 1)[1:-1, 1:-1]) == number
    others: list[npt.NDArray[np.uint8]] = [
        PICTURE.reshape(30, 20),
        PICTURE.reshape(1, 600),
        np.pad(PICTURE, ((0, 0), (0, 1))),
    ]
    changed = PICTURE.copy()
    changed[-1, -1] ^= 1
    numbers = {fingerprint(other) for other in [PICTURE, changed, *others]}
    assert len(numbers) == 5
