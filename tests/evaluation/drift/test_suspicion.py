"""Tests of what looks wrong with a run without a look at its labels."""

from dataclasses import replace

import numpy as np
import pytest

from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.evaluation.drift.distance import Drift, input_drift
from mnist_batch.evaluation.drift.suspicion import Earlier, excused, other_labels, suspicions
from mnist_batch.evaluation.input_profile import InputProfile
from mnist_batch.evaluation.metrics import Metrics
from mnist_batch.schema import Classes
from tests.support.example_comparison import COMPARISON

EVEN = (200,) * 10
FIVES = (0,) * 5 + (2_000,) + (0,) * 4


def _metrics(
    predictions: tuple[int, ...], labels: tuple[int, ...] | None = None, errors: int = 0
) -> Metrics:
    """Return metrics; labels that are not the predicted digits are spread over these evenly."""
    confusion = np.zeros((10, 10), np.int64)
    if labels is not None:
        confusion = np.rint(np.outer(labels, predictions) / sum(predictions)).astype(np.int64)
        if labels == predictions:
            confusion = np.diag(labels)
    return Metrics(
        rows=sum(predictions) + errors,
        labelled=int(confusion.sum()),
        prepared=0,
        errors_by_reason={"unreadable image": errors} if errors else {},
        predictions=predictions,
        confusion_matrix=confusion,
        log_loss=None,
        brier=None,
        calibration_error=None,
    )


def _profile(
    predictions: tuple[int, ...], *, confidence: float | None = 0.992, prepared: int = 0
) -> InputProfile:
    rows = sum(predictions)
    bins = None
    if confidence is not None:
        bins = tuple(np.bincount([min(19, int(confidence * 20))], minlength=20) * rows)
    return InputProfile(rows, predictions, prepared, bins, None, None, confidence)


def _earlier(
    tonight: InputProfile, base: InputProfile, errors: int = 0, scored: int = 0, correct: int = 0
) -> Earlier:
    return Earlier("2026-11-01", base, errors, scored, correct, input_drift(tonight, base))


def test_one_digit_nearly_always_is_suspicious() -> None:
    """2,000 times "5" without a label, as pixels in a wrong range give it, is told."""
    (sentence,) = suspicions(_metrics(FIVES), _profile(FIVES))
    assert sentence.startswith("100.0 % of 2,000 rows are read as 5;")


def test_one_digit_nearly_always_against_the_labels_is_suspicious() -> None:
    """The same is told where labels say that the digits are even."""
    assert len(suspicions(_metrics(FIVES, EVEN), _profile(FIVES))) == 1


def test_a_folder_of_fives_is_not_suspicious() -> None:
    """Labels that say five explain it."""
    assert suspicions(_metrics(FIVES, FIVES), _profile(FIVES)) == ()


def test_few_rows_of_one_digit_are_not_suspicious() -> None:
    """Ninety-nine images may all be of one digit."""
    few = (99, *(0,) * 9)
    assert suspicions(_metrics(few), _profile(few)) == ()


@pytest.mark.parametrize("labels", [None, EVEN])
def test_an_ordinary_run_is_not_suspicious(labels: tuple[int, ...] | None) -> None:
    """Even digits and a usual confidence raise nothing."""
    assert suspicions(_metrics(EVEN, labels), _profile(EVEN)) == ()


def test_guessing_is_suspicious() -> None:
    """A mean confidence near that of guessing is told, unless labels say that it reads well."""
    (sentence,) = suspicions(_metrics(EVEN), _profile(EVEN, confidence=0.12))
    assert sentence.startswith("the mean confidence is 0.12, and guessing has 0.10;")
    assert suspicions(_metrics(EVEN, EVEN), _profile(EVEN, confidence=0.12)) == ()


def test_guessing_among_many_classes_has_digits_that_tell() -> None:
    """Of 1,000 classes it is 0.001, which is 0.00 with two decimals."""
    many = (2,) * 1000
    metrics = replace(_metrics(EVEN), predictions=many, classes=Classes(1000))
    (sentence,) = suspicions(metrics, _profile(many, confidence=0.0022))
    assert sentence.startswith("the mean confidence is 0.0022, and guessing has 0.001;")


def test_a_confidence_of_one_is_suspicious() -> None:
    """A mean confidence that no network has on new images is told.

    Labels that say the predictions are as good explain it.
    """
    (sentence,) = suspicions(_metrics(EVEN), _profile(EVEN, confidence=0.99996))
    assert sentence.startswith("the mean confidence is 0.99996, more than networks have")
    assert suspicions(_metrics(EVEN, EVEN), _profile(EVEN, confidence=0.99996)) == ()


