"""Evaluating predictions with labels that come later, and several files as one."""

import re
from pathlib import Path

import pytest
from sklearn.metrics import accuracy_score, confusion_matrix

import mnist_batch
from mnist_batch.errors import LabelError, OutputError, PredictionsError
from tests.support.predictions_files import write_predictions
from tests.support.s3_server import Bucket


def _labels(path: Path, rows: list[tuple[str, int, int]]) -> Path:
    lines = [f"{source},{row},{label}" for source, row, label in rows]
    path.write_text("\n".join(["source,row,label", *lines]) + "\n")
    return path


def _page(report: Path) -> str:
    return (report / "index.html").read_text(encoding="utf-8")


def test_late_labels_score_as_labels_known_before(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """The metrics are those of a run that had the labels, whichever format the predictions have."""
    known = mnist_batch.predict(digits_folder, tmp_path / "known.csv", model=model, report=False)
    for suffix in (".parquet", ".csv"):
        out = tmp_path / f"out{suffix}"
        mnist_batch.predict(digits_folder, out, model=model, labels="none", report=False)
        assert mnist_batch.evaluate(out, report=False).metrics.labelled == 0
        summary = mnist_batch.evaluate(out, labels=tmp_path / "known.csv", report=False)
        assert summary.metrics.accuracy == known.metrics.accuracy
        counts = summary.metrics.confusion_matrix, known.metrics.confusion_matrix
        assert counts[0].tolist() == counts[1].tolist()
        assert not any("labels" in note for note in summary.notes)


def test_late_labels_lie_in_object_storage_too(tmp_path: Path, bucket: Bucket) -> None:
    """They are named by their address."""
    out = write_predictions(tmp_path / "out.parquet", [1, 2], [1, 2])
    late = bucket.put("late.csv", b"source,row,label\ntest.parquet,1,9\n")
    summary = mnist_batch.evaluate(out, labels=late, report=False)
    assert (summary.metrics.labelled, summary.metrics.correct) == (1, 0)
    assert f"{late} labels 1 of 2 images" in summary.notes[0]


def test_labels_of_some_rows_leave_the_others_unlabelled(tmp_path: Path) -> None:
    """Also those that had a label, and a note counts them."""
    out = write_predictions(tmp_path / "out.parquet", [1, 2, 3, 4], [1, 2, 3, 0])
    late = _labels(tmp_path / "late.csv", [("test.parquet", 0, 1), ("test.parquet", 3, 9)])
    summary = mnist_batch.evaluate(out, labels=late)
    assert (summary.metrics.labelled, summary.metrics.correct) == (2, 1)
    assert f"{late} labels 2 of 4 images" in summary.notes[0]
    assert "--labels" in _page(tmp_path / "out.report")


def test_labels_of_nothing_leave_the_report_as_it_was(tmp_path: Path) -> None:
    """An error, not a report without a score."""
    out = write_predictions(tmp_path / "out.parquet", [1], [1])
    mnist_batch.evaluate(out)
    before = _page(tmp_path / "out.report")
    late = _labels(tmp_path / "late.csv", [("other.parquet", 0, 1)])
    with pytest.raises(LabelError, match=re.escape("'other.parquet', they as 'test.parquet'")):
        mnist_batch.evaluate(out, labels=late, overwrite=True)
    assert _page(tmp_path / "out.report") == before


@pytest.mark.parametrize("suffix", [".parquet", ".csv"])
def test_several_files_are_one_evaluation(tmp_path: Path, suffix: str) -> None:
    """Scored as scikit-learn scores all their rows together; a folder or a glob names them too."""
    nights = [([1, 2, 3], [1, 2, 5]), ([7, 7], [7, 1]), ([0], [0])]
    for number, (labels, predictions) in enumerate(nights):
        write_predictions(
            tmp_path / f"{number}{suffix}", labels, predictions, sources=[f"{number}"] * len(labels)
        )
    true = [label for labels, _ in nights for label in labels]
    predicted = [digit for _, predictions in nights for digit in predictions]
    files = [tmp_path / f"{number}{suffix}" for number in range(3)]
    for named in (files, tmp_path, f"{tmp_path}/*{suffix}"):
        summary = mnist_batch.evaluate(named, report=False)
        assert summary.metrics.accuracy == accuracy_score(true, predicted)
        expected = confusion_matrix(true, predicted, labels=range(10)).tolist()
        assert summary.metrics.confusion_matrix.tolist() == expected
        assert [summary.predictions, *summary.further_predictions] == files
        assert summary.run is None


def test_the_report_of_several_files_needs_a_name(tmp_path: Path) -> None:
    """There is no file that it would stand beside."""
    files = [write_predictions(tmp_path / f"{name}.csv", [1], [1]) for name in "ab"]
    with pytest.raises(OutputError, match="2 predictions files: no place for their report"):
        mnist_batch.evaluate(files)
    report = tmp_path / "both.report"
    summary = mnist_batch.evaluate(files, report=report)
    assert summary.metrics.rows == 2
    assert f"{tmp_path / 'a.csv'} {tmp_path / 'b.csv'}" in _page(report)


def test_no_report_replaces_what_is_read(tmp_path: Path) -> None:
    """The file of labels may have the name of a file of the report."""
    report = tmp_path / "out.report"
    report.mkdir()
    out = write_predictions(tmp_path / "out.parquet", [1], [1])
    late = _labels(report / "per_class.csv", [("test.parquet", 0, 1)])
    before = late.read_bytes()
    with pytest.raises(OutputError, match=r"per_class\.csv"):
        mnist_batch.evaluate(out, labels=late, overwrite=True)
    assert late.read_bytes() == before


def test_slices_may_lack_in_some_files_but_not_in_all(tmp_path: Path) -> None:
    """Null where a file has none."""
    first = write_predictions(tmp_path / "a.parquet", [1], [1], further={"lot": ["<b>x</b>"]})
    second = write_predictions(tmp_path / "b.csv", [1], [1], sources=["b"])
    report = tmp_path / "both.report"
    mnist_batch.evaluate([first, second], slices=["lot"], report=report)
    assert "&lt;b&gt;x&lt;/b&gt;" in _page(report)
    with pytest.raises(PredictionsError, match=r"a\.parquet: no column 'lots' to slice by"):
        mnist_batch.evaluate([first, second], slices=["lots"], report=False)


def test_several_runs_are_told_by_what_is_alike_in_them(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """The model, so that the page can name it, and no count or speed of one of them."""
    files = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    for path, inputs in zip(files, (digits_folder, digits_folder / "3"), strict=True):
        mnist_batch.predict(inputs, path, model=model, report=False, batch_size=len(str(inputs)))
    run = mnist_batch.evaluate(files, report=tmp_path / "report").run
    assert run is not None
    assert run["model"]["name"] == model.name
    assert run["options"]["prepare"] == "auto"
    assert not {"inputs", "batch_size"} & {*run["options"]}
    assert not {"counts", "elapsed_s", "images_per_s", "created_utc"} & {*run}
    assert model.name in _page(tmp_path / "report")
    write_predictions(tmp_path / "c.csv", [1], [1])
    assert mnist_batch.evaluate([*files, tmp_path / "c.csv"], report=False).run is None
