"""Evaluations of parts, merged in order, are that of all rows by one evaluator, bit for bit."""

import pickle
import re
from collections.abc import Sequence
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.decoding.decode import DecodedBatch
from mnist_batch.evaluation import evaluator, gallery, slices
from mnist_batch.evaluation.evaluator import Evaluation, Evaluator, counts_of_images
from mnist_batch.evaluation.found_images import FoundImage, Place
from mnist_batch.inference.pipeline import ForReport, PredictedBatch
from mnist_batch.schema import DIGIT, DIGITS, Classes, predictions_schema
from tests.support.prediction_batches import cut

REASONS = [f"reason {number}" for number in range(12)]


def rows_of(count: int, seed: int, classes: Classes, *, split: bool) -> pa.RecordBatch:
    """Return rows of pictures and files in folders, with a column to slice by; many are alike."""
    random = np.random.default_rng(seed)
    kinds = np.array(["a/b", "a", "c.parquet", "d.parquet", "", "e/f/g"])
    sources = [f"{kinds[kind]}/{row}.png" for row, kind in enumerate(random.integers(0, 6, count))]
    sources = [re.sub(r"\.parquet/.*", ".parquet", source) for source in sources]
    predicted, labelled = random.random((2, count)) > 0.1
    labels, predictions = random.integers(0, min(classes.count, 10), (2, count))
    predictions = np.where(random.random(count) < 0.5, labels, predictions)
    probabilities = random.random((count, classes.count)).astype(np.float32)
    columns: dict[str, Any] = {
        "source": sources,
        "row": np.arange(count),
        "label": pa.array(labels, classes.dtype, mask=~labelled),
        "prediction": pa.array(predictions, classes.dtype, mask=~predicted),
        "confidence": pa.array(
            random.integers(0, 41, count).astype(np.float32) / 40, mask=~predicted
        ),
        "prepared": random.random(count) < 0.3,
        "error": pa.array(np.array(REASONS)[random.integers(0, 12, count)], mask=predicted),
        "probabilities": pa.array([*probabilities], pa.list_(pa.float32(), classes.count)),
    }
    if split:  # pictures of one to three digits, some without any
        digits = np.resize([0, 0, 1, 0, 1, 2, 0], count)
        columns |= {
            "digit": pa.array(digits.astype(np.int16), mask=np.arange(count) % 7 == 6),
            "box": pa.nulls(count, pa.list_(pa.int32(), 4)),
        }
    schema = predictions_schema(with_probabilities=True, classes=classes, split=split)
    batch = pa.record_batch([columns[name] for name in schema.names], schema=schema)
    return batch.append_column("camera", pa.array(random.integers(0, 30, count)))


def predicted(rows: pa.RecordBatch, start: int) -> PredictedBatch:
    """Return rows with images that tell their places, and with what a report shows."""
    places = np.arange(start, start + len(rows))
    images = np.zeros((len(rows), 28, 28), np.uint8)
    images[:, 0, 0], images[:, 0, 1] = places % 256, places // 256
    decoded = DecodedBatch(
        images=images,
        prepared=rows["prepared"].to_numpy(zero_copy_only=False),
        error=rows["error"],
        thumbnails={at: images[at, :9, :9] for at in range(-start % 3, len(rows), 3)},
        sizes=(places % 90).astype(np.int32),
    )
    return PredictedBatch(rows, images, report=ForReport((places % 50).astype(np.float32), decoded))


def found(rows: pa.RecordBatch, places: Sequence[Place]) -> dict[int, FoundImage]:
    """Return the images of rows again."""
    images = dict[int, FoundImage]()
    for index in (place.index for place in places):
        one = predicted(rows.slice(index, 1), index)
        has_original = index % 3 == 0 and rows["prepared"][index].as_py()
        images[index] = FoundImage(one.images[0], one.images[0, :9, :9] if has_original else None)
    return images


def added(whole: Evaluator, rows: pa.RecordBatch, start: int, cuts: set[int]) -> None:
    """Add rows, whose first is at a place, in batches."""
    for batch in cut(rows, {at for at in cuts if at < len(rows)}):
        one = predicted(batch, start)
        whole.add(batch, one, counts_of_images(one))
        start += len(batch)


def told(evaluation: Evaluation) -> dict[str, Any]:
    """Return all that an evaluation tells, so that it can be compared."""
    samples, metrics = vars(evaluation.samples).copy(), vars(evaluation.metrics).copy()
    metrics.pop("scored", None)
    return {
        **vars(evaluation),
        "metrics": {name: _plain(value) for name, value in metrics.items()},
        "samples": {name: _plain(value) for name, value in samples.items()},
        "gallery": [
            (cell.label, cell.prediction, cell.rows, [_row(one) for one in cell.images])
            for cell in evaluation.gallery
        ],
    }


