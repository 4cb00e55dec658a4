"""Two runs compared by the library: what it returns, and the folder that it writes."""

import json
import shutil
from pathlib import Path

import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import InputError, OutputError, OutputInUseError, PredictionsError
from mnist_batch.evaluation.comparison.result import Verdict
from mnist_batch.outputs.output_lock import OutputLock
from mnist_batch.schema import METADATA_KEY
from tests.support.predictions_files import write_predictions

FILES = ["changes.csv", "comparison.json", "index.html"]


@pytest.fixture(scope="module")
def runs(
    digits_folder: Path, model: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    """The same thirty digits, read by a model of one layer and by that in the package."""
    folder = tmp_path_factory.mktemp("runs")
    base, new = folder / "base.parquet", folder / "new.parquet"
    mnist_batch.predict(digits_folder, base, model=model)
    mnist_batch.predict(digits_folder, new, report=False)
    return base, new


def test_two_runs_are_compared(runs: tuple[Path, Path]) -> None:
    """The better model is found, and what is not as in the base is said."""
    result = mnist_batch.compare(*runs)
    assert result.comparison.verdict is Verdict.IMPROVED
    assert result.comparison.pairs == 30
    assert (result.base, result.new, result.files) == (*runs, ())
    (changed,) = result.changed
    assert changed.startswith("the model is MNIST.h5 (")
    assert "in the base it was linear.h5 (" in changed


def test_a_csv_file_says_by_its_report_how_it_was_made(
    runs: tuple[Path, Path], digits_folder: Path, model: Path, tmp_path: Path
) -> None:
    """Where that is of the same predictions; else it is said that nobody knows."""
    base, new = runs[0], tmp_path / "new.csv"
    mnist_batch.predict(digits_folder, new)
    result = mnist_batch.compare(base, new)
    assert result.changed[0].startswith("the model is MNIST.h5 (")
    assert not any("which model" in note for note in result.notes)
    # The file is replaced, and the report of the earlier one stays.
    new.unlink()
    mnist_batch.predict(digits_folder, new, model=model, report=False)
    result = mnist_batch.compare(base, new)
    assert (result.new_run, result.changed) == (None, [])
    assert result.notes[-1].startswith(f"{new}: a CSV file does not say which model made it")


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"run": null}', '{"run": {"options": 1}}'])
def test_a_report_that_is_none_says_nothing(tmp_path: Path, text: str) -> None:
    """Whatever is there in its place."""
    path = write_predictions(tmp_path / "p.csv", [1, 2], [1, 2])
    path.with_suffix(".report").mkdir()
    (path.with_suffix(".report") / "metrics.json").write_text(text)
    assert mnist_batch.compare(path, path).new_run is None


def test_a_report_stands_for_its_predictions(runs: tuple[Path, Path]) -> None:
    """The folder beside the file."""
    base, new = runs
    assert mnist_batch.compare(base.with_suffix(".report"), new).base == base


def test_the_folder_is_written(
    runs: tuple[Path, Path], digits_folder: Path, tmp_path: Path
) -> None:
    """With the images that changed, and the record that is returned."""
    out = tmp_path / "comparison"
    result = mnist_batch.compare(*runs, out=out, images=digits_folder)
    assert sorted(path.name for path in out.iterdir()) == FILES
    assert sorted(result.files) == sorted(out.iterdir())
    shown = (out / "index.html").read_text().count("<img")
    found = result.comparison
    assert shown == found.newly_wrong + found.newly_right + found.otherwise_wrong > 0
    record = result.record()
    assert record.pop("files") == [str(path) for path in result.files]
    assert json.loads((out / "comparison.json").read_text()) == json.loads(json.dumps(record))


def test_the_command_on_the_page_makes_it_again(runs: tuple[Path, Path], tmp_path: Path) -> None:
    """With every option that was given."""
    mnist_batch.compare(*runs, out=tmp_path / "out", on="source", max_drop=0.25)
    base, new = runs
    command = (
        f"mnist-batch compare {base} {new} --out {tmp_path}/out --overwrite --on source "
        "--max-drop 0.25"
    )
    assert command in (tmp_path / "out" / "index.html").read_text()


