"""Evaluating predictions files through the library."""

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import InputError, OutputError, PredictionsError
from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.inputs import image_files
from mnist_batch.options import Prepare
from mnist_batch.outputs.parts import parts
from mnist_batch.synthetic import generator
from tests.support.report_files import run_of
from tests.support.unprepared import write_other_pictures


def test_evaluate_makes_the_same_report_again(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """Every file, byte for byte, but for the command, from the predictions and the images."""
    out = tmp_path / "out.parquet"
    mnist_batch.predict(digits_folder, out, model=model, probabilities=True, sample_seed=5)
    again = tmp_path / "again"
    mnist_batch.evaluate(out, report=again, images=digits_folder)
    first, second = (
        {path.name: path.read_bytes() for path in folder.iterdir()}
        for folder in (tmp_path / "out.report", again)
    )
    pages = [_COMMAND.sub(b"", one.pop("index.html")) for one in (first, second)]
    assert second == first
    assert pages[1] == pages[0]


_COMMAND = re.compile(rb".*>To make it again:.*\n|.*<code class=\"command\">.*\n")


def test_evaluate_says_what_it_leaves_out(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """Samples need the images."""
    out = tmp_path / "out.csv"
    mnist_batch.predict(digits_folder, out, model=model, report=False)
    summary = mnist_batch.evaluate(out)
    assert not (tmp_path / "out.report" / "samples.png").exists()
    assert any("--images" in note for note in summary.notes)
    mnist_batch.evaluate(out, images=digits_folder, overwrite=True)
    again = mnist_batch.evaluate(out, overwrite=True)
    assert (tmp_path / "out.report" / "samples.png").exists()  # what was drawn stays
    page = tmp_path / "out.report" / "index.html"
    (note,) = (note for note in again.notes if "--images INPUT" in note)
    assert note.startswith(f"{page} shows no images, samples.png and mistakes.png are of")
    assert "data:image" not in page.read_text()
    assert summary.metrics.rows == 30


def test_evaluate_refuses_other_images(tmp_path: Path, digits_folder: Path, model: Path) -> None:
    """Another number of images, or the same number of others: samples would belong elsewhere."""
    out = tmp_path / "out.parquet"
    mnist_batch.predict(digits_folder, out, model=model, report=False)
    generator.write_folder(tmp_path / "fewer", 20)
    with pytest.raises(InputError, match="differ in rows: 20 and 30"):
        mnist_batch.evaluate(out, images=tmp_path / "fewer")
    shutil.copytree(digits_folder, tmp_path / "renamed")
    for path in sorted((tmp_path / "renamed").rglob("*.png")):
        path.rename(path.with_stem(f"x{path.stem}"))
    with pytest.raises(InputError, match="name what was predicted, in the same order"):
        mnist_batch.evaluate(out, images=tmp_path / "renamed")
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".report"] == []


@pytest.mark.parametrize("prepare", Prepare)
def test_evaluate_draws_what_the_network_saw(tmp_path: Path, model: Path, prepare: Prepare) -> None:
    """Prepared as it was for the predictions: the report of `evaluate` is that of `predict`."""
    write_other_pictures(tmp_path / "digits")
    out = tmp_path / "out.parquet"
    mnist_batch.predict(tmp_path / "digits", out, model=model, prepare=prepare)
    again = tmp_path / "again"
    mnist_batch.evaluate(out, report=again, images=tmp_path / "digits")
    first = (tmp_path / "out.report" / "samples.png").read_bytes()
    assert (again / "samples.png").read_bytes() == first


@pytest.mark.parametrize("prepare", Prepare)
def test_a_csv_file_tells_how_its_images_were_prepared(
    tmp_path: Path, model: Path, prepare: Prepare
) -> None:
    """It holds no options; the column `prepared` tells which images were, and so the way."""
    write_other_pictures(tmp_path / "digits")
    out = tmp_path / "out.csv"
    mnist_batch.predict(tmp_path / "digits", out, model=model, prepare=prepare)
    mnist_batch.evaluate(out, report=tmp_path / "again", images=tmp_path / "digits")
    first = (tmp_path / "out.report" / "samples.png").read_bytes()
    assert (tmp_path / "again" / "samples.png").read_bytes() == first


def test_the_samples_depend_on_how_images_were_prepared(tmp_path: Path, model: Path) -> None:
    """Or the test before this one would find nothing: the three pictures are three."""
    write_other_pictures(tmp_path / "digits")
    (tmp_path / "digits" / "4 blank.png").unlink()
    drawn = set()
    for prepare in Prepare:
        out = tmp_path / f"{prepare}.parquet"
        mnist_batch.predict(tmp_path / "digits", out, model=model, prepare=prepare)
        drawn.add((tmp_path / f"{prepare}.report" / "samples.png").read_bytes())
    assert len(drawn) == 3


def rewrite_options(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    """Change the options that a predictions file says it was made with."""
    run = run_of(path)
    change(run["options"])
    table = pq.read_table(path).replace_schema_metadata({"mnist_batch": json.dumps(run)})
    pq.write_table(table, path)


@pytest.mark.parametrize("name", ["sometimes", "", None, 3, ["auto"]])
def test_an_unknown_way_to_prepare_is_one_clear_error(
    tmp_path: Path, model: Path, name: object
) -> None:
    """Of the predictions file, in one line; the report is not begun."""
    write_other_pictures(tmp_path / "digits")
    out = tmp_path / "out.parquet"
    mnist_batch.predict(tmp_path / "digits", out, model=model, report=False)
    rewrite_options(out, lambda options: options.update(prepare=name))
    with pytest.raises(PredictionsError) as caught:
        mnist_batch.evaluate(out, images=tmp_path / "digits")
    expected = "expected auto, always, never; predict again"
    assert str(caught.value) == f"{out}: its metadata says prepare {name!r}; {expected}"
    assert not (tmp_path / "out.report").exists()


def test_predictions_of_earlier_releases_were_not_prepared(tmp_path: Path, model: Path) -> None:
    """Their files do not say it: their samples are drawn as those of `never`."""
    write_other_pictures(tmp_path / "digits")
    out = tmp_path / "out.parquet"
    mnist_batch.predict(tmp_path / "digits", out, model=model, prepare="never")
    rewrite_options(out, lambda options: options.pop("prepare"))
    mnist_batch.evaluate(out, report=tmp_path / "again", images=tmp_path / "digits")
    first = (tmp_path / "out.report" / "samples.png").read_bytes()
    assert (tmp_path / "again" / "samples.png").read_bytes() == first


def test_samples_of_other_predictions_do_not_stay(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """Beside the numbers of these they would pass for theirs."""
    report = tmp_path / "report"
    for name, labels in (("a.csv", None), ("b.csv", "none")):
        out = tmp_path / name
        mnist_batch.predict(digits_folder, out, model=model, report=False, labels=labels)
    mnist_batch.evaluate(tmp_path / "a.csv", report=report, images=digits_folder)
    mnist_batch.evaluate(tmp_path / "b.csv", report=report, overwrite=True)
    names = {path.name for path in report.iterdir()}
    assert names == {"metrics.json", "index.html", "predictions.png"}


def test_a_report_that_cannot_be_whole_is_not_begun(
    tmp_path: Path, digits_folder: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is all that was asked for; the earlier one stays."""

    def fail(*_: object) -> None:
        raise RuntimeError("no fonts")

    out = tmp_path / "out.parquet"
    mnist_batch.predict(digits_folder, out, model=model)
    before = {path: path.read_bytes() for path in (tmp_path / "out.report").iterdir()}
    monkeypatch.setattr("mnist_batch.reports.report.Drawings.wait", fail)
    for options in ({"overwrite": True}, {"report": tmp_path / "new"}):
        with pytest.raises(OutputError, match=r"\.png could not be made: RuntimeError: no fonts;"):
            mnist_batch.evaluate(out, **options)
    assert {path: path.read_bytes() for path in (tmp_path / "out.report").iterdir()} == before
    assert {path.name for path in tmp_path.iterdir()} == {"out.parquet", "out.report"}


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("out.csv", "out.csv.staging"),
        ("out.csv", "out.csv.staging/report"),
        ("r/per_class.csv", "r"),
        ("out.csv", "in/report"),
    ],
)
def test_a_report_is_not_put_where_it_does_harm(
    tmp_path: Path, model: Path, name: str, report: str
) -> None:
    """In the way of the next run, in the place of the predictions, or among the images."""
    (tmp_path / "r").mkdir()
    generator.write_folder(tmp_path / "in", 3)
    mnist_batch.predict(tmp_path / "in", tmp_path / name, model=model, report=False)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()}
    with pytest.raises(OutputError, match=r"name another place|name a place outside"):
        mnist_batch.evaluate(
            tmp_path / name, report=tmp_path / report, images=tmp_path / "in", overwrite=True
        )
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.*") if path.is_file()} == before


def test_a_folder_of_predictions_is_evaluated_as_the_file(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its report has the same files and goes beside it, whatever dots its name has."""
    monkeypatch.setattr(image_files, "SHARD_ROWS", 8)
    monkeypatch.setattr(image_files, "PART_SHARDS", 1)
    monkeypatch.setattr(parts, "BLOCKS", 0)
    mnist_batch.predict(digits_folder, tmp_path / "one.parquet", report=False)
    mnist_batch.predict(digits_folder, f"{tmp_path}/all.5/")
    one = mnist_batch.evaluate(tmp_path / "one.parquet", images=digits_folder)
    made = tmp_path / "all.5.report"
    before = {path.name: path.read_bytes() for path in made.iterdir()}
    several = mnist_batch.evaluate(f"{tmp_path}/all.5/", images=digits_folder, overwrite=True)
    assert [Path(file).parent for file in several.report_files] == [made] * len(one.report_files)
    assert several.profile.predictions == one.profile.predictions
    for name in ("samples.png", "confusion_matrix.csv", "per_class.csv", "slices.csv"):
        content = (made / name).read_bytes()
        assert content == before[name] == (tmp_path / "one.report" / name).read_bytes()
    compared = mnist_batch.compare(tmp_path / "one.parquet", tmp_path / "all.5")
    assert (compared.new, compared.comparison.verdict) == (tmp_path / "all.5", Verdict.TOO_FEW)
