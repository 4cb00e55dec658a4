"""What is known of a run once its shards are joined: classes, and how it predicted."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import mnist_batch
from mnist_batch.errors import MachineError, OutputError, OutputInUseError
from mnist_batch.outputs.output_lock import OutputLock
from mnist_batch.schema import Classes
from tests.support.parquet_files import encoded
from tests.support.spotted import spotted_images, write_spotted_model


@pytest.mark.parametrize("end", [".parquet", "/", ".csv"])
@pytest.mark.parametrize("names", [None, tuple("abcdefghijklmnopqrstuvwxyz")])
def test_shards_of_other_classes_are_evaluated(
    tmp_path: Path, end: str, names: tuple[str, ...] | None
) -> None:
    """Right after they are joined and later, as the predictions of one machine are."""
    labels = list(range(26))
    images = [{"bytes": encoded(image), "path": None} for image in spotted_images(labels)]
    file = tmp_path / "letters.parquet"
    pq.write_table(pa.table({"image": images, "label": labels}), file)
    model = write_spotted_model(tmp_path / "model.h5", 26, names)
    folders = [tmp_path / f"shard-{number}" for number in (1, 2)]
    for number, folder in enumerate(folders, 1):
        mnist_batch.predict(
            file, f"{folder}/", model=model, prepare="never", shard=f"{number}/2", report=False
        )
    out = f"{tmp_path}/all{end}"
    merged = mnist_batch.merge(folders, out)
    again = mnist_batch.evaluate(out, report=False)
    for summary in (merged, again):
        assert summary.metrics.accuracy == 1.0
        assert summary.metrics.confusion_matrix.shape == (26, 26)
        assert np.trace(summary.metrics.confusion_matrix) == 26
        if names:
            assert summary.metrics.classes == Classes(26, names)


def test_shards_of_several_seeds_keep_the_record_of_their_run(
    tmp_path: Path, digits_folder: Path
) -> None:
    """No prediction depends on the seed; that of the first shard chooses the samples."""
    folders = [tmp_path / f"shard-{number}" for number in (1, 2)]
    for number, folder in enumerate(folders, 1):
        shard = f"{number}/2"
        mnist_batch.predict(
            digits_folder, f"{folder}/", shard=shard, sample_seed=number + 4, report=False
        )
    mnist_batch.merge(folders, tmp_path / "all.parquet", report=False)
    run = mnist_batch.evaluate(tmp_path / "all.parquet", report=False).run
    assert run is not None
    assert run["options"]["sample_seed"] == 5


def _shards(source: Path, folder: Path) -> list[Path]:
    """Predict both shards of a run, and return their folders."""
    folders = [folder / f"shard-{number}" for number in (1, 2)]
    for number, one in enumerate(folders, 1):
        mnist_batch.predict(source, f"{one}/", shard=f"{number}/2", report=False)
    return folders


def test_the_report_of_a_csv_file_knows_the_run(tmp_path: Path, digits_folder: Path) -> None:
    """Though the file does not say how it was made: `compare` reads it there."""
    mnist_batch.merge(_shards(digits_folder, tmp_path), tmp_path / "all.csv")
    metrics = json.loads((tmp_path / "all.report" / "metrics.json").read_text())
    assert metrics["run"]["shards"] == 2
    assert metrics["run"]["options"]["prepare"] == "auto"


def test_an_earlier_report_is_none_of_new_predictions(tmp_path: Path, digits_folder: Path) -> None:
    """Where theirs cannot be made, that of the earlier ones does not pass for it."""
    folders = _shards(digits_folder, tmp_path)
    mnist_batch.merge(folders, tmp_path / "all.parquet")
    (tmp_path / "other").mkdir()
    for number, image in enumerate(digits_folder.rglob("*.png")):  # as many, but others
        shutil.copy2(image, tmp_path / "other" / f"x{number}.png")
    summary = mnist_batch.merge(
        folders, tmp_path / "all.parquet", images=tmp_path / "other", overwrite=True
    )
    assert any("no report was made" in note for note in summary.notes)
    assert not (tmp_path / "all.report" / "metrics.json").exists()


def test_the_report_is_locked_while_shards_are_joined(tmp_path: Path, digits_folder: Path) -> None:
    """Another run that writes it is refused before, not after, the predictions are replaced."""
    folders = _shards(digits_folder, tmp_path)
    (tmp_path / "all.report").mkdir()
    with (
        OutputLock(tmp_path / "all.report", inside=True),
        pytest.raises(OutputInUseError, match=r"all\.report: another run is writing it"),
    ):
        mnist_batch.merge(folders, tmp_path / "all.parquet")
    assert not (tmp_path / "all.parquet").exists()


@pytest.mark.parametrize("report", [True, False])
def test_nothing_that_fails_after_the_join_is_an_error(
    tmp_path: Path, digits_folder: Path, monkeypatch: pytest.MonkeyPatch, report: bool
) -> None:
    """The predictions are in place; a note says what was not made."""

    def fail(*_: object, **__: object) -> None:
        raise MachineError("no memory")

    monkeypatch.setattr("mnist_batch.commands.merge.evaluate_joined", fail)
    folders = _shards(digits_folder, tmp_path)
    summary = mnist_batch.merge(folders, tmp_path / "all.parquet", report=report)
    assert pq.read_metadata(tmp_path / "all.parquet").num_rows == 30
    what = "no report was made" if report else "nothing was evaluated"
    assert [note for note in summary.notes if f"{what} (no memory)" in note]


def test_a_folder_is_not_written_into_the_input(tmp_path: Path, digits_parquet: Path) -> None:
    """The next run would read its parts as digits; `predict` refuses it too."""
    (tmp_path / "in").mkdir()
    source = Path(shutil.copy2(digits_parquet, tmp_path / "in" / "digits.parquet"))
    folders = _shards(source, tmp_path)
    with pytest.raises(OutputError, match="lies in the INPUT folder"):
        mnist_batch.merge(
            folders, f"{tmp_path}/in/all/", images=tmp_path / "in", report=tmp_path / "report"
        )
    assert not (tmp_path / "in" / "all").exists()
