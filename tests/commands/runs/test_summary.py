"""The result of a run says in one line what it is, and as JSON all that a program asks for."""

import json
from pathlib import Path

import mnist_batch


def test_a_summary_is_one_line_and_a_record(tmp_path: Path, digits_folder: Path) -> None:
    """The record goes through JSON, and names the files as they are called."""
    out = tmp_path / "out.parquet"
    summary = mnist_batch.predict(digits_folder, out)
    assert repr(summary).startswith(f"<Summary of {out}: 30 rows, accuracy ")
    assert "\n" not in repr(summary)
    record = json.loads(json.dumps(summary.record()))
    assert (record["rows"], record["labelled"]) == (30, 30)
    assert record["predictions_file"] == str(out)
    assert record["notes"] == [*summary.notes]
    assert {Path(name).name for name in record["report_files"]} == {
        path.name for path in (tmp_path / "out.report").iterdir()
    }
    assert record["prepared_folder"] is None