def test_a_file_without_confidences_is_not_suspicious() -> None:
    """Predictions of another program may have no confidence."""
    assert suspicions(_metrics(EVEN), _profile(EVEN, confidence=None)) == ()


def test_other_digits_than_before_are_suspicious() -> None:
    """Predicted digits far from those of the earlier run are told, with the one that changed."""
    tonight = _profile(FIVES)
    (sentence,) = suspicions(_metrics(FIVES), tonight, _earlier(tonight, _profile(EVEN)))
    assert sentence.startswith(
        "the predicted digits are far from those of 2026-11-01: 5 is 100.0 % of them, "
        "and was 10.0 % (distance 0."
    )


def test_other_digits_that_labels_confirm_are_not_suspicious() -> None:
    """Where the labels are other digits too, so may be the predictions."""
    tonight = _profile(FIVES)
    assert suspicions(_metrics(FIVES, FIVES), tonight, _earlier(tonight, _profile(EVEN))) == ()


def test_what_an_earlier_run_had_too_is_not_suspicious() -> None:
    """A folder of fives every night is no news, with labels or without."""
    tonight = _profile(FIVES)
    assert suspicions(_metrics(FIVES), tonight, _earlier(tonight, _profile(FIVES))) == ()


def test_an_earlier_run_of_few_rows_explains_nothing() -> None:
    """Against ten rows chance explains all, so the run is judged alone."""
    tonight, base = _profile(FIVES), _profile((0,) * 5 + (10,) + (0,) * 4)
    assert len(suspicions(_metrics(FIVES), tonight, _earlier(tonight, base))) == 1


def test_another_confidence_is_suspicious() -> None:
    """A confidence far from that of the earlier run is told."""
    tonight = _profile(EVEN, confidence=0.71)
    (sentence,) = suspicions(_metrics(EVEN), tonight, _earlier(tonight, _profile(EVEN)))
    assert sentence.startswith(
        "the confidence is far from that of 2026-11-01: 0.71000 on average, and was 0.99200 ("
    )


def test_another_confidence_that_labels_confirm_is_not_suspicious() -> None:
    """A model that is right on all 2,000 may be surer than another; one that is wrong may not."""
    tonight = _profile(EVEN, confidence=0.996)
    earlier = _earlier(tonight, _profile(EVEN, confidence=0.9))
    assert suspicions(_metrics(EVEN, EVEN), tonight, earlier) == ()
    assert len(suspicions(_metrics(EVEN, FIVES), tonight, earlier)) == 1
    assert len(suspicions(_metrics(EVEN), tonight, earlier)) == 1


def _read(right: int) -> Metrics:
    """Return metrics of 1,000 rows of even digits, of which some are right."""
    confusion = np.diag([100] * 10)
    confusion[0, 0], confusion[0, 1] = right - 900, 1000 - right
    return replace(
        _metrics((100,) * 10), labelled=1000, confusion_matrix=confusion, predictions=(100,) * 10
    )


@pytest.mark.parametrize(("right", "is_suspicious"), [(888, True), (967, True), (985, False)])
def test_labels_excuse_no_drift_where_the_accuracy_fell(right: int, is_suspicious: bool) -> None:
    """Rotated images: the confidence fell as the accuracy did, and is near to it.

    Of 992 right of 1,000, 967 have p = 0.00008 and 985 have p = 0.14.
    """
    tonight = _profile((100,) * 10, confidence=right / 1000 - 0.002)
    earlier = _earlier(tonight, _profile((100,) * 10, confidence=0.992), 0, 1000, 992)
    earlier = replace(earlier, drift={"confidence": Drift(0.2, 0.1)})
    found = suspicions(_read(right), tonight, earlier)
    assert len(found) == is_suspicious
    if found:
        assert found[0].endswith(f"), and the accuracy fell from 99.20 to {right / 10:.2f} %")


def test_labels_excuse_no_lower_confidence_than_that_of_a_run_without_labels() -> None:
    """Nobody knows how accurate that was; it was sure."""
    tonight = _profile((100,) * 10, confidence=0.93)
    earlier = _earlier(tonight, _profile((100,) * 10))
    earlier = replace(earlier, drift={"confidence": Drift(0.2, 0.1)})
    assert len(suspicions(_read(937), tonight, earlier)) == 1


