"""Runs of any number of classes are compared, and named in what changed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from mnist_batch.errors import PredictionsError
from mnist_batch.evaluation.comparison.comparing import compare_rows
from mnist_batch.evaluation.comparison.predicted_rows import SOURCE_AND_ROW
from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.schema import DIGITS, Classes
from tests.support.class_comparison import predicted_rows
from tests.support.class_predictions import CHARACTERS, GARMENTS


@pytest.mark.parametrize("classes", [GARMENTS, CHARACTERS, Classes(200)])
def test_each_class_is_counted(classes: Classes) -> None:
    """As one would by hand: right before, right now, by the true class."""
    base = predicted_rows(classes, 4000, seed=1, wrong=0.05)
    new = predicted_rows(classes, 4000, seed=2, wrong=0.3)
    found = compare_rows(base, new).comparison
    was, now = base.predictions == base.labels, new.predictions == base.labels
    assert (found.verdict, len(found.per_digit)) == (Verdict.REGRESSED, classes.count)
    for number, scores in enumerate(found.per_digit):
        of_it = base.labels == number
        assert scores.digit == number
        assert scores.newly_wrong == int((of_it & was & ~now).sum())
        assert scores.newly_right == int((of_it & ~was & now).sum())
    true, read, rows = found.newly_confused[0]
    confused = (base.labels == true) & (new.predictions == read) & was
    assert rows == int(confused.sum())


def run_of(classes: Classes, **changes: Any) -> Any:  # noqa: ANN401 - a record
    """Return predictions that say how they were made."""
    return replace(predicted_rows(classes, 100), run={"options": {}}, **changes)


def test_other_classes_are_not_compared() -> None:
    """Neither another number of them, nor others by name."""
    with pytest.raises(PredictionsError, match=r"has 62 classes, .* 4; compare runs of"):
        compare_rows(run_of(GARMENTS), run_of(CHARACTERS))
    others = Classes(4, ("T-shirt/top", "Coat", "Blouse", "Ankle boot"))
    with pytest.raises(PredictionsError, match=r"has a class 'Blouse', and .* has not; compare"):
        compare_rows(run_of(GARMENTS), run_of(others))
    named = Classes(10, (*GARMENTS.names, *"abcdef"))  # type: ignore[misc]
    for pair in ((run_of(DIGITS), run_of(named)), (run_of(named), run_of(DIGITS))):
        with pytest.raises(PredictionsError, match=r"has the digits 0 to 9, .* 'T-shirt/top'"):
            compare_rows(*pair)
    unknown = predicted_rows(DIGITS, 100)  # of no record, as CSV is
    assert compare_rows(unknown, run_of(named)).comparison.classes == named


def test_classes_in_another_order_are_the_same_by_name() -> None:
    """The counts are those of the same predictions with the numbers of the new run."""
    base = run_of(GARMENTS, path=Path("base.parquet"))
    order = [2, 0, 3, 1]  # the class of the base that has each number in the new run
    names = [GARMENTS.name(number) for number in order]
    read = predicted_rows(GARMENTS, 100, wrong=0.4, seed=3)
    table = read.table
    for name in ("label", "prediction"):
        numbers = [order.index(number) for number in table[name].to_pylist()]
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(place), pa.array(numbers, pa.int8()))
    new = replace(read, run={"options": {}}, table=table, classes=Classes(4, tuple(names)))
    expected, found = compare_rows(base, read), compare_rows(base, new)
    assert found.comparison.changed_labels == 0
    assert found.comparison.overall == expected.comparison.overall
    for scores, number in zip(found.comparison.per_digit, order, strict=True):
        same = expected.comparison.per_digit[number]
        assert replace(scores, digit=number) == same
    shown = {row["index"]: row for row in expected.changes.to_pylist()}
    for row in found.changes.to_pylist():
        for name in ("label_name", "base_prediction_name", "new_prediction_name"):
            assert row[name] == shown[row["index"]][name]
    assert found.base_numbers is not None
    assert found.base_numbers.tolist() == [order.index(number) for number in range(4)]


def test_a_file_without_a_record_names_the_classes_of_its_rows() -> None:
    """The others are called by their numbers in it, and it may have fewer."""
    partly = replace(predicted_rows(GARMENTS, 100), classes=Classes(3, ("T-shirt/top", "1", "2")))
    is_first = partly.labels == 0
    keys = {SOURCE_AND_ROW: partly.keys[SOURCE_AND_ROW][is_first]}
    partly = replace(partly, table=partly.table.filter(pa.array(is_first)), keys=keys)
    assert compare_rows(partly, run_of(GARMENTS)).comparison.classes == GARMENTS


def test_names_of_one_run_are_those_of_both() -> None:
    """A CSV file may not know them."""
    found = compare_rows(run_of(Classes(4)), run_of(GARMENTS)).comparison
    assert found.classes == GARMENTS
    assert np.all([scores.newly_wrong == 0 for scores in found.per_digit])
