"""Some of the labelled images of a run are kept, spread over them, however it is cut."""

import pickle
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.inference.trials.kept_images import KEPT_IMAGES, KeptImages
from tests.support.golden_ratio import spread


def batch(labels: npt.NDArray[np.int8], *, unlabelled: int = 0, errors: int = 0) -> pa.RecordBatch:
    """Return predictions, the first of which have no label, and the last an error."""
    rows = len(labels)
    known = [None if row < unlabelled else int(label) for row, label in enumerate(labels)]
    told = ["truncated" if row >= rows - errors else None for row in range(rows)]
    return pa.record_batch(
        {"label": pa.array(known, pa.int8()), "error": pa.array(told, pa.string())}
    )


def numbered(rows: int) -> npt.NDArray[np.uint8]:
    """Return images that tell their number."""
    images, numbers = np.zeros((rows, 28, 28), np.uint8), np.arange(rows)
    images[:, 0, 0], images[:, 0, 1] = numbers % 256, numbers // 256
    return images


def numbers_kept(kept: KeptImages) -> list[int]:
    """Return the numbers of the images that are kept, in order."""
    images = kept.labelled().images[:, 0, :2].astype(int)
    numbers: list[int] = (images[:, 0] + 256 * images[:, 1]).tolist()
    return sorted(numbers)


@pytest.mark.parametrize("size", [1, 7, 900, 5000])
def test_what_is_kept_is_spread_and_does_not_depend_on_batches(size: int) -> None:
    """A fifth of 5,000 labelled rows: at most eight apart, and of each class as many."""
    kept = KeptImages()
    numbers, images = np.arange(5000), numbered(5000)
    digits = (numbers % 10).astype(np.int8)
    for start in range(0, 5000, size):
        part = slice(start, start + size)
        kept.add(numbers[part], batch(digits[part]), images[part])
    assert kept.count == KEPT_IMAGES
    found = numbers_kept(kept)
    assert found == sorted(spread(5000))
    assert max(np.diff(found)) == 8
    assert all(95 < count < 105 for count in np.bincount(np.array(found) % 10))


@settings(deadline=None, max_examples=20)
@given(cuts=st.sets(st.integers(1, 2999), max_size=5), labelled=st.integers(0, 3000))
def test_what_parts_keep_is_what_one_run_keeps(cuts: set[int], labelled: int) -> None:
    """In whichever order they are merged."""
    numbers, images = np.arange(3000), numbered(3000)
    rows = batch((numbers % 7).astype(np.int8), unlabelled=3000 - labelled)
    whole = KeptImages()
    whole.add(numbers, rows, images)
    merged = KeptImages()
    for start, stop in reversed([*pairwise([0, *sorted(cuts), 3000])]):
        kept = KeptImages()
        kept.add(numbers[start:stop], rows.slice(start, stop - start), images[start:stop])
        kept.pack((stop - start) / 3000)
        merged.merge(pickle.loads(pickle.dumps(kept)))
    assert merged.count == whole.count == min(labelled, KEPT_IMAGES)
    if labelled:
        assert numbers_kept(merged) == numbers_kept(whole)


def test_of_a_large_input_few_rows_of_a_part_are_kept() -> None:
    """One in ten thousand of a billion, so that little comes back from elsewhere."""
    kept = KeptImages()
    kept.add(np.arange(20_000), batch(np.zeros(20_000, np.int8)), numbered(20_000))
    kept.pack(20_000 / 10**9)
    assert kept.count == 2


def test_of_a_large_input_with_few_labels_all_of_them_may_be_kept() -> None:
    """Each part has some: they are no more than one run would keep."""
    kept = KeptImages()
    labels = np.zeros(20_000, np.int8)
    kept.add(np.arange(20_000), batch(labels, unlabelled=19_992), numbered(20_000))
    kept.pack(20_000 / 10**7)
    assert kept.count == 8


def test_rows_without_label_or_pixels_are_not_kept() -> None:
    """They tell nothing."""
    kept = KeptImages()
    rows = batch(np.arange(10, dtype=np.int8), unlabelled=3, errors=2)
    kept.add(np.arange(10), rows, numbered(10))
    labelled = kept.labelled()
    assert sorted(labelled.digits) == numbers_kept(kept) == [3, 4, 5, 6, 7]
    np.testing.assert_array_equal(labelled.digits, labelled.images[:, 0, 0])
