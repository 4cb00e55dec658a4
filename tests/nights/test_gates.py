"""The gates of a night."""

from dataclasses import replace

import numpy as np
import pytest

from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.nights.gates import Evidence, GateLimits, ask_gates, folded, status_of
from mnist_batch.nights.night import GateResult, Night
from mnist_batch.options import ErrorBudget
from mnist_batch.schema import Classes
from tests.support.class_comparison import class_comparison
from tests.support.class_predictions import CHARACTERS, GARMENTS, class_evaluation
from tests.support.example_comparison import COMPARISON
from tests.support.example_metrics import METRICS
from tests.support.nights import night

UNLABELLED = replace(METRICS, labelled=0, confusion_matrix=np.zeros((10, 10), np.int64))
LIMITS = GateLimits(ErrorBudget.parse("100%"))
EQUAL = replace(COMPARISON, verdict=Verdict.NO_DIFFERENCE, regressed_digits=())
EVIDENCE = Evidence(
    metrics=METRICS,
    uncounted=0,
    base="2024-11-01",
    comparison=EQUAL,
    why_not_compared="",
    suspicions=(),
)


def _asked(evidence: Evidence = EVIDENCE, limits: GateLimits = LIMITS) -> dict[str, GateResult]:
    return {gate.name: gate for gate in ask_gates(evidence, limits, [])}


def test_a_night_has_a_gate_for_each_question() -> None:
    """Errors, accuracy, regression, each digit and drift; labels where they are required."""
    digits = [f"digit {digit}" for digit in range(10)]
    assert list(_asked()) == ["errors", "accuracy", "regression", *digits, "drift"]
    assert "labels" in _asked(limits=replace(LIMITS, require_labels=True))


@pytest.mark.parametrize(
    ("evidence", "limits", "failing", "status"),
    [
        (EVIDENCE, LIMITS, set(), 0),
        (EVIDENCE, replace(LIMITS, max_errors=ErrorBudget.parse("0")), {"errors"}, 3),
        (EVIDENCE, replace(LIMITS, min_accuracy=1.0), {"accuracy"}, 4),
        (EVIDENCE, replace(LIMITS, min_accuracy=0.0), set(), 0),
        (
            replace(EVIDENCE, comparison=replace(EQUAL, verdict=Verdict.REGRESSED)),
            LIMITS,
            {"regression"},
            5,
        ),
        (
            replace(EVIDENCE, comparison=replace(EQUAL, regressed_digits=(4, 9))),
            LIMITS,
            {"digit 4", "digit 9"},
            5,
        ),
        (replace(EVIDENCE, suspicions=("odd", "odder")), LIMITS, {"drift"}, 5),
        (
            replace(EVIDENCE, suspicions=("odd",), comparison=COMPARISON),
            replace(LIMITS, min_accuracy=1.0, max_errors=ErrorBudget.parse("0")),
            {"errors", "accuracy", "regression", "digit 4", "drift"},
            3,
        ),
        (
            replace(EVIDENCE, comparison=COMPARISON),
            replace(LIMITS, min_accuracy=1.0),
            {"accuracy", "regression", "digit 4"},
            4,
        ),
    ],
)
def test_each_gate_has_its_status_and_the_smallest_wins(
    evidence: Evidence, limits: GateLimits, failing: set[str], status: int
) -> None:
    """As the table of docs/formats.md says."""
    gates = _asked(evidence, limits).values()
    assert {gate.name for gate in gates if gate.fails} == failing
    assert status_of([*gates]) == status


def test_a_night_without_labels_is_not_worse() -> None:
    """Nobody knows, so no gate that needs labels is asked, whatever it asks for."""
    unlabelled = replace(EQUAL, verdict=Verdict.UNLABELLED)
    evidence = replace(EVIDENCE, metrics=UNLABELLED, comparison=unlabelled)
    gates = _asked(evidence, replace(LIMITS, min_accuracy=0.9))
    assert gates["accuracy"].passed is gates["regression"].passed is None
    assert status_of([*gates.values()]) == 0


def test_borrowed_labels_are_said_to_be_so() -> None:
    """Without labels of its own, those of the night it is held against tell the difference."""
    gates = _asked(replace(EVIDENCE, metrics=UNLABELLED))
    for name in ("regression", "digit 4"):
        assert gates[name].message.endswith(" by the labels of 2024-11-01")


def test_what_is_excused_is_told_by_a_gate_that_passes() -> None:
    """So the reader sees it, and nobody is woken."""
    gate = _asked(replace(EVIDENCE, excused=("odd, and no worse",)))["drift"]
    assert (gate.passed, gate.message) == (True, "nothing looks suspicious; odd, and no worse")


def test_labels_that_are_required_and_missing_are_status_4() -> None:
    """As `predict --min-accuracy` has it."""
    evidence = replace(EVIDENCE, metrics=UNLABELLED, comparison=None, why_not_compared="no night")
    gates = _asked(evidence, replace(LIMITS, require_labels=True))
    assert gates["labels"].fails
    assert status_of([*gates.values()]) == 4


def test_too_few_rows_and_nothing_to_compare_with_are_no_answer() -> None:
    """Neither passed nor failed; the message says why."""
    few = replace(EQUAL, verdict=Verdict.TOO_FEW)
    assert _asked(replace(EVIDENCE, comparison=few))["regression"].passed is None
    alone = _asked(replace(EVIDENCE, comparison=None, why_not_compared="it is the first night"))
    for name in ("regression", *(f"digit {digit}" for digit in range(10))):
        assert alone[name] == GateResult(name, passed=None, message="it is the first night")


