"""Rows that changed are told with the names of their classes."""

from mnist_batch.evaluation.comparison.changes import Change, changes_schema
from mnist_batch.schema import Classes
from tests.support.class_comparison import class_comparison
from tests.support.class_predictions import GARMENTS


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