def _plain(value: Any) -> Any:  # noqa: ANN401 - of any attribute
    return (value.shape, value.tobytes()) if isinstance(value, np.ndarray) else value


def _row(one: gallery.GalleryImage) -> dict[str, Any]:
    return {name: _plain(value) for name, value in vars(one).items()}


def picture_starts(rows: pa.RecordBatch) -> npt.NDArray[np.int64]:
    """Return the places of rows that begin a picture."""
    if DIGIT.name not in rows.schema.names:
        return np.arange(len(rows))
    return np.flatnonzero(rows[DIGIT.name].fill_null(0).to_numpy(zero_copy_only=False) == 0)


def merged(rows: pa.RecordBatch, bounds: Sequence[int], share: float, **how: Any) -> Evaluator:  # noqa: ANN401
    """Return the evaluator of parts, each of which was elsewhere."""
    starts = picture_starts(rows)
    whole = Evaluator(3, ["camera"], **how)
    for start, stop in pairwise(bounds):
        first = int(np.searchsorted(starts, start))
        part = Evaluator(3, ["camera"], part_start=first, **how)
        part_rows = rows.slice(start, stop - start)
        added(part, part_rows, start, {7, 20})
        part.settle(share)
        whole.merge(pickle.loads(pickle.dumps(part)))
    return whole


@settings(deadline=None, max_examples=40)
@given(
    count=st.integers(1, 300),
    seed=st.integers(0, 999),
    cuts=st.sets(st.integers(0, 300), max_size=6),
    classes=st.sampled_from([DIGITS, Classes(75)]),
    split=st.booleans(),
    limits=st.sampled_from([(4760, 10_000, 100, 5), (40, 4, 3, 2), (1, 1, 1, 1)]),
)
def test_merged_parts_tell_what_all_rows_tell(
    count: int,
    seed: int,
    cuts: set[int],
    classes: Classes,
    split: bool,
    limits: tuple[int, int, int, int],
) -> None:
    """Scores, slices, samples, gallery with images, examples: also beyond what is kept of each."""
    rows = rows_of(count, seed, classes, split=split)
    starts = {*picture_starts(rows).tolist()} - {0}
    bounds = [0, *sorted(starts & cuts), count]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(gallery, "MOST_WRONG", limits[0])
        patch.setattr(slices, "MOST_VALUES", limits[1])
        patch.setattr(evaluator, "MOST_REASONS", 12)
        patch.setattr(evaluator, "EXAMPLES", limits[3])
        patch.setattr(gallery, "_MOST_NEW", 50)
        one = Evaluator(3, ["camera"], classes=classes)
        added(one, rows, 0, {13, 14, 200})
        expected = told(one.evaluation())
        assert told(merged(rows, bounds, 1.0, classes=classes).evaluation()) == expected
        few = merged(rows, bounds, 1e-6, classes=classes).evaluation()
        if not few.has_images:
            few = few.with_images(partial(found, rows))
        assert told(few) == expected


def test_a_small_part_brings_few_images() -> None:
    """Those that it may need in the whole; of others the rows come, and the images are found."""
    rows = rows_of(2000, 1, DIGITS, split=False)
    part = Evaluator(part_start=0)
    added(part, rows, 0, set())
    part.settle(1e-6)
    chosen = [one for cell in part.evaluation().gallery for one in cell.images]
    shown = [one for one in chosen if one.image is not None]
    wrong = [one for one in shown if one.label not in (None, one.prediction)]
    assert len(chosen) > 900
    # One of each class that is right, one of each without a label, and a few of wrong ones.
    assert len(shown) - len(wrong) == 20
    assert all(one.image is not None and one.image[0, 0] == one.index % 256 for one in shown)
    assert len(pickle.dumps(part)) < 200_000


def test_a_part_of_many_classes_is_small() -> None:
    """A model of a thousand classes has a million cells, of which a part has few."""
    classes = Classes(1000)
    part = Evaluator(part_start=0, classes=classes)
    added(part, rows_of(500, 1, classes, split=False).drop_columns(["probabilities"]), 0, set())
    part.settle(1e-6)
    assert len(pickle.dumps(part)) < 200_000


def test_parts_are_merged_in_order_alone() -> None:
    """Samples, slices and examples depend on it."""
    rows = rows_of(20, 1, DIGITS, split=False)
    parts = [Evaluator(part_start=start) for start in (0, 10)]
    for start, part in zip((0, 10), parts, strict=True):
        added(part, rows.slice(start, 10), start, set())
    whole = Evaluator()
    with pytest.raises(ValueError, match="a part begins at 10, not at 0"):
        whole.merge(parts[1])
    for part in parts:
        whole.merge(part)
    assert whole.rows == 20
