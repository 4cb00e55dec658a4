"""The record and the tables of a report hold its slices."""

import pytest

from mnist_batch.evaluation.slices import Slice
from mnist_batch.reports.records import SLICES, slice_records, slices_table


def test_the_table_has_a_row_per_slice() -> None:
    """With the interval as statsmodels has it; a missing value is told from an empty one."""
    slices = [
        Slice("folder", "a,b", rows=102, scored=100, correct=80, errors=2),
        Slice("writer", "", rows=1, scored=0, correct=0, errors=1),
        Slice("writer", None, rows=1, scored=1, correct=1, errors=0),
        Slice("writer", None, rows=5, scored=0, correct=0, errors=0, is_rest=True),
    ]
    head, first, *others = slices_table(slices)
    assert head == [
        "kind",
        "value",
        "value_is",
        "rows",
        "scored",
        "correct",
        "accuracy",
        "accuracy_low",
        "accuracy_high",
        "errors",
    ]
    assert first[:7] == ["folder", "a,b", "text", 102, 100, 80, 0.8]
    assert first[7:9] == pytest.approx([0.7112, 0.8666], abs=1e-4)
    assert first[9] == 2
    assert others[0] == ["writer", "", "text", 1, 0, 0, None, None, None, 1]
    assert [(row[1], row[2]) for row in others[1:]] == [(None, "missing"), (None, "any other")]


def test_the_record_has_some_slices_of_each_kind() -> None:
    """Of a column with many values the first ones, and all kinds."""
    many = [Slice("writer", str(n), 10, 10, 9, 0) for n in range(SLICES + 50)]
    records = slice_records([*many, Slice("prepared", "no", 1500, 1500, 1350, 0)])
    assert len(records) == SLICES + 1
    assert records[0] == {
        "kind": "writer",
        "value": "0",
        "is_rest": False,
        "rows": 10,
        "scored": 10,
        "correct": 9,
        "accuracy": 0.9,
        "accuracy_interval_95": pytest.approx((0.5958, 0.9821), abs=1e-4),
        "errors": 0,
    }
    assert records[-1]["kind"] == "prepared"
