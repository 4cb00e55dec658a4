"""What is known of a CSV file of predictions before its rows are read."""

from pathlib import Path

from mnist_batch.outputs.formats.csv_predictions import CsvPredictions


def test_names_are_those_before_they_were_guarded(tmp_path: Path) -> None:
    """A spreadsheet puts a byte order mark first."""
    path = tmp_path / "a.csv"
    path.write_text("\ufeffsource,row,'=cmd(),''-x\na.png,0,1,2\n", encoding="utf-8")
    opened = CsvPredictions(path)
    assert opened.columns == ["source", "row", "=cmd()", "'-x"]
    assert (opened.probabilities, opened.run) == (0, None)
    opened.close()


def test_probabilities_are_one_column(tmp_path: Path) -> None:
    """As in Parquet; the digits have ten though some are missing."""
    path = tmp_path / "a.csv"
    path.write_text("source,p0,p1,p2\na.png,0.5,0.25,0.25\nb.png,,,\n", encoding="utf-8")
    opened = CsvPredictions(path)
    assert (opened.probabilities, list(opened.stored)) == (3, ["p0", "p1", "p2"])
    (batch,) = opened.batches(["source", *opened.stored])
    assert batch.column("probabilities").to_pylist() == [[0.5, 0.25, 0.25], None]
    opened.close()
    path.write_text("p0\n0.5\n", encoding="utf-8")
    opened = CsvPredictions(path)
    assert opened.probabilities == 10
    opened.close()
