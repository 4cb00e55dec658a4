"""The gallery is what sorting all rows at once would give, wherever batches are cut."""

from collections import Counter

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mnist_batch.decoding.decode import DecodedBatch
from mnist_batch.evaluation import gallery
from mnist_batch.evaluation.gallery import GalleryCell, GalleryChooser
from mnist_batch.evaluation.outcomes import Outcomes
from tests.support.prediction_batches import cut, predictions_batch, random_predictions


def images_of(start: int, rows: int) -> NDArray[np.uint8]:
    """Return images that tell their place in the stream."""
    images = np.zeros((rows, 28, 28), np.uint8)
    places = np.arange(start, start + rows)
    images[:, 0, 0], images[:, 0, 1] = places % 256, places // 256
    return images


def choose(*batches: pa.RecordBatch, with_images: bool = True) -> list[GalleryCell]:
    """Return the cells of some batches."""
    chooser, start = GalleryChooser(), 0
    for batch in batches:
        images = images_of(start, len(batch)) if with_images else None
        chooser.add(start, Outcomes.of(batch), images)
        start += len(batch)
    return chooser.cells()


def indices(cells: list[GalleryCell]) -> dict[tuple[int | None, int], list[int]]:
    """Return the places of the chosen rows, by cell."""
    return {(cell.label, cell.prediction): [one.index for one in cell.images] for cell in cells}


def by_sorting(batch: pa.RecordBatch, most: int) -> dict[tuple[int | None, int], list[int]]:
    """Return what is to be chosen, by sorting all rows of each cell."""
    cells: dict[tuple[int | None, int], list[tuple[float, int]]] = {}
    for index, row in enumerate(batch.to_pylist()):
        label, prediction, confidence = row["label"], row["prediction"], row["confidence"]
        if prediction is not None:
            wrong = label not in (None, prediction)
            key = 2 if confidence is None else -confidence if wrong else confidence
            cells.setdefault((label, prediction), []).append((key, index))
    sizes = [len(rows) for (label, p), rows in cells.items() if label not in (None, p)]
    cap = max(cap for cap in range(most + 1) if sum(min(cap, size) for size in sizes) <= most)
    return {
        (label, prediction): [
            index for _, index in sorted(rows)[: cap if label not in (None, prediction) else 12]
        ]
        for (label, prediction), rows in cells.items()
    }


@settings(deadline=None, max_examples=30)
@given(
    cuts=st.sets(st.integers(0, 400)),
    seed=st.integers(0, 99),
    most=st.sampled_from([1, 90, 150, 10_000]),
    at_once=st.sampled_from([1, 50, 3000]),
)
def test_it_is_what_sorting_gives(cuts: set[int], seed: int, most: int, at_once: int) -> None:
    """With ties by place in the stream, and few images in memory or many."""
    batch = random_predictions(400, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "MOST_WRONG", most)
        patch.setattr(gallery, "_MOST_NEW", at_once)
        cells = choose(*cut(batch, cuts))
    assert indices(cells) == by_sorting(batch, most)
    counts = Counter(
        (row["label"], row["prediction"])
        for row in batch.to_pylist()
        if row["prediction"] is not None
    )
    assert {(cell.label, cell.prediction): cell.rows for cell in cells} == counts
    order = [(cell.label is None, cell.label or 0, cell.prediction) for cell in cells]
    assert order == sorted(order)


def test_each_row_has_its_columns_and_its_image() -> None:
    """Wherever it lay in its batch."""
    batch = random_predictions(500, 5)
    rows = batch.to_pylist()
    for cell in choose(*cut(batch, {100, 101, 350})):
        for one in cell.images:
            row = rows[one.index]
            assert (one.source, one.row) == (row["source"], row["row"])
            assert (one.label, one.prediction) == (row["label"], row["prediction"])
            assert (one.confidence, one.prepared) == (row["confidence"], row["prepared"])
            assert one.image is not None
            assert int(one.image[0, 0]) + 256 * int(one.image[0, 1]) == one.index


def test_memory_does_not_grow_with_the_wrong_rows() -> None:
    """Not even where each is more confident than all before it."""
    chooser, rows = GalleryChooser(), 2000
    images = np.zeros((rows, 28, 28), np.uint8)
    labels = np.arange(rows) % 10
    pairs = [(int(label), int((label + 1) % 10)) for label in labels]
    for start in range(0, 30_000, rows):
        confidences = ((start + np.arange(rows)) / 30_000).tolist()
        chooser.add(start, Outcomes.of(predictions_batch(pairs, confidences=confidences)), images)
        kept = sum(len(part.index) for part in chooser._parts)
        assert kept <= gallery.MOST_WRONG + 2 * gallery._MOST_NEW
    last = {one.index for cell in chooser.cells() for one in cell.images}
    assert last == set(range(30_000 - gallery.MOST_WRONG, 30_000))


def test_images_are_copies() -> None:
    """A reader may use its buffer again."""
    chooser, images = GalleryChooser(), images_of(0, 2)
    chooser.add(0, Outcomes.of(predictions_batch([(1, 2), (1, 1)])), images)
    images[:] = 255
    assert all(
        one.image is not None and one.image.max() < 255
        for cell in chooser.cells()
        for one in cell.images
    )


def test_images_that_are_not_at_hand_are_missing() -> None:
    """Those of an earlier run; they are found again, and the others stay."""
    chooser = GalleryChooser()
    for start, with_images in enumerate([True, False, True]):
        images = images_of(start, 1) if with_images else None
        chooser.add(start, Outcomes.of(predictions_batch([(1, 2)])), images)
    (cell,) = chooser.cells()
    assert [None if one.image is None else one.image[0, 0] for one in cell.images] == [0, None, 2]


def test_the_original_is_there_where_the_image_was_prepared() -> None:
    """Of another size, or of the same one and changed; not where the image is the original."""
    batch = predictions_batch([(1, 2)] * 4, prepared=[True, True, True, False])
    images, large = images_of(0, 4), np.full((64, 40), 7, np.uint8)
    unchanged = images.copy()
    unchanged[1] = 255 - images[1]
    decoded = DecodedBatch(
        images,
        np.array([True, True, True, False]),
        pa.nulls(4, pa.string()),
        np.full(4, 28, np.int32),
        {0: large},
        unchanged,
    )
    chooser = GalleryChooser()
    chooser.add(50, Outcomes.of(batch), images, decoded)
    (cell,) = chooser.cells()
    by_index = {one.index: one.original for one in cell.images}
    assert by_index.keys() == {50, 51, 52, 53}
    assert by_index[50] is large
    np.testing.assert_array_equal(by_index[51], 255 - images[1])
    assert by_index[52] is None
    assert by_index[53] is None


def test_nothing_gives_no_cells() -> None:
    """Nor do rows without a prediction."""
    assert choose() == []
    assert choose(predictions_batch([(1, None)])) == []
