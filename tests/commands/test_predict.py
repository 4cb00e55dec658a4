"""Whole runs through the library: predict and stream."""

import shutil
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

import mnist_batch
from mnist_batch.errors import LabelError, OutputError
from mnist_batch.inference.workers import Progress
from mnist_batch.synthetic import generator
from tests.support.linear_model import linear_probabilities
from tests.support.report_files import REPORT_FILES, run_of
from tests.support.unprepared import write_other_pictures

pytestmark = pytest.mark.usefixtures("models_read_here")


def test_predict_writes_predictions_and_a_report(
    tmp_path: Path, digits_parquet: Path, model: Path
) -> None:
    """The accuracy in the summary is that of the rows, counted by hand."""
    out = tmp_path / "out.parquet"
    summary = mnist_batch.predict(digits_parquet, out, model=model)
    images, labels = generator.draw_digits(1050)
    correct = (linear_probabilities(images).argmax(axis=1) == labels).sum()
    assert summary.metrics.correct == correct
    assert summary.metrics.accuracy == correct / 1050
    assert len(pq.read_table(out)) == 1050
    assert {path.name for path in (tmp_path / "out.report").iterdir()} == REPORT_FILES
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.parquet", "out.report"]


def test_stream_is_predict_without_the_file(
    tmp_path: Path, digits_parquet: Path, model: Path
) -> None:
    """The same rows in the same order, one batch at a time."""
    out = tmp_path / "out.parquet"
    mnist_batch.predict(digits_parquet, out, model=model, report=False, probabilities=True)
    batches = mnist_batch.stream(digits_parquet, model=model, probabilities=True)
    assert pa.Table.from_batches(batches).equals(pq.read_table(out))


@pytest.mark.parametrize("batch_size", [1, 7, 2048])
def test_the_samples_do_not_depend_on_the_batches(
    tmp_path: Path, digits_parquet: Path, model: Path, batch_size: int
) -> None:
    """The same ten images, drawn by the seed alone."""
    reports = []
    for name, size in (("a", batch_size), ("b", 100)):
        out = tmp_path / f"{name}.parquet"
        mnist_batch.predict(digits_parquet, out, model=model, batch_size=size)
        reports.append((tmp_path / f"{name}.report" / "samples.png").read_bytes())
    assert reports[0] == reports[1]