def test_a_comparison_is_replaced_only_where_that_is_asked_for(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    """And a folder with other files never."""
    out = tmp_path / "comparison"
    mnist_batch.compare(*runs, out=out)
    with pytest.raises(OutputError, match="overwrite=True"):
        mnist_batch.compare(*runs, out=out)
    mnist_batch.compare(*runs, out=out, overwrite=True)
    (out / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match=r"mine\.txt, which no earlier run wrote"):
        mnist_batch.compare(*runs, out=out, overwrite=True)


def test_a_failure_leaves_the_earlier_folder(
    runs: tuple[Path, Path], tmp_path: Path, digits_folder: Path
) -> None:
    """Whole, and nothing beside it: these images are not those that were predicted."""
    out = tmp_path / "comparison"
    mnist_batch.compare(*runs, out=out)
    before = {path.name: path.read_bytes() for path in out.iterdir()}
    other = tmp_path / "other"
    shutil.copytree(digits_folder, other)
    next(other.rglob("*.png")).unlink()
    with pytest.raises(InputError, match="images and the predictions differ in rows: 29 and 30;"):
        mnist_batch.compare(*runs, out=out, images=other, overwrite=True)
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["comparison", "other"]


def test_images_that_were_replaced_are_not_shown_as_those_predicted(
    tmp_path: Path, digits_folder: Path, model: Path
) -> None:
    """Their names are as they were, and the content that the predictions have is not theirs."""
    images = Path(shutil.copytree(digits_folder, tmp_path / "images"))
    base, new = tmp_path / "base.parquet", tmp_path / "new.parquet"
    mnist_batch.predict(images, base, model=model, content_hash=True)
    mnist_batch.predict(images, new, content_hash=True)
    shown = mnist_batch.compare(base, new, out=tmp_path / "shown", images=images)
    assert shown.comparison.newly_right
    files = sorted(images.rglob("*.png"))
    contents = [file.read_bytes() for file in files]
    for file, content in zip(files, [*contents[1:], contents[0]], strict=True):
        file.write_bytes(content)
    with pytest.raises(InputError, match=r"images has another image as .*\.png \(row 0\) than"):
        mnist_batch.compare(base, new, out=tmp_path / "out", images=images)
    assert not (tmp_path / "out").exists()


def test_one_run_writes_a_folder_at_a_time(runs: tuple[Path, Path], tmp_path: Path) -> None:
    """A second one is refused."""
    out = tmp_path / "comparison"
    with OutputLock(out), pytest.raises(OutputInUseError, match="another run is writing it"):
        mnist_batch.compare(*runs, out=out)
    assert not out.exists()


def test_a_folder_that_holds_the_predictions_is_refused(
    runs: tuple[Path, Path], tmp_path: Path
) -> None:
    """It is replaced as a whole."""
    base = tmp_path / "runs" / "base.parquet"
    base.parent.mkdir()
    shutil.copy(runs[0], base)
    with pytest.raises(OutputError):
        mnist_batch.compare(base, runs[1], out=base.parent, overwrite=True)
    with pytest.raises(OutputError):
        mnist_batch.compare(base, runs[1], out=base / "comparison")
    assert base.exists()


def test_images_without_a_page_are_refused(runs: tuple[Path, Path], digits_folder: Path) -> None:
    """There is nowhere to show them; and points are not a share of more than all."""
    with pytest.raises(ValueError, match="name a folder"):
        mnist_batch.compare(*runs, images=digits_folder)
    with pytest.raises(ValueError, match="max_drop is 101"):
        mnist_batch.compare(*runs, max_drop=101)


def test_csv_files_are_compared_without_a_record(tmp_path: Path) -> None:
    """They do not say how they were made."""
    base = write_predictions(tmp_path / "base.csv", [1, 2], [1, 2])
    result = mnist_batch.compare(base, base)
    assert (result.base_run, result.changed) == (None, [])


def _with_record(path: Path, out: Path, **changes: object) -> Path:
    """Write predictions again with another record, and return where."""
    run = {**json.loads(pq.read_metadata(path).metadata[METADATA_KEY]), **changes}
    table = pq.read_table(path).replace_schema_metadata({METADATA_KEY: json.dumps(run)})
    pq.write_table(table, out)
    return out


def test_a_record_that_says_nonsense_is_refused(
    runs: tuple[Path, Path], digits_folder: Path, tmp_path: Path
) -> None:
    """Where it is needed, to read the images as they were read."""
    options = {"sample_seed": 0, "prepare": "upside down", "image_column": 7}
    path = _with_record(runs[1], tmp_path / "new.parquet", options=options)
    with pytest.raises(PredictionsError, match="prepare 'upside down'"):
        mnist_batch.compare(runs[0], path, out=tmp_path / "out", images=digits_folder)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("value", [None, 7, "x", ["a"], {"name": 1, "sha256": 2}])
def test_a_record_may_say_anything_else(
    runs: tuple[Path, Path], tmp_path: Path, value: object
) -> None:
    """It is shown as it is, where it can be."""
    path = _with_record(
        runs[1], tmp_path / "new.parquet", model=value, version=value, created_utc=value
    )
    assert mnist_batch.compare(runs[0], path, out=tmp_path / "out").changed


def test_an_address_is_refused_as_it_was_named() -> None:
    """Not as a file whose name lacks a slash."""
    with pytest.raises(PredictionsError, match=r"^s3://bucket/a\.parquet: compare reads files of"):
        mnist_batch.compare("s3://bucket/a.parquet", "new.parquet")
