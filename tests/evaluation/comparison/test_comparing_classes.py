"""Runs of any number of classes are compared, and named in what changed."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from mnist_batch.errors import PredictionsError
from mnist_batch.evaluation.comparison.comparing import Change, changes_schema, compare_rows
from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.schema import Classes
from tests.support.class_comparison import class_comparison, predicted_rows
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


def test_rows_that_changed_have_names() -> None:
    """Beside the numbers, which are wide enough for 200 classes."""
    compared = class_comparison(GARMENTS, 500)
    assert compared.changes.schema == changes_schema(GARMENTS)
    for row in compared.changes.to_pylist():
        for name in ("label", "base_prediction", "new_prediction"):
            assert row[f"{name}_name"] == GARMENTS.name(row[name])
    numbered = class_comparison(Classes(200), 3000).changes
    newly_wrong = [row for row in numbered.to_pylist() if row["change"] == Change.NEWLY_WRONG]
    assert max(row["label"] for row in newly_wrong) > 127
    assert "label_name" not in numbered.column_names


def run_of(classes: Classes, **changes: Any) -> Any:  # noqa: ANN401 - a record
    """Return predictions that say how they were made."""
    return replace(predicted_rows(classes, 100), run={"options": {}}, **changes)


def test_other_classes_are_not_compared() -> None:
    """Neither another number of them, nor others by name."""
    with pytest.raises(PredictionsError, match=r"has 62 classes, .* 4; compare runs of"):
        compare_rows(run_of(GARMENTS), run_of(CHARACTERS))
    others = Classes(4, ("T-shirt/top", "Coat", "Blouse", "Ankle boot"))
    with pytest.raises(PredictionsError, match=r"calls class 2 'Blouse', .* 'Shirt'; compare runs"):
        compare_rows(run_of(GARMENTS), run_of(others))


def test_names_of_one_run_are_those_of_both() -> None:
    """A CSV file may not know them."""
    found = compare_rows(run_of(Classes(4)), run_of(GARMENTS)).comparison
    assert found.classes == GARMENTS
    assert np.all([scores.newly_wrong == 0 for scores in found.per_digit])
