"""Where reports lie."""

from pathlib import Path

from mnist_batch.reports.evaluation.places import report_place


def test_a_report_lies_beside_its_predictions_unless_it_is_named() -> None:
    """Wherever these are, and wherever it is named."""
    for out in ("s3://digits/out.csv", Path("out.csv")):
        assert report_place(out, "s3://digits/r") == "s3://digits/r"
        assert report_place(out, "r") == Path("r")
        assert report_place(out, report=False) is None
    assert report_place("s3://digits/out.csv", report=True) == "s3://digits/out.report"
    assert report_place(Path("out.csv"), report=True) == Path("out.report")
