"""The record and the tables of a report hold its slices."""

import pytest

from mnist_batch.evaluation.slices import Slice
from mnist_batch.reports.records import (
    SLICES,
    confusion_table,
    metrics_record,
    per_class_table,
    slice_records,
    slices_table,
)
from mnist_batch.schema import Classes
from tests.support.class_predictions import GARMENTS, class_evaluation


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


def test_records_of_classes_have_their_names() -> None:
    """Beside their numbers; without names they have these alone."""
    metrics = class_evaluation(GARMENTS, 100).metrics
    record = metrics_record(metrics, None)
    assert record["class_names"] == GARMENTS.names
    assert [(one["class"], one["name"]) for one in record["per_class"]] == [
        (0, "T-shirt/top"),
        (1, "Coat"),
        (2, "Shirt"),
        (3, "Ankle boot"),
    ]
    unnamed = metrics_record(class_evaluation(Classes(4), 100).metrics, None)
    assert [list(one)[:2] for one in unnamed["per_class"]] == [["class", "support"]] * 4
    assert "class_names" not in unnamed


def test_a_spreadsheet_runs_no_name() -> None:
    """Names that begin as a formula have a `'` before them, in cells and in headings."""
    metrics = class_evaluation(Classes(3, ("=1+1", "@SUM(A1)", "-")), 60).metrics
    head, *rows = confusion_table(metrics)
    assert head == ["true\\predicted", "'=1+1", "'@SUM(A1)", "'-"]
    assert [row[0] for row in rows] == head[1:]
    assert [row[1:] for row in rows] == metrics.confusion_matrix.tolist()
    head, *rows = per_class_table(metrics)
    assert head == ["class", "name", "support", "predicted", "precision", "recall", "f1"]
    assert [row[:2] for row in rows] == [[0, "'=1+1"], [1, "'@SUM(A1)"], [2, "'-"]]
