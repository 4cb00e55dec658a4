"""Profiles are NumPy's histograms, wherever batches are cut, and survive JSON."""

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mnist_batch.evaluation.input_profile import (
    CONFIDENCE_BINS,
    INK_BINS,
    MOST_INK,
    SIZE_BOUNDS,
    ImageCounts,
    InputProfile,
    ProfileCounts,
)
from mnist_batch.evaluation.outcomes import Outcomes
from tests.support.prediction_batches import cut, predictions_batch, random_predictions


def profile_of(rows: int, seed: int, cuts: set[int]) -> InputProfile:
    """Return the profile of random rows that come in parts."""
    random = np.random.default_rng(seed)
    ink = (random.random(rows) * 120).astype(np.float32)
    sizes = random.integers(1, 6000, rows).astype(np.int32)
    counts, start = ProfileCounts(), 0
    for part in cut(random_predictions(rows, seed), cuts):
        stop = start + len(part)
        outcomes = Outcomes.of(part)
        images = ImageCounts.of(outcomes.predicted, ink[start:stop], sizes[start:stop])
        counts.add(outcomes)
        counts.add_images(images)
        start = stop
    return counts.profile()


def test_histograms_are_numpys() -> None:
    """Of the rows that have a prediction; what is above the last bound is in the last bin."""
    random = np.random.default_rng(3)
    ink = (random.random(500) * 120).astype(np.float32)
    sizes = random.integers(1, 6000, 500).astype(np.int32)
    outcomes = Outcomes.of(random_predictions(500, 3))
    counts = ProfileCounts()
    counts.add(outcomes)
    counts.add_images(ImageCounts.of(outcomes.predicted, ink, sizes))
    profile, read = counts.profile(), outcomes.predicted
    assert profile.rows == read.sum()
    assert profile.predictions == tuple(np.bincount(outcomes.predictions[read], minlength=10))
    assert profile.prepared == (outcomes.prepared & read).sum()
    clipped = np.minimum(ink[read], MOST_INK)
    assert profile.ink == tuple(np.histogram(clipped, INK_BINS, (0, MOST_INK))[0])
    bounds = [0.5, *(bound + 0.5 for bound in SIZE_BOUNDS), 1e9]
    assert profile.size == tuple(np.histogram(sizes[read], bounds)[0])
    confidences = outcomes.confidences[outcomes.sure].astype(np.float64)
    expected = np.bincount(np.minimum((confidences * 20).astype(int), 19), minlength=20)
    assert CONFIDENCE_BINS == 20
    assert profile.confidence == tuple(expected)
    assert profile.mean_confidence == pytest.approx(confidences.mean())


def test_without_images_nothing_is_known_of_them() -> None:
    """Nor of confidences where there are none."""
    counts = ProfileCounts()
    counts.add(Outcomes.of(predictions_batch([(1, 2), (None, 3)], confidences=[None, None])))
    profile = counts.profile()
    assert profile.rows == 2
    assert (profile.ink, profile.size) == (None, None)
    assert (profile.confidence, profile.mean_confidence) == (None, None)


@settings(deadline=None, max_examples=25)
@given(cuts=st.sets(st.integers(0, 200)), seed=st.integers(0, 9))
def test_the_cuts_between_batches_change_nothing(cuts: set[int], seed: int) -> None:
    """Equal to the last bit."""
    assert profile_of(200, seed, cuts) == profile_of(200, seed, set())


def test_a_profile_goes_through_json() -> None:
    """As `run.json` holds it."""
    for profile in (profile_of(100, 0, set()), ProfileCounts().profile()):
        assert InputProfile.of(json.loads(json.dumps(profile.record()))) == profile


def test_what_images_tell_goes_through_the_record_of_a_run() -> None:
    """Of several runs it is added up; where one has nothing to tell, nothing is known."""
    profiles = [profile_of(100, seed, set()) for seed in (1, 2)]
    records = [json.loads(json.dumps(one.of_images())) for one in profiles]
    first, second = (replace(one, ink=None, size=None) for one in profiles)
    assert first.with_images(records[:1]) == profiles[0]
    plain = replace(first, rows=first.rows + second.rows)
    both = plain.with_images(records)
    assert both.size == tuple(np.sum([one.size or () for one in profiles], axis=0))
    assert plain.with_images([records[0], None]) == plain


def test_images_are_told_of_all_rows_or_not_at_all() -> None:
    """Counts of some rows would pass for those of all."""
    outcomes = Outcomes.of(predictions_batch([(1, 2), (3, 3)]))
    images = ImageCounts.of(
        outcomes.predicted, np.array([20, 30], np.float32), np.array([28, 40], np.int32)
    )
    counts = ProfileCounts()
    counts.add(outcomes)
    counts.add_images(images)
    half = counts.profile()
    assert half.ink is not None
    counts.add(outcomes)
    profile = counts.profile()
    assert (profile.rows, profile.ink, profile.size) == (4, None, None)
    assert profile.with_images([half.of_images()]).ink is None


@pytest.mark.parametrize(
    "record", [{}, [], 3, {"ink": [1], "size": "x"}, {"ink": [-1] * 20}, {"ink": [1.5] * 20}]
)
def test_a_record_of_another_program_says_nothing(record: object) -> None:
    """Nor one of another release with other bins."""
    plain = replace(profile_of(20, 0, set()), ink=None, size=None)
    assert plain.with_images([record]) == plain  # type: ignore[list-item]