def test_messages_say_what_was_found_and_what_was_asked() -> None:
    """Counts, points and p values, and the option that a user would change."""
    gates = _asked(replace(EVIDENCE, comparison=COMPARISON), replace(LIMITS, min_accuracy=0.999))
    assert gates["regression"].message == (
        "regressed: -0.29 points (36 newly wrong, 9 newly right, p < 0.0001) against 2024-11-01"
    )
    assert gates["digit 4"].message.startswith(
        "-3.22 points (31 newly wrong, 0 newly right, p < 0.0001)"
    )
    assert "is below the 99.9 % of --min-accuracy" in gates["accuracy"].message
    assert gates["errors"].message.endswith("--max-errors 100%")


def test_sources_that_cannot_be_counted_are_no_share() -> None:
    """`--max-errors 50%` allows none of them."""
    limits = replace(LIMITS, max_errors=ErrorBudget.parse("99%"))
    assert not _asked(limits=limits)["errors"].fails
    gate = _asked(replace(EVIDENCE, uncounted=2), limits)["errors"]
    assert gate.fails
    assert gate.message.startswith("2 sources cannot be read at all")


def test_with_patience_a_gate_fails_where_it_is_missed_for_nights_in_a_row() -> None:
    """The count goes on through nights on which it could not be asked, and ends with a pass."""
    limits = replace(LIMITS, patience=3)
    evidence = replace(EVIDENCE, comparison=replace(EQUAL, verdict=Verdict.REGRESSED))
    unasked = (GateResult("regression", passed=None, message=""),)
    nights: list[Night] = []
    found = []
    for day in range(1, 6):
        gates = ask_gates(evidence, limits, nights)
        (regression,) = (gate for gate in gates if gate.name == "regression")
        found.append((regression.missed_nights, regression.fails, status_of(gates)))
        nights += [night(day, gates=gates), night(day, gates=unasked)]
    assert found == [(1, False, 0), (2, False, 0), (3, True, 5), (4, True, 5), (5, True, 5)]
    assert regression.message.endswith("(missed 5 nights in a row)")
    passed = (GateResult("regression", passed=True, message=""),)
    after = {
        gate.name: gate for gate in ask_gates(evidence, limits, [*nights, night(6, gates=passed)])
    }
    assert after["regression"].missed_nights == 1
    assert after["regression"].message.endswith("(missed 1 night in a row, fails at 3)")


def test_a_reader_is_told_of_the_digits_at_once_where_there_is_nothing_to_tell() -> None:
    """Those that are worse stand alone."""
    gates = ask_gates(replace(EVIDENCE, comparison=COMPARISON), LIMITS, [])
    assert [gate.name for gate in folded(gates)] == [
        *("errors", "accuracy", "regression", "digits 0-3, 5-9", "digit 4", "drift")
    ]
    alone = replace(EVIDENCE, comparison=None, why_not_compared="it is the first night")
    digits = list(folded(ask_gates(alone, LIMITS, [])))[3]
    assert (digits.name, digits.message) == ("digits 0-9", "it is the first night")


def _of_classes(classes: Classes, regressed: tuple[int, ...]) -> list[GateResult]:
    comparison = replace(class_comparison(classes, 4000).comparison, regressed_digits=regressed)
    metrics = class_evaluation(classes, 500).metrics
    evidence = replace(EVIDENCE, metrics=metrics, comparison=comparison)
    return list(ask_gates(evidence, LIMITS, []))


def test_each_class_has_a_gate_of_its_name() -> None:
    """Those of which there is nothing to tell are one for a reader."""
    gates = _of_classes(GARMENTS, (1,))
    names = [f"class {name}" for name in GARMENTS.names or ()]
    assert [gate.name for gate in gates] == ["errors", "accuracy", "regression", *names, "drift"]
    assert [gate.name for gate in gates if gate.fails] == ["regression", "class Coat"]
    assert [gate.name for gate in folded(gates)] == [
        "errors",
        "accuracy",
        "regression",
        "3 classes",
        "class Coat",
        "drift",
    ]
    numbered = [gate.name for gate in folded(_of_classes(Classes(62), (7,)))]
    assert numbered[3:5] == ["classes 0-6, 8-61", "class 7"]


def test_of_many_classes_that_are_worse_a_few_are_told_apart() -> None:
    """All of them fail, and the last line counts the others."""
    gates = _of_classes(CHARACTERS, tuple(range(40)))
    assert sum(gate.fails for gate in gates) == 41
    told = [gate for gate in folded(gates) if gate.fails]
    assert [gate.name for gate in told][-2:] == ["class J", "20 classes"]
    assert told[-1].message == "worse beyond chance too"


def test_a_digit_of_ten_rows_is_not_asked_for_its_gate_could_not_fail() -> None:
    """All ten newly wrong have p = 10 * 2 ** -10 = 0.0098; of eleven it is 0.0049, below 0.005.

    Such digits are one line for a reader, beside those without a row.
    """
    scores = [
        replace(one, both_right=rows, newly_wrong=0, newly_right=0, both_wrong=0)
        for one, rows in zip(EQUAL.per_digit, (10, 11) + 8 * (100,), strict=True)
    ]
    few = replace(EVIDENCE, comparison=replace(EQUAL, per_digit=tuple(scores)))
    asked = _asked(few)
    assert [asked[f"digit {digit}"].passed for digit in range(4)] == [None, True, True, True]
    assert asked["digit 0"].message.startswith("too few rows to tell: ")
    told = {gate.name: (gate.passed, gate.message) for gate in folded([*asked.values()])}
    assert told["digit 0"] == (None, "too few rows to tell")
    assert told["digits 1-9"] == (True, "none is worse beyond chance")
