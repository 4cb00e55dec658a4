"""Training is the original's, repeatable, and tests the very file it leaves.

The digits are generated, and few: what is learned from them is no measure of the network. The last
test trains on MNIST itself, where MNIST_DATA names its folder.
"""

import csv
import hashlib
import json
import shlex
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mnist_batch.commands.train import train
from mnist_batch.errors import InputError, LabelError, OutputError, OutputInUseError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.predictors import load_model
from mnist_batch.synthetic.generator import draw_digits, write_folder, write_parquet
from mnist_batch.training.data import read_images
from mnist_batch.training.fitting import TrainingProgress
from mnist_batch.training.result import TrainingResult
from tests.support.command import run

TRAIN_ROWS, TEST_ROWS = 1000, 200


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a training and a test split of generated digits."""
    folder = tmp_path_factory.mktemp("digits")
    write_parquet(folder / "train.parquet", TRAIN_ROWS, seed=1)
    write_parquet(folder / "test.parquet", TEST_ROWS, seed=2)
    return folder


@pytest.fixture(scope="module")
def result(data: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """Return what training with a report gives; most tests look at this one run."""
    out = tmp_path_factory.mktemp("trained") / "digits.h5"
    return train(data, out, epochs=8, batch_size=50, seed=7)


@pytest.fixture(scope="module")
def told() -> list[TrainingProgress]:
    """Return what the training `again` was told of its progress."""
    return []


@pytest.fixture(scope="module")
def again(
    data: Path, tmp_path_factory: pytest.TempPathFactory, told: list[TrainingProgress]
) -> TrainingResult:
    """Return the same training once more, without a report, in the other format."""
    out = tmp_path_factory.mktemp("again") / "digits.keras"
    return train(data, out, epochs=8, batch_size=50, seed=7, report=False, progress=told.append)


def quick(data: Path, out: Path, **options: Any) -> TrainingResult:  # noqa: ANN401 - any of train's
    """Train for two epochs, without a report unless told otherwise."""
    return train(data, out, **{"epochs": 2, "batch_size": 50, "report": False, **options})


def weights_of(path: Path) -> list[np.ndarray]:
    """Return a model file's arrays as Keras reads them."""
    weights: list[np.ndarray] = import_keras().models.load_model(path).get_weights()
    return weights


def record_of(path: Path) -> dict[str, Any]:
    """Return what an HDF5 model file says of itself."""
    with h5py.File(path) as file:
        record: dict[str, Any] = json.loads(file.attrs["mnist_batch"])
    return record


def test_training_is_what_a_plain_keras_script_does(data: Path, tmp_path: Path) -> None:
    """Same seed, the original's calls: the same weights, but for how pixels are rounded."""
    quick(data, tmp_path / "ours.h5", seed=5)
    keras = import_keras()
    images, labels = draw_digits(TRAIN_ROWS, seed=1)
    keras.utils.set_random_seed(5)
    network = keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(128, activation="relu"),
            keras.layers.Dense(64, activation="relu"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )
    network.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
    pixels = images.reshape(-1, 784) / 255.0
    network.fit(pixels, labels, epochs=2, batch_size=50, validation_split=0.2, verbose=0)
    for ours, theirs in zip(weights_of(tmp_path / "ours.h5"), network.get_weights(), strict=True):
        np.testing.assert_allclose(ours, theirs, atol=1e-4)


def test_the_same_seed_gives_the_same_weights(
    data: Path, tmp_path: Path, result: TrainingResult, again: TrainingResult
) -> None:
    """To the last bit, whatever the format; another seed differs from the first epoch on."""
    first, second = weights_of(result.out), weights_of(again.out)
    assert all(np.array_equal(one, other) for one, other in zip(first, second, strict=True))
    assert again.history == result.history
    other = quick(data, tmp_path / "other.h5", epochs=1, seed=8)
    assert other.history["loss"] != result.history["loss"][:1]


