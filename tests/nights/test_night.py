"""The record of a night."""

import json
from dataclasses import replace

import pytest

from mnist_batch.nights.night import FORMAT, GateResult, Night
from tests.support.nights import NIGHT


def test_a_record_gives_the_night_again() -> None:
    """Through JSON, with tuples, mappings and what is None."""
    for night in (NIGHT, replace(NIGHT, against=None, images_per_s=None, per_digit=())):
        assert Night.of(json.loads(json.dumps(night.record()))) == night


def test_a_record_may_hold_more_than_this_release_knows() -> None:
    """A later release may add a name without a new format."""
    assert Night.of({**NIGHT.record(), "added_later": 1}) == NIGHT


_AGAINST, _PROFILE = NIGHT.record()["against"], NIGHT.record()["profile"]


@pytest.mark.parametrize(
    ("record", "why"),
    [
        (None, "no record of a night"),
        ([1], "no record of a night"),
        ({"rows": 3}, "no record of a night"),
        ({"format": FORMAT}, "name is missing"),
        ({**NIGHT.record(), "format": FORMAT + 1}, "later release"),
        ({**NIGHT.record(), "rows": "many"}, "rows: is str, not int"),
        ({**NIGHT.record(), "created_utc": "yesterday"}, "yesterday"),
        ({**NIGHT.record(), "created_utc": "2024-11-01T02:00:00"}, "no offset"),
        ({**NIGHT.record(), "correct": 999}, "no counts of the rows"),
        ({**NIGHT.record(), "errors": -1}, "no counts of the rows"),
        ({**NIGHT.record(), "drift": {"ink": [float("nan"), 0.1]}}, "drift: is out of range"),
        ({**NIGHT.record(), "drift": {"ink": [0.1, 1.1]}}, "drift: is not 0 to 1"),
        ({**NIGHT.record(), "against": {**_AGAINST, "verdict": "fine"}}, "'fine'"),
        ({**NIGHT.record(), "profile": {**_PROFILE, "prepared": 2000}}, "profile: has no counts"),
        (
            {**NIGHT.record(), "profile": {**_PROFILE, "predictions": [-1]}},
            "predictions: are no counts",
        ),
        *(
            ({**NIGHT.record(), "profile": {**_PROFILE, **forged}}, f"profile: {why}")
            for forged, why in (
                ({"confidence": [10**30] + [0] * 19}, "confidence: is out of range"),
                ({"confidence": [1001] + [0] * 19}, "has no counts"),
                ({"rows": 0}, "predictions: are no counts"),
                ({"rows": 0, "prepared": 0, "predictions": [1000] + [0] * 9}, "predictions: are"),
                ({"predictions": [10**12] * 10}, "predictions: are"),
                ({"predictions": [1000]}, "predictions: are"),
                ({"mean_confidence": 1.5}, "mean_confidence: is not 0 to 1"),
                ({"mean_confidence": float("nan")}, "mean_confidence: is out of range"),
            )
        ),
        (
            {**NIGHT.record(), "rows": 10**400, "scored": 10**400, "correct": 10**400},
            "rows: is out of range",
        ),
        ({**NIGHT.record(), "elapsed_s": 10**400}, "elapsed_s: is out of range"),
        ({**NIGHT.record(), "errors": 500}, "no counts of the rows"),
        ({**NIGHT.record(), "version": "v" * 20_001}, "version: has 20001 characters"),
        ({**NIGHT.record(), "drift": {"v" * 20_001: [0, 0]}}, "drift: has 20001 characters"),
        (
            {**NIGHT.record(), "options": {"deep": [[[[[[[[[]]]]]]]]]}},
            "options: is nested too deep",
        ),
        ({**NIGHT.record(), "gates": [{"name": "errors", "passed": 1}]}, "gates: passed"),
    ],
)
def test_a_foreign_record_is_refused_and_the_reason_names_the_field(
    record: object, why: str
) -> None:
    """So that a history can pass it over with a note."""
    with pytest.raises(ValueError, match=why):
        Night.of(record)


def test_a_night_has_passed_if_no_gate_was_missed_be_it_with_patience() -> None:
    """A night that is worse must not become what later ones are held against."""
    missed = GateResult("regression", passed=False, message="worse", missed_nights=1)
    unasked = GateResult("accuracy", passed=None, message="no labels")
    assert replace(NIGHT, gates=(unasked,)).passed
    assert not replace(NIGHT, gates=(unasked, missed), status=0).passed


def test_accuracy_is_over_the_scored_rows() -> None:
    """It is None, not 0, where nothing could be scored."""
    assert replace(NIGHT, scored=8, correct=6).accuracy == 0.75
    assert replace(NIGHT, scored=0, correct=0).accuracy is None