def test_without_labels_there_is_a_histogram(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """And no accuracy, nor a figure that would need labels."""
    out = tmp_path / "out.parquet"
    summary = mnist_batch.predict(digits_folder, out, model=model, labels="none")
    assert summary.metrics.accuracy is None
    assert {Path(file).name for file in summary.report_files} == {
        "index.html",
        "metrics.json",
        "predictions.png",
        "samples.png",
    }


def test_a_label_that_is_no_digit_leaves_nothing(tmp_path: Path, model: Path) -> None:
    """The row is named, and neither output nor report is begun."""
    path = tmp_path / "digits.parquet"
    pq.write_table(pa.table({"image": [b"", b""], "label": [3, 10]}), path)
    with pytest.raises(LabelError, match=r"digits\.parquet, row 1, column label: label 10"):
        mnist_batch.predict(path, tmp_path / "out.parquet", model=model)
    assert [path.name for path in tmp_path.iterdir()] == ["digits.parquet"]


def test_outputs_that_exist_are_kept(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """The predictions as well as the report, unless overwriting is asked for."""
    out = tmp_path / "out.parquet"
    mnist_batch.predict(digits_folder, out, model=model)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(OutputError, match="overwrite=True"):
        mnist_batch.predict(digits_folder, out, model=model)
    with pytest.raises(OutputError, match="overwrite=True"):
        mnist_batch.predict(digits_folder, tmp_path / "out.csv", model=model)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    mnist_batch.predict(digits_folder, out, model=model, overwrite=True)


def test_an_output_within_the_input_is_refused(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """The next run would read the report's figures as digits."""
    folder = tmp_path / "digits"
    shutil.copytree(digits_folder, folder)
    with pytest.raises(OutputError, match="lies in the INPUT folder"):
        mnist_batch.predict(folder, folder / "out.parquet", model=model)
    with pytest.raises(OutputError, match="lies in the INPUT folder"):
        mnist_batch.predict(folder, tmp_path / "out.parquet", model=model, report=folder / "report")


def test_progress_counts_rows_and_errors(tmp_path: Path, model: Path) -> None:
    """After each batch, up to all rows."""
    path = tmp_path / "digits.parquet"
    pq.write_table(pa.table({"image": [b"no image"] * 5}), path)
    seen: list[Progress] = []
    mnist_batch.predict(
        path,
        tmp_path / "out.parquet",
        model=model,
        batch_size=2,
        report=False,
        progress=seen.append,
    )
    assert [(step.done, step.total, step.errors) for step in seen] == [
        (2, 5, 2),
        (4, 5, 4),
        (5, 5, 5),
    ]


def test_no_rows_are_no_error(tmp_path: Path, model: Path) -> None:
    """An empty Parquet file gives an empty predictions file and a report that says so."""
    path = tmp_path / "none.parquet"
    pq.write_table(pa.table({"image": pa.array([], pa.binary())}), path)
    summary = mnist_batch.predict(path, tmp_path / "out.parquet", model=model)
    assert summary.metrics.rows == 0
    assert len(pq.read_table(tmp_path / "out.parquet")) == 0


def test_images_not_in_mnist_form_are_marked(tmp_path: Path, model: Path) -> None:
    """Brought to it, predicted as what they then are, and said to be so; one shows no digit."""
    images = write_other_pictures(tmp_path / "digits")
    summary = mnist_batch.predict(tmp_path / "digits", tmp_path / "out.parquet", model=model)
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["prepared"].to_pylist() == [False, True, True, True, False]
    assert table["error"].to_pylist() == [None, None, None, None, "no digit found"]
    expected = linear_probabilities(images[:3])
    assert table["prediction"].to_pylist()[:3] == expected.argmax(axis=1).tolist()
    np.testing.assert_allclose(table["confidence"][:3], expected.max(axis=1), atol=1e-5)
    assert "images that were not in MNIST form, brought to it: 3" in summary.notes
    assert summary.metrics.prepared == 3
    assert run_of(tmp_path / "out.parquet")["options"]["prepare"] == "auto"


def test_images_are_only_resized_where_nothing_is_prepared(tmp_path: Path, model: Path) -> None:
    """Those of another size than 28x28 are marked, and said to be resized."""
    write_other_pictures(tmp_path / "digits")
    summary = mnist_batch.predict(
        tmp_path / "digits", tmp_path / "out.parquet", model=model, prepare="never"
    )
    table = pq.read_table(tmp_path / "out.parquet")
    assert table["prepared"].to_pylist() == [False, False, False, True, True]
    assert table["error"].null_count == 5
    expected = []
    for path in sorted((tmp_path / "digits").iterdir()):
        with Image.open(path) as image:
            expected.append(np.asarray(image.resize((28, 28), Image.Resampling.LANCZOS)))
    probabilities = linear_probabilities(np.stack(expected))
    assert table["prediction"].to_pylist() == probabilities.argmax(axis=1).tolist()
    assert "images that were not 28x28, resized: 2" in summary.notes
    assert run_of(tmp_path / "out.parquet")["options"]["prepare"] == "never"


def test_always_prepares_what_is_in_mnist_form_too(tmp_path: Path, model: Path) -> None:
    """Stream and predict take the name of the choice; an unknown one is refused at once."""
    write_other_pictures(tmp_path / "digits")
    table = pa.Table.from_batches(
        mnist_batch.stream(tmp_path / "digits", model=model, prepare="always")
    )
    assert table["prepared"].to_pylist() == [True, True, True, True, False]
    with pytest.raises(ValueError, match="sometimes"):
        mnist_batch.predict(tmp_path, tmp_path / "out.csv", model=model, prepare="sometimes")
    assert not (tmp_path / "out.csv").exists()


def test_a_thousand_images_with_ten_broken_ones(tmp_path: Path, model: Path) -> None:
    """A thousand rows in order; each broken file, in its own way, is a row with its reason."""
    folder = tmp_path / "digits"
    generator.write_folder(folder, 1000)
    good = (folder / "0" / "00000.png").read_bytes()
    jpeg = tmp_path / "x.jpg"
    Image.fromarray(np.arange(784, dtype=np.uint8).reshape(28, 28)).save(jpeg)
    header_of_a_bomb = bytearray(good)
    header_of_a_bomb[16:24] = (50_000).to_bytes(4, "big") * 2
    header_of_a_bomb[29:33] = zlib.crc32(header_of_a_bomb[12:29]).to_bytes(4, "big")
    bad_sum = bytearray(good)
    bad_sum[45] ^= 0xFF
    broken = {
        "1/00001.png": b"",
        "2/00002.png": b"these are words",
        "3/00003.png": good[:60],
        "4/00004.png": bytes(bad_sum),
        "5/00005.png": bytes(header_of_a_bomb),
        "6/00006.png": good[:12],
        "7/00007.png": jpeg.read_bytes()[:200],
        "8/00008.png": None,
        "9/00009.png": b"GIF89a" + bytes(3),
        "0/00010.png": b"\x89PNG\r\n\x1a\n" + bytes(100),
    }
    for name, content in broken.items():
        (folder / name).unlink()
        if content is None:
            (folder / name).symlink_to("gone.png")
        else:
            (folder / name).write_bytes(content)
    summary = mnist_batch.predict(folder, tmp_path / "out.parquet", model=model)
    rows = pq.read_table(tmp_path / "out.parquet").to_pylist()
    assert len(rows) == 1000
    failed = {row["source"]: row["error"] for row in rows if row["prediction"] is None}
    assert failed.keys() == broken.keys()
    assert all(failed.values())
    assert summary.metrics.errors == 10
    assert summary.metrics.scored == 990
    assert failed["1/00001.png"] == "no bytes"
    assert failed["2/00002.png"] == "not an image"
    assert failed["5/00005.png"].startswith("too large: ")
    assert failed["8/00008.png"] == "missing file"


def test_a_run_without_predictions_leaves_no_samples_of_another(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """The picture of an earlier run is not this one's."""
    out = tmp_path / "out.parquet"
    mnist_batch.predict(digits_folder, out, model=model)
    assert (tmp_path / "out.report" / "samples.png").exists()
    pq.write_table(pa.table({"image": [b"no image"]}), tmp_path / "broken.parquet")
    mnist_batch.predict(tmp_path / "broken.parquet", out, model=model, overwrite=True)
    assert not (tmp_path / "out.report" / "samples.png").exists()


def test_advice_that_fails_costs_no_prediction(
    tmp_path: Path, digits_folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Other ways are tried when all is predicted; memory may run out then."""

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("mnist_batch.commands.runs.notes.orientation_note", fail)
    summary = mnist_batch.predict(digits_folder, tmp_path / "out.csv", model=model, report=False)
    assert summary.metrics.rows == 30
    expected = "whether it reads the images better in another way was not found out (MemoryError)"
    assert f"model linear.h5: {expected}" in summary.notes