def test_a_plain_load_model_predicts_the_same(
    result: TrainingResult, again: TrainingResult
) -> None:
    """On the file as it is, pixels divided by 255; and it can be evaluated at once."""
    images, labels = draw_digits(TEST_ROWS, seed=2)
    pixels = (images.reshape(-1, 784) / 255).astype(np.float32)
    for trained in (result, again):
        network = import_keras().models.load_model(trained.out)
        ours = load_model(trained.out).probabilities(images)
        np.testing.assert_allclose(ours, network.predict(pixels, verbose=0), atol=1e-5)
        _, accuracy = network.evaluate(pixels, labels, verbose=0)
        assert trained.accuracy == pytest.approx(accuracy, abs=1e-6)


def test_loading_a_trained_model_needs_no_warning(
    result: TrainingResult, again: TrainingResult, recwarn: pytest.WarningsRecorder
) -> None:
    """Keras warns where a file holds a part of the optimizer's arrays."""
    for trained in (result, again):
        import_keras().models.load_model(trained.out)
    assert not [warning for warning in recwarn if "optimizer" in str(warning.message)]


def test_what_the_optimizer_gathered_is_not_in_the_file(result: TrainingResult) -> None:
    """It would triple the size and serves nobody who predicts."""
    with h5py.File(result.out) as file:
        assert set(file) == {"model_weights"}
    assert result.out.stat().st_size < 500_000


def test_the_model_file_says_how_it_was_made(data: Path, result: TrainingResult) -> None:
    """Scale, classes, settings, data and accuracy, as JSON in an attribute."""
    keras = import_keras()
    record = record_of(result.out)
    assert record.pop("version")
    assert record == {
        "scale": "0-1",
        "class_names": ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
        "training": {
            "epochs": 8,
            "batch_size": 50,
            "validation_split": 0.2,
            "seed": 7,
            "optimizer": "adam",
            "loss": "sparse_categorical_crossentropy",
            "backend": keras.backend.backend(),
            "keras": keras.__version__,
        },
        "data": {
            "name": data.name,
            "rows": TRAIN_ROWS,
            "sha256": read_images([str(data / "train.parquet")]).sha256,
            "test_rows": TEST_ROWS,
            "test_sha256": read_images([str(data / "test.parquet")]).sha256,
        },
        "test_accuracy": result.accuracy,
    }


def test_a_keras_file_says_the_same_in_a_member(
    result: TrainingResult, again: TrainingResult
) -> None:
    """Both formats carry one record, and the pipeline finds it in both."""
    with zipfile.ZipFile(again.out) as archive:
        record = json.loads(archive.read("mnist_batch.json"))
    assert record == record_of(result.out)
    for trained in (result, again):
        assert load_model(trained.out).model.training == record


def test_the_result_tells_what_was_done(result: TrainingResult) -> None:
    """The hash is that of the file on disk, the metrics are those of the test split."""
    assert result.sha256 == hashlib.sha256(result.out.read_bytes()).hexdigest()
    assert (result.rows, result.test_rows, dict(result.unreadable)) == (TRAIN_ROWS, TEST_ROWS, {})
    assert set(result.history) == {"loss", "accuracy", "val_loss", "val_accuracy"}
    assert {len(epochs) for epochs in result.history.values()} == {8}
    assert result.metrics is not None
    assert result.metrics.scored == TEST_ROWS
    assert result.accuracy is not None
    assert result.accuracy > 0.8


