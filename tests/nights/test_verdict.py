"""What a night comes to."""

from dataclasses import replace

import pytest

from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.nights.night import GateResult
from mnist_batch.nights.verdict import against, drift, headline, outcome, state
from tests.support.nights import NIGHT


def _missed(*names: str, fails: bool = True) -> tuple[GateResult, ...]:
    return tuple(GateResult(name, False, "", 1, fails) for name in names)


@pytest.mark.parametrize(
    ("gates", "expected"),
    [
        (("regression", "accuracy", "errors", "drift", "digit 3"), "too many errors"),
        (("regression", "accuracy", "labels"), "labels are missing"),
        (("regression", "accuracy"), "accuracy too low"),
        (("regression", "drift"), "regressed"),
        (("digit 3",), "regressed"),
        (("drift",), "suspicious"),
    ],
)
def test_what_fails_comes_first_in_the_order_of_the_statuses(
    gates: tuple[str, ...], expected: str
) -> None:
    """The word is of the gate that gives the exit status."""
    assert state(replace(NIGHT, gates=_missed(*gates))) == expected


def test_other_classes_are_no_regression() -> None:
    """Nothing was compared."""
    assert state(replace(NIGHT, gates=_missed("regression"), against=None)) == "other classes"


def test_a_gate_that_may_still_be_missed_leaves_the_verdict_of_the_comparison() -> None:
    """Then the comparison is told as it is."""
    assert NIGHT.against
    worse = replace(NIGHT.against, verdict=str(Verdict.REGRESSED))
    night = replace(NIGHT, gates=_missed("regression", fails=False), against=worse)
    assert state(night) == "regressed"
    assert state(replace(night, against=NIGHT.against)) == "no difference beyond chance"


def test_without_labels_or_without_an_earlier_night_there_is_no_verdict() -> None:
    """It is said so, and is neither good nor bad."""
    assert state(replace(NIGHT, scored=0, correct=0)) == "no labels"
    assert state(replace(NIGHT, against=None)) == "nothing to compare with"


def test_the_headline_has_accuracy_interval_and_difference() -> None:
    """0.9719 of 998 rows has Wilson's interval 0.9597 to 0.9805, by hand."""
    assert headline(NIGHT) == (
        "No difference beyond chance: accuracy 97.19 % (95.97 to 98.05 %) of 998 rows, "
        "+0.10 points against 2024-10-31"
    )
    assert NIGHT.against
    half = replace(NIGHT, rows=1800, against=replace(NIGHT.against, pairs=1000))
    assert headline(half).endswith(
        ", +0.10 points against 2024-10-31 (compared are 1,000 of 1,800 rows)"
    )
    unlabelled = replace(NIGHT, scored=0, correct=0, against=None)
    assert headline(unlabelled) == "No labels: 998 of 1,000 rows predicted, none with a label"


@pytest.mark.parametrize(
    ("changes", "opening"),
    [
        ({"scored": 0, "correct": 0}, "No labels: 998 of 1,000 rows predicted, none with a label"),
        ({"scored_later": True}, "Scored later: accuracy 97.19 % (95.97 to 98.05 %) of 998 rows"),
    ],
)
def test_without_labels_it_is_said_whose_labels_told_the_difference(
    changes: dict[str, object], opening: str
) -> None:
    """Those of the night that it is held against, where the images are the same."""
    night = replace(NIGHT, **changes)  # type: ignore[arg-type]
    assert headline(night) == f"{opening}; by the labels of 2024-10-31, +0.10 points"
    assert against(night).startswith(
        "1,000 images compared with 2024-10-31, by its labels: 3 newly"
    )


def test_a_comparison_and_a_drift_are_sentences() -> None:
    """Empty where there is none."""
    assert against(NIGHT) == (
        "1,000 images compared with 2024-10-31: 3 newly wrong, 4 newly right; "
        "95 % interval -0.50 to +0.70 points, p = 0.7000"
    )
    assert NIGHT.against is not None
    single = replace(NIGHT, against=replace(NIGHT.against, pairs=1))
    assert against(single).startswith("1 image compared with")
    assert drift(NIGHT) == "distance of the input, and what chance gives: predictions 0.010 (0.050)"
    alone = replace(NIGHT, against=None, drift={})
    assert against(alone) == drift(alone) == ""


def test_a_gate_has_one_of_four_outcomes() -> None:
    """Missed is not failed."""
    (missed,), (failed,) = _missed("a", fails=False), _missed("a")
    passed, unasked = replace(missed, passed=True), replace(missed, passed=None)
    words = [outcome(gate) for gate in (passed, unasked, missed, failed)]
    assert words == ["passed", "not asked", "missed", "failed"]