def test_labels_excuse_no_other_digits_where_the_accuracy_fell() -> None:
    """A folder of other digits that is read worse is looked at."""
    tonight = _profile(FIVES)
    earlier = _earlier(tonight, _profile(EVEN), scored=2000, correct=1900)
    labels = (20,) * 5 + (1800,) + (25,) * 4
    assert suspicions(_metrics(FIVES, FIVES), tonight, earlier) == ()
    (sentence,) = suspicions(_metrics(FIVES, labels), tonight, earlier)
    assert sentence.endswith(", and the accuracy fell from 95.00 to 90.00 %")


@pytest.mark.parametrize(
    ("verdict", "pairs", "right", "is_excused"),
    [
        (Verdict.IMPROVED, 1000, 998, True),
        (Verdict.NO_DIFFERENCE, 500, 992, True),
        (Verdict.NO_DIFFERENCE, 499, 992, False),
        (Verdict.NO_DIFFERENCE, 1000, 940, False),
        (Verdict.TOO_FEW, 1000, 998, False),
        (Verdict.REGRESSED, 1000, 985, False),
    ],
)
def test_another_confidence_over_the_same_images_is_excused_where_they_are_read_as_well(
    verdict: Verdict, pairs: int, right: int, is_excused: bool
) -> None:
    """At least half of the 1,000 rows, and the others are no worse: a less sure model may be."""
    tonight = _profile((100,) * 10, confidence=0.945)
    comparison = replace(
        COMPARISON, verdict=verdict, overall=replace(COMPARISON.overall, both_right=pairs - 165)
    )
    assert comparison.overall.pairs == pairs
    earlier = replace(
        _earlier(tonight, _profile((100,) * 10), scored=1000, correct=992),
        drift={"confidence": Drift(0.2, 0.1)},
        comparison=comparison,
    )
    told = suspicions(_read(right), tonight, earlier), excused(_read(right), tonight, earlier)
    assert [len(sentences) for sentences in told] == [not is_excused, is_excused]
    if is_excused:
        assert told[1][0].endswith("by chance at most 0.10), and the same images are read no worse")


@pytest.mark.parametrize(("changed", "pairs", "is_told"), [(10, 999, 1), (10, 1000, 0), (9, 9, 0)])
def test_other_labels_of_the_same_images_are_suspicious(
    changed: int, pairs: int, is_told: bool
) -> None:
    """More than 1 % and ten at least: a few corrections are no news."""
    comparison = replace(COMPARISON, changed_labels=changed, pairs=pairs)
    assert [*other_labels(comparison, "2026-11-01")] == is_told * [
        f"{changed} of {pairs:,} images have another label than in 2026-11-01; check the labels"
    ]


def test_many_more_prepared_images_are_suspicious() -> None:
    """A share of prepared images far from that of the earlier run is told."""
    tonight = _profile(EVEN, prepared=400)
    (sentence,) = suspicions(_metrics(EVEN), tonight, _earlier(tonight, _profile(EVEN)))
    assert sentence.startswith(
        "20.0 % of the images were brought to MNIST form, and 0.0 % in 2026-11-01 ("
    )


def test_many_more_errors_are_suspicious() -> None:
    """More rows without a prediction than chance explains, and by a point at least, are told."""
    tonight = _profile(EVEN)
    earlier = _earlier(tonight, _profile(EVEN), errors=2)
    assert suspicions(_metrics(EVEN, errors=300), tonight, earlier) == (
        "13.0 % of the rows have no prediction, and 0.1 % in 2026-11-01",
    )
    assert suspicions(_metrics(EVEN, errors=19), tonight, earlier) == ()


def test_fewer_errors_are_not_suspicious() -> None:
    """That more images can be read is no reason to wake anybody."""
    tonight = _profile(EVEN)
    assert suspicions(_metrics(EVEN), tonight, _earlier(tonight, _profile(EVEN), errors=900)) == ()


def test_a_run_without_a_prediction_is_judged() -> None:
    """Where nothing could be read, there is no drift, and the errors are told."""
    nothing = (0,) * 10
    tonight = InputProfile(0, nothing, 0, (0,) * 20, None, None, None)
    metrics = _metrics(nothing, errors=500)
    assert suspicions(metrics, tonight) == ()
    (sentence,) = suspicions(metrics, tonight, _earlier(tonight, _profile(EVEN)))
    assert sentence.startswith("100.0 % of the rows have no prediction")
