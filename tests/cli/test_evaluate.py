"""Tests of `mnist-batch evaluate`."""

import json
from pathlib import Path

from tests.support.command import run
from tests.support.predictions_files import write_predictions


def test_evaluate_prints_what_predict_printed(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """The same table again, but for the speed, which is that of the prediction."""
    out = tmp_path / "out.parquet"
    first = run("predict", digits_folder, "--model", model, "--out", out)
    again = run("evaluate", out, "--images", digits_folder, "--overwrite")
    assert again.returncode == 0
    assert again.stdout == first.stdout.rpartition("speed ")[0]


def test_late_labels_can_miss_a_gate(tmp_path: Path) -> None:
    """Status 4, after the report on them is written; the JSON says which files it is on."""
    for name in "ab":
        write_predictions(tmp_path / f"{name}.csv", [None] * 4, [1, 2, 3, 4])
    (tmp_path / "late.csv").write_text(
        "source,row,label\n" + "".join(f"test.parquet,{row},{row + row // 3}\n" for row in range(4))
    )
    report = tmp_path / "report"
    order = ["evaluate", tmp_path, "--labels", tmp_path / "late.csv", "--report", report]
    done = run(*order, "--min-accuracy", "0.3", "--json")
    assert done.returncode == 4
    assert "accuracy 0.2500 is below --min-accuracy 0.3" in done.stderr
    record = json.loads(done.stdout)
    assert (record["rows"], record["accuracy"]) == (8, 0.25)
    assert record["predictions_file"] == str(tmp_path / "a.csv")
    assert record["further_predictions_files"] == [str(tmp_path / "b.csv")]
    assert (report / "index.html").exists()
    again = run(*order, "--min-accuracy", "0.25", "--overwrite")
    assert again.returncode == 0
    assert f"{tmp_path / 'a.csv'} and 1 more file" in again.stdout


def test_what_cannot_be_evaluated_is_one_line(tmp_path: Path) -> None:
    """It names what to do, and nothing is written."""
    write_predictions(tmp_path / "a.csv", [1], [1], further={"lot": ["x"]})
    for options, text in (
        (["--labels", "none"], "none: No such file or directory; expected a CSV file of labels"),
        (["--slice", "lots"], "no column 'lots' to slice by"),
        ([tmp_path / "a.csv"], "is named twice"),
        ([tmp_path / "no.csv"], "no.csv does not exist"),
    ):
        done = run("evaluate", tmp_path / "a.csv", "--no-report", *options)
        assert done.returncode == 1
        assert text in done.stderr
        assert done.stderr.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.csv"]