def test_the_report_holds_history_and_test_figures(result: TrainingResult) -> None:
    """In the folder called as the model; a row per epoch, counted from 1."""
    folder = result.out.with_suffix(".report")
    assert sorted(path.name for path in folder.iterdir()) == [
        "confusion_matrix.csv",
        "confusion_matrix.png",
        "history.csv",
        "index.html",
        "learning_curves.png",
        "metrics.json",
        "mistakes.csv",
        "mistakes.png",
        "per_class.csv",
        "per_class.png",
        "samples.png",
        "slices.csv",
    ]
    assert sorted(result.report_files) == sorted(folder.iterdir())
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, 9)]
    assert [float(row["val_accuracy"]) for row in rows] == result.history["val_accuracy"]
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["accuracy"] == result.accuracy
    assert metrics["run"].pop("created_utc").endswith("+00:00")
    assert 0 < metrics["run"].pop("elapsed_s") <= result.elapsed_s
    assert metrics["run"] == {
        "model": {"name": "digits.h5", "sha256": result.sha256},
        **record_of(result.out),
    }
    assert "mnist-batch train --data" in (folder / "index.html").read_text(encoding="utf-8")


def test_progress_is_told_after_each_epoch(
    again: TrainingResult, told: list[TrainingProgress]
) -> None:
    """With the numbers that go into the history."""
    assert [(progress.epoch, progress.epochs) for progress in told] == [
        (epoch, 8) for epoch in range(1, 9)
    ]
    assert [progress.loss for progress in told] == again.history["loss"]
    assert [progress.val_accuracy for progress in told] == again.history["val_accuracy"]


def test_the_original_recipe_takes_the_last_epoch(result: TrainingResult) -> None:
    """Whatever the validation rows say."""
    assert result.epoch == 8
    assert result.recipe == {
        name: value
        for name, value in record_of(result.out)["training"].items()
        if name not in ("backend", "keras")
    }


@pytest.fixture(scope="module")
def augmented(data: Path, tmp_path_factory: pytest.TempPathFactory) -> TrainingResult:
    """Return what training with changed images gives, at settings that are not the defaults."""
    out = tmp_path_factory.mktemp("augmented") / "digits.h5"
    return quick(data, out, augment=True, epochs=3, validation_split=0.3, report=True)


def test_a_network_of_changed_images_is_a_file_like_any_other(
    augmented: TrainingResult, result: TrainingResult
) -> None:
    """It ends in a softmax, and it runs on NumPy without a note."""
    layers = [
        [(layer.name, layer.units, layer.activation.__name__) for layer in network.layers]
        for network in map(import_keras().models.load_model, (augmented.out, result.out))
    ]
    assert layers[0] == layers[1]
    with h5py.File(augmented.out) as one, h5py.File(result.out) as other:
        assert set(one) == set(other)
        assert set(one["model_weights"]) == set(other["model_weights"])
    loaded = load_model(augmented.out)
    assert (loaded.name, list(loaded.notes)) == ("numpy", [])
    images, labels = draw_digits(TEST_ROWS, seed=2)
    predictions = loaded.probabilities(images).argmax(axis=1)
    assert (predictions == labels).mean() == pytest.approx(augmented.accuracy)


