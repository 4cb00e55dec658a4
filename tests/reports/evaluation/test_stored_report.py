"""A report on object storage."""

import os
from pathlib import Path

import pytest

import mnist_batch
from mnist_batch.errors import OutputError
from mnist_batch.reports.evaluation.stored_report import StoredReport
from mnist_batch.reports.report import FILES
from tests.support.s3_server import Bucket


def test_it_has_the_files_of_a_report_on_this_machine(
    tmp_path: Path, digits_folder: Path, model: Path, bucket: Bucket
) -> None:
    """The same names; pictures and tables byte for byte. Nothing is left on this machine."""
    here, there = tmp_path / "here", f"{bucket.url}/a/report"
    out = tmp_path / "out.csv"
    mnist_batch.predict(digits_folder, out, model=model, report=here)
    summary = mnist_batch.predict(digits_folder, out, model=model, report=there, overwrite=True)
    found = bucket.objects()
    assert sorted(found) == sorted(f"a/report/{path.name}" for path in here.iterdir())
    assert sorted(summary.report_files) == [f"{bucket.url}/{key}" for key in found]
    for name in ("samples.png", "confusion_matrix.png", "mistakes.csv", "per_class.csv"):
        assert found[f"a/report/{name}"] == (here / name).read_bytes()


def test_an_earlier_report_is_replaced_on_demand_and_other_objects_stay(
    digits_folder: Path, model: Path, bucket: Bucket
) -> None:
    """No file of the earlier one is left beside the new one."""
    bucket.put("out.report/mine.txt", b"mine")
    bucket.put("out.report/learning_curves.png", b"of another report")
    out = f"{bucket.url}/out.csv"
    with pytest.raises(OutputError, match=r"holds a report already \(learning_curves.png\)"):
        mnist_batch.predict(digits_folder, out, model=model)
    mnist_batch.predict(digits_folder, out, model=model, overwrite=True)
    names = {os.path.basename(key) for key in bucket.objects("out.report/")}  # noqa: PTH119 - keys
    assert names - {*FILES} == {"mine.txt"}
    assert "metrics.json" in names
    assert "learning_curves.png" not in names


def test_a_report_that_cannot_be_uploaded_costs_no_predictions(
    digits_folder: Path, model: Path, bucket: Bucket
) -> None:
    """A note says how to make it."""
    out = f"{bucket.url}/out.csv"
    summary = mnist_batch.predict(digits_folder, out, model=model, report="s3://not-there/report")
    assert [*bucket.objects()] == ["out.csv"]
    assert "metrics.json" in summary.report_missing
    (note,) = (note for note in summary.notes if "the report" in note)
    assert note.startswith("the report s3://not-there/report lacks ")
    assert "no such bucket" in note


def test_a_bucket_alone_is_no_folder(bucket: Bucket) -> None:
    """One line says so."""
    with pytest.raises(OutputError, match="names a bucket, and no folder in it; name one"):
        StoredReport(bucket.url, overwrite=False)
