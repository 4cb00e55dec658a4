"""An evaluation is of all rows, wherever batches are cut."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.evaluation.evaluator import Evaluation, Evaluator, Unreadable
from mnist_batch.evaluation.found_images import FoundImage, Place
from mnist_batch.inference.pipeline import PredictedBatch
from mnist_batch.outputs.mistakes import Mistakes
from tests.support.prediction_batches import cut, predictions_batch, random_predictions


def evaluate(*batches: pa.RecordBatch) -> Evaluation:
    """Return the evaluation of some batches without images."""
    evaluator = Evaluator(3)
    for batch in batches:
        evaluator.add(batch)
    return evaluator.evaluation()


@settings(deadline=None, max_examples=25)
@given(cuts=st.sets(st.integers(0, 200)), seed=st.integers(0, 9))
def test_the_cuts_between_batches_change_nothing(cuts: set[int], seed: int) -> None:
    """All parts of it are equal."""
    batch = random_predictions(200, seed)
    one, other = evaluate(batch), evaluate(*cut(batch, cuts))
    for name in ("slices", "profile", "unreadable"):
        assert getattr(one, name) == getattr(other, name)
    assert one.metrics.reliability == other.metrics.reliability
    assert one.metrics.errors_by_reason == other.metrics.errors_by_reason
    np.testing.assert_array_equal(one.samples.index, other.samples.index)
    for cell, same in zip(one.gallery, other.gallery, strict=True):
        assert [vars(image) for image in cell.images] == [vars(image) for image in same.images]


def test_rows_and_errors_are_counted_at_once() -> None:
    """What progress shows does not wait for the rows that are counted together."""
    evaluator = Evaluator()
    for part in cut(predictions_batch([(1, 1), (2, None), (3, None), (4, 4)]), {2}):
        evaluator.add(part)
    assert (evaluator.rows, evaluator.pictures, evaluator.errors) == (4, 4, 2)


def test_columns_of_several_files_may_differ_in_type() -> None:
    """A column to slice by is text in one file, and a dictionary in the next."""
    evaluator = Evaluator(slices=["camera"])
    texts = pa.array(["a", "b"])
    for values in (texts, texts.dictionary_encode(), texts):
        batch = predictions_batch([(1, 1), (2, 3)])
        evaluator.add(batch.append_column("camera", values))
    slices = [one for one in evaluator.evaluation().slices if one.kind == "camera"]
    assert [(one.value, one.rows, one.correct) for one in slices] == [("a", 3, 3), ("b", 3, 0)]


def test_without_a_gallery_all_else_is_the_same() -> None:
    """As where no report is wanted."""
    batch = random_predictions(200, 1)
    evaluator, whole = Evaluator(3, with_gallery=False), evaluate(batch)
    evaluator.add(batch)
    evaluation = evaluator.evaluation()
    assert whole.gallery
    assert evaluation.gallery == []
    assert (evaluation.slices, evaluation.profile) == (whole.slices, whole.profile)
    assert evaluation.metrics.reliability == whole.metrics.reliability


def test_the_first_rows_without_a_prediction_are_named() -> None:
    """Five per reason, the most frequent reason first, with the detail."""
    errors = [*(f"corrupt: {n}" for n in range(7)), "too large", None]
    batch = predictions_batch([(1, None)] * 9, errors=errors)
    unreadable = evaluate(*cut(batch, {3})).unreadable
    assert list(unreadable) == ["corrupt", "no reason given", "too large"]
    source = "digits.parquet"
    assert unreadable["corrupt"] == [Unreadable(source, n, f"corrupt: {n}") for n in range(5)]
    assert unreadable["too large"] == [Unreadable(source, 7, "too large")]
    assert unreadable["no reason given"] == [Unreadable(source, 8, "no reason given")]


def test_reasons_of_another_program_are_named_up_to_a_hundred() -> None:
    """The first ones; all are counted."""
    errors = [f"reason {n // 2}" for n in range(300)]
    evaluation = evaluate(*cut(predictions_batch([(1, None)] * 300, errors=errors), {90, 91}))
    assert len(evaluation.metrics.errors_by_reason) == 150
    assert set(evaluation.unreadable) == {f"reason {n}" for n in range(100)}
    assert {len(examples) for examples in evaluation.unreadable.values()} == {2}


def test_wrong_rows_go_to_the_mistakes(tmp_path: Path) -> None:
    """All of them, in order."""
    mistakes = Mistakes(tmp_path)
    evaluator = Evaluator(mistakes=mistakes)
    for batch in cut(predictions_batch([(1, 1), (1, 2), (None, 2), (3, None), (4, 5)]), {2}):
        evaluator.add(batch)
    mistakes.write_to(tmp_path / "mistakes.csv")
    lines = (tmp_path / "mistakes.csv").read_text().splitlines()[1:]
    assert [line.split(",")[1] for line in lines] == ["1", "4"]


def test_images_are_found_at_once_for_samples_and_gallery() -> None:
    """Each row once, in the order of the stream."""
    evaluation = evaluate(*cut(random_predictions(50, 1), {20}))
    assert not evaluation.has_images
    asked: list[int] = []

    def find(places: Sequence[Place]) -> Mapping[int, FoundImage]:
        asked.extend(place.index for place in places)
        return {
            place.index: FoundImage(
                np.full((28, 28), place.index, np.uint8),
                np.full((5, 5), place.row, np.uint8) if place.index % 2 else None,
            )
            for place in places
        }

    complete = evaluation.with_images(find)
    assert complete.has_images
    assert asked == sorted(set(asked))
    assert complete.samples.images is not None
    np.testing.assert_array_equal(complete.samples.images[:, 0, 0], complete.samples.index)
    chosen = [image for cell in complete.gallery for image in cell.images]
    assert {*evaluation.samples.index.tolist(), *(one.index for one in chosen)} == set(asked)
    for one in chosen:
        assert one.image is not None
        assert one.image[0, 0] == one.index
        assert (one.original is not None) == bool(one.index % 2)


def test_rows_with_images_have_them() -> None:
    """As they come from the prediction."""
    batch = random_predictions(30, 2)
    images = np.arange(30, dtype=np.uint8)[:, None, None] * np.ones((28, 28), np.uint8)
    evaluator = Evaluator()
    evaluator.add(batch, PredictedBatch(batch, images))
    evaluation = evaluator.evaluation()
    assert evaluation.has_images
    for cell in evaluation.gallery:
        for one in cell.images:
            assert one.image is not None
            assert one.image[0, 0] == one.index


def test_nothing_is_an_evaluation_too() -> None:
    """As of a model that was not tested."""
    evaluation = Evaluator().evaluation()
    assert evaluation.metrics.rows == 0
    assert evaluation.has_images
    assert (evaluation.gallery, evaluation.slices, evaluation.unreadable) == ([], [], {})
    assert replace(evaluation).profile.rows == 0