def test_its_file_says_the_whole_recipe(augmented: TrainingResult) -> None:
    """And so does its report, with its curves."""
    training = record_of(augmented.out)["training"]
    assert training == {
        **augmented.recipe,
        "backend": import_keras().backend.backend(),
        "keras": import_keras().__version__,
    }
    assert training["augmentation"]["rotation_degrees"] > 0
    assert (training["epochs"], training["batch_size"], training["validation_split"]) == (
        3,
        50,
        0.3,
    )
    assert training["epoch"] == augmented.epoch
    folder = augmented.out.with_suffix(".report")
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["run"]["training"] == training
    with (folder / "history.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["val_accuracy"]) for row in rows] == augmented.history["val_accuracy"]
    assert (folder / "learning_curves.png").exists()


def test_the_test_split_chooses_nothing(
    data: Path, augmented: TrainingResult, tmp_path: Path
) -> None:
    """Another one, whose every label is wrong, gives the same weights and the same recipe."""
    table = pq.read_table(data / "test.parquet")
    wrong = [(label + 1) % 10 for label in table["label"].to_pylist()]
    column = pa.array(wrong, table.schema.field("label").type)
    place = table.schema.get_field_index("label")
    pq.write_table(table.set_column(place, "label", column), tmp_path / "test.parquet")
    (tmp_path / "train.parquet").symlink_to(data / "train.parquet")
    other = quick(tmp_path, tmp_path / "other.h5", augment=True, epochs=3, validation_split=0.3)
    assert other.accuracy != augmented.accuracy
    assert other.recipe == augmented.recipe
    for one, two in zip(weights_of(augmented.out), weights_of(other.out), strict=True):
        np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize(
    ("augment", "expected"), [(False, (100, 196, 0.2)), (True, (300, 256, 0.1))]
)
def test_what_is_not_said_depends_on_the_recipe(
    data: Path, tmp_path: Path, augment: bool, expected: tuple[int, int, float]
) -> None:
    """As the help says."""
    recipe = train(data, tmp_path / "a.h5", augment=augment, epochs=1, report=False).recipe
    assert (recipe["batch_size"], recipe["validation_split"]) == expected[1:]
    seen: list[TrainingProgress] = []

    def stop(progress: TrainingProgress) -> None:
        seen.append(progress)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(data, tmp_path / "c.h5", augment=augment, progress=stop)
    assert seen[0].epochs == expected[0]


def test_nothing_is_printed(data: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Neither by this package nor by what lies below it."""
    quick(data, tmp_path / "digits.h5", report=True)
    assert capfd.readouterr() == ("", "")


def test_all_rows_train_without_a_validation_split(data: Path, tmp_path: Path) -> None:
    """The history and the progress then have no validation numbers."""
    seen: list[TrainingProgress] = []
    result = quick(data, tmp_path / "digits.h5", validation_split=0, progress=seen.append)
    assert set(result.history) == {"loss", "accuracy"}
    assert {told.val_loss for told in seen} == {told.val_accuracy for told in seen} == {None}


def test_without_a_test_split_there_is_no_accuracy(data: Path, tmp_path: Path) -> None:
    """It is null in the model file, and nothing is made up for the report."""
    result = quick(data / "train.parquet", tmp_path / "digits.h5", report=True)
    assert (result.metrics, result.accuracy, result.test_rows) == (None, None, 0)
    record = record_of(result.out)
    assert record["test_accuracy"] is None
    assert (record["data"]["test_rows"], record["data"]["test_sha256"]) == (0, None)
    names = {path.name for path in result.report_files}
    assert {"history.csv", "learning_curves.png"} <= names
    assert not {"confusion_matrix.csv", "samples.png"} & names


def test_a_folder_of_images_and_parquet_are_the_same_data(tmp_path: Path) -> None:
    """Folders named by digit come digit by digit; all ten are learned nevertheless."""
    write_folder(tmp_path / "images" / "train", 500, seed=1)
    write_folder(tmp_path / "images" / "test", 100, seed=2)
    write_parquet(tmp_path / "digits.parquet", 500, seed=1)
    images = quick(tmp_path / "images", tmp_path / "images.h5", epochs=15)
    assert images.data_sha256 == read_images([str(tmp_path / "digits.parquet")]).sha256
    assert images.metrics is not None
    recalls = [digit.recall for digit in images.metrics.per_class]
    assert min(recall or 0 for recall in recalls) > 0.4


def test_unreadable_images_are_left_out_and_counted(data: Path, tmp_path: Path) -> None:
    """Those of the test split as well."""
    for split in ("train", "test"):
        table = pq.read_table(data / f"{split}.parquet").slice(0, 100)
        images = table["image"].to_pylist()
        images[3] = {"bytes": b"text", "path": None}
        table = table.set_column(0, "image", pa.array(images, table.schema.field("image").type))
        pq.write_table(table, tmp_path / f"{split}.parquet")
    result = quick(tmp_path, tmp_path / "digits.h5", report=False)
    assert (result.rows, result.test_rows) == (99, 99)
    assert result.unreadable == {"not an image": 2}


def test_a_test_file_without_labels_is_not_tested_on(tmp_path: Path) -> None:
    """As Kaggle's test.csv; where some of its rows have a label, the others are damage."""
    images, labels = draw_digits(60, seed=3)
    pixels = [f"pixel{place}" for place in range(784)]
    rows = images.reshape(60, -1).tolist()
    labelled = [[label, *row] for label, row in zip(labels.tolist(), rows, strict=True)]
    write_csv(tmp_path / "train.csv", [["label", *pixels], *labelled])
    write_csv(tmp_path / "test.csv", [pixels, *rows])
    result = quick(tmp_path, tmp_path / "m.h5")
    assert (result.rows, result.test_rows, result.metrics) == (60, 0, None)
    assert "the model is complete, but not tested: no row of test.csv has a label" in result.notes
    write_csv(tmp_path / "test.csv", [["label", *pixels], labelled[0], ["", *rows[1]]])
    with pytest.raises(LabelError, match=r"test\.csv, row 1: no label"):
        quick(tmp_path, tmp_path / "n.h5")


def write_csv(path: Path, rows: list[list[Any]]) -> None:
    """Write rows of cells."""
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)


def test_a_row_without_a_label_stops_training(data: Path, tmp_path: Path) -> None:
    """In the test split too, and before an epoch is trained."""
    table = pq.read_table(data / "test.parquet")
    pq.write_table(table, tmp_path / "train.parquet")
    place, labels = table.schema.get_field_index("label"), table["label"].to_pylist()
    table = table.set_column(place, "label", pa.array([None, *labels[1:]], pa.int64()))
    pq.write_table(table, tmp_path / "test.parquet")
    with pytest.raises(LabelError, match=r"test.parquet, row 0: no label"):
        quick(tmp_path, tmp_path / "digits.h5", progress=pytest.fail)
    assert not (tmp_path / "digits.h5").exists()


@pytest.mark.parametrize("name", ["digits", "digits.H5", "digits.onnx", "digits.h5.gz"])
def test_an_unknown_suffix_is_refused_at_once(tmp_path: Path, name: str) -> None:
    """Before the data is looked for; the known ones are named."""
    with pytest.raises(OutputError, match=r"expected \.h5 or \.keras"):
        quick(tmp_path / "none", tmp_path / name)


def test_an_existing_model_is_refused_at_once(tmp_path: Path) -> None:
    """Before the data is looked for; the file stays as it is."""
    (tmp_path / "digits.h5").write_text("a model")
    with pytest.raises(OutputError, match=r"digits.h5 exists already"):
        quick(tmp_path / "none", tmp_path / "digits.h5")
    assert (tmp_path / "digits.h5").read_text() == "a model"


def test_an_existing_report_is_refused_at_once(tmp_path: Path) -> None:
    """Before the data is looked for."""
    (tmp_path / "digits.report").mkdir()
    (tmp_path / "digits.report" / "metrics.json").touch()
    with pytest.raises(OutputError, match=r"holds a report already"):
        quick(tmp_path / "none", tmp_path / "digits.h5", report=True)


def test_overwrite_replaces_model_and_report(
    data: Path, result: TrainingResult, tmp_path: Path
) -> None:
    """Wherever the report is."""
    out, report = tmp_path / "digits.h5", tmp_path / "figures"
    shutil.copy(result.out, out)
    shutil.copytree(result.out.with_suffix(".report"), report)
    quick(data, out, report=report, epochs=1, overwrite=True)
    assert record_of(out)["training"]["epochs"] == 1
    assert len((report / "history.csv").read_text().splitlines()) == 2


def test_missing_data_leaves_nothing(tmp_path: Path) -> None:
    """One line that names the path."""
    with pytest.raises(InputError, match=r"none: no such file or folder"):
        quick(tmp_path / "none", tmp_path / "digits.h5", report=True)
    assert list(tmp_path.iterdir()) == []


def test_an_interrupt_leaves_nothing(data: Path, tmp_path: Path) -> None:
    """No model, no report, no temporary file."""

    def interrupt(_: TrainingProgress) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quick(data, tmp_path / "digits.h5", report=True, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_no_failure_of_the_report_costs_the_model(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It took hours; a note names the command that tests it again."""

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mnist_batch.reports.report.Drawings.wait", fail)
    out = tmp_path / "digits.h5"
    result = quick(data, out, report=True)
    missing = ["confusion_matrix.png", "per_class.png", "samples.png", "mistakes.png"]
    missing.append("learning_curves.png")
    assert result.report_missing == missing
    assert result.record()["report_missing"] == missing
    (note,) = result.notes
    begin, _, command = note.rpartition(": ")
    assert begin == (
        f"the report {tmp_path / 'digits.report'} lacks {', '.join(missing)} (No space left on "
        "device); the model is complete; to test it again, with a report"
    )
    assert {path.name for path in tmp_path.iterdir()} == {"digits.h5", "digits.report"}
    tables = {"confusion_matrix.csv", "per_class.csv", "slices.csv", "mistakes.csv", "history.csv"}
    names = {"metrics.json", "index.html", *tables}
    assert {path.name for path in (tmp_path / "digits.report").iterdir()} == names
    name, *arguments = shlex.split(command)
    assert name == "mnist-batch"
    assert run(*arguments).returncode == 0
    metrics = json.loads((tmp_path / "digits-test.report" / "metrics.json").read_text())
    assert metrics["accuracy"] == result.accuracy


def test_the_record_is_of_the_digits_that_were_tested(data: Path, tmp_path: Path) -> None:
    """Accuracy, rows and hash, where the test split is replaced during the training."""
    folder = tmp_path / "data"
    shutil.copytree(data, folder)
    write_parquet(tmp_path / "other.parquet", 60, seed=3)

    def swap(_: TrainingProgress) -> None:
        shutil.copy(tmp_path / "other.parquet", folder / "test.parquet")

    result = quick(folder, tmp_path / "digits.h5", progress=swap)
    tested = record_of(result.out)["data"]
    assert (tested["test_rows"], result.test_rows) == (60, 60)
    assert tested["test_sha256"] == read_images([str(tmp_path / "other.parquet")]).sha256
    assert result.metrics is not None
    assert result.metrics.rows == 60


@pytest.mark.parametrize("replaced", [None, {"image": [b""]}])
def test_a_test_split_that_goes_meanwhile_costs_no_model(
    data: Path, tmp_path: Path, replaced: dict[str, Any] | None
) -> None:
    """It has taken hours; it is written, and said to be untested where no row can be read."""
    folder = tmp_path / "data"
    shutil.copytree(data, folder)

    def spoil(_: TrainingProgress) -> None:
        if replaced:
            pq.write_table(pa.table(replaced), folder / "test.parquet")
        else:
            (folder / "test.parquet").unlink(missing_ok=True)

    result = quick(folder, tmp_path / "digits.h5", report=True, progress=spoil)
    weights_of(result.out)
    assert result.accuracy is None
    assert record_of(result.out)["test_accuracy"] is None
    if not replaced:
        (note,) = result.notes
        assert note.startswith("the model is complete, but not tested: ")
        assert result.metrics is None
        assert {path.name for path in result.report_files} == {
            "history.csv",
            "index.html",
            "learning_curves.png",
            "metrics.json",
        }


def test_one_training_at_a_time_writes_a_model(data: Path, tmp_path: Path) -> None:
    """A second one is refused at once, and not after hours."""

    def train_again(_: TrainingProgress) -> None:
        for name in ("digits.h5", "link.h5"):
            with pytest.raises(OutputInUseError, match="another run is writing it"):
                quick(tmp_path / "none", tmp_path / name, overwrite=True)

    (tmp_path / "link.h5").symlink_to("digits.h5")
    quick(data, tmp_path / "digits.h5", progress=train_again)
    assert {path.name for path in tmp_path.iterdir()} == {"digits.h5", "link.h5"}


def test_the_report_is_not_the_model(data: Path, tmp_path: Path) -> None:
    """One of them would replace the other."""
    with pytest.raises(OutputError, match="would hold both the model and the report"):
        quick(data, tmp_path / "digits.h5", report=tmp_path / "digits.h5")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"epochs": 0}, "epochs must be at least 1, got 0"),
        ({"batch_size": 0}, "batch_size must be at least 1, got 0"),
        ({"validation_split": 1.0}, "validation_split must be from 0 to below 1, got 1.0"),
        ({"validation_split": -0.1}, "validation_split must be from 0 to below 1, got -0.1"),
        ({"seed": -1}, r"seed must be from 0 to 2\*\*32 - 1, got -1"),
        ({"seed": 2**32}, r"seed must be from 0 to 2\*\*32 - 1, got 4294967296"),
    ],
)
def test_a_number_out_of_range_is_refused_at_once(
    tmp_path: Path, options: dict[str, Any], message: str
) -> None:
    """Before the data is looked for."""
    with pytest.raises(ValueError, match=message):
        quick(tmp_path / "none", tmp_path / "digits.h5", **options)


def test_too_few_rows_to_split_are_one_line(tmp_path: Path) -> None:
    """What to do is in it; without a validation split one row is enough."""
    write_parquet(tmp_path / "one.parquet", 1)
    with pytest.raises(InputError, match=r"too few rows \(1\) to split at 0.2.*_split=0"):
        quick(tmp_path / "one.parquet", tmp_path / "one.h5")
    assert quick(tmp_path / "one.parquet", tmp_path / "one.h5", validation_split=0).rows == 1


def test_two_epochs_of_mnist_are_enough_for_95_percent(mnist: Path, tmp_path: Path) -> None:
    """0.9556 was measured at the original's settings, but for the epochs."""
    result = train(mnist, tmp_path / "MNIST.h5", epochs=2, report=False)
    assert (result.rows, result.test_rows) == (60_000, 10_000)
    assert result.accuracy is not None
    assert result.accuracy > 0.95


_TRAIN_WITHIN = """
import resource, sys
from mnist_batch.errors import OutputError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.commands.train import train
import_keras()
data, *outs = sys.argv[1:]
for out in outs:
    for limit in (10_000, 440_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
        try:
            train(data, out, epochs=1, report=False)
        except OutputError as error:
            print(error)
"""


def test_a_full_disk_leaves_nothing(data: Path, tmp_path: Path) -> None:
    """One line, and no crash of HDF5, however much of the file there was room for."""
    outs = [tmp_path / "digits.h5", tmp_path / "digits.keras"]
    ended = subprocess.run(
        [sys.executable, "-c", _TRAIN_WITHIN, data, *outs],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    lines = ended.stdout.splitlines()
    expected = [f"{out} could not be written: File too large" for out in outs for _ in range(2)]
    assert [line[: len(start)] for line, start in zip(lines, expected, strict=True)] == expected
    assert list(tmp_path.iterdir()) == []


def test_a_report_among_the_data_is_refused(data: Path) -> None:
    """The next training would take its pictures for digits."""
    with pytest.raises(OutputError, match="lies in the INPUT folder"):
        train(data, data / "digits.h5", epochs=1)


def test_training_without_labels_is_refused(tmp_path: Path) -> None:
    """In train the labels are what is learned."""
    with pytest.raises(LabelError, match=r"^labels=.none.: train learns from labels; leave it out"):
        train(tmp_path, tmp_path / "out.h5", labels="none")
    assert [*tmp_path.iterdir()] == []
