"""Which models want images in MNIST form: those of digits; scikit-learn trains."""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import LogisticRegression

import mnist_batch
from mnist_batch.inference.predictors import Predictor, load_model
from mnist_batch.inference.preparing import drawn_digits_read, wanted_prepare
from mnist_batch.models.model_file import DEFAULT_MODEL
from mnist_batch.options import Prepare
from mnist_batch.schema import DIGITS, Classes, Images
from mnist_batch.synthetic.generator import draw_digits
from tests.support.linear_model import write_linear_model
from tests.support.patches import patches, write_patches

pytestmark = pytest.mark.usefixtures("models_read_here")


def write_trained(
    path: Path,
    images: Images,
    labels: npt.NDArray[np.integer],
    most: float = 1,
    record: object = None,
) -> Path:
    """Write a network of one layer, trained on pixels from 0 to a number; it does not say which."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not converge in so few steps, nor need it
        network = LogisticRegression(max_iter=30).fit(images.reshape(-1, 784) / 255 * most, labels)
    weights = network.coef_.T.astype(np.float32), network.intercept_.astype(np.float32)
    write_linear_model(path, weights, record=record)
    return path


@pytest.fixture(scope="module")
def of_patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a model of what is no handwriting."""
    return write_trained(tmp_path_factory.mktemp("m") / "patches.h5", *patches(600, seed=1))


def wanted(model: Path, classes: Classes = DIGITS, choice: Prepare = Prepare.AUTO) -> Prepare:
    """Return how images are prepared for a model file."""
    return wanted_prepare(load_model(model), classes, choice).prepare


@pytest.mark.parametrize("most", [1, 255])
def test_a_model_of_digits_gets_them_in_mnist_form(tmp_path: Path, most: float) -> None:
    """Also one that wants its pixels in another scale than is assumed."""
    path = write_trained(tmp_path / "digits.h5", *draw_digits(600, seed=2), most=most)
    assert drawn_digits_read(load_model(path)) > 80
    assert wanted(path) is Prepare.AUTO


def test_a_model_of_something_else_gets_images_as_they_are(of_patches: Path) -> None:
    """And says so, unless it was told how to prepare them."""
    found = wanted_prepare(load_model(of_patches), DIGITS, Prepare.AUTO)
    read = drawn_digits_read(load_model(of_patches))
    assert read < 40
    assert found.prepare is Prepare.NEVER
    assert found.note is not None
    assert found.note.startswith(f"reads {read} of 100 drawn digits, so it was trained on")
    assert wanted_prepare(load_model(of_patches), DIGITS, Prepare.ALWAYS) == (Prepare.ALWAYS, None)


def test_what_the_file_says_counts_before_what_it_reads(tmp_path: Path) -> None:
    """Models trained here on digits are such, however badly they read."""
    path = write_trained(tmp_path / "m.h5", *patches(300, seed=1), record={"scale": "0-1"})
    assert wanted(path) is Prepare.AUTO


def test_the_way_that_a_file_names_counts_first(tmp_path: Path) -> None:
    """Training on other things names it, and so does training with another --prepare."""
    record = {"scale": "0-1", "prepare": "always"}
    path = write_trained(tmp_path / "m.h5", *patches(300, seed=1), record=record)
    assert wanted(path) is Prepare.ALWAYS
    assert wanted(path, choice=Prepare.NEVER) is Prepare.NEVER


def test_classes_that_are_no_digits_count_before_all(tmp_path: Path) -> None:
    """Letters are none, nor are ten things with names."""
    path = write_trained(tmp_path / "digits.h5", *draw_digits(300, seed=2))
    assert wanted(path, Classes(26)) is Prepare.NEVER
    assert wanted(path, Classes(10, tuple("abcdefghij"))) is Prepare.NEVER
    assert wanted(path, Classes(26), Prepare.AUTO) is Prepare.NEVER
    assert wanted(path, Classes(26), Prepare.ALWAYS) is Prepare.ALWAYS


def test_the_default_model_is_not_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its file says what it is; but it would read them."""
    default = load_model(DEFAULT_MODEL)
    assert drawn_digits_read(default) >= 98

    def fail(*_: object) -> None:
        raise AssertionError

    monkeypatch.setattr(Predictor, "probabilities", fail)
    assert wanted_prepare(default, DIGITS, Prepare.AUTO).prepare is Prepare.AUTO


def test_predict_leaves_the_images_of_another_model_alone(tmp_path: Path, of_patches: Path) -> None:
    """They are read as the model reads them itself; prepared, most are not."""
    images, labels = patches(200, seed=9)
    data = write_patches(tmp_path / "patches.parquet", images, labels)
    expected = (load_model(of_patches).probabilities(images).argmax(axis=1) == labels).sum()
    assert expected > 190
    found = mnist_batch.predict(data, tmp_path / "out.parquet", model=of_patches, report=False)
    assert (found.metrics.correct, found.metrics.prepared) == (expected, 0)
    assert found.run is not None
    assert found.run["options"]["prepare"] == "never"
    assert [note for note in found.notes if "drawn digits" in note]


def test_a_note_names_the_better_way_to_prepare(tmp_path: Path, of_patches: Path) -> None:
    """Where labels tell it: both ways are tried on a sample."""
    data = write_patches(tmp_path / "patches.parquet", *patches(200, seed=9))
    out = tmp_path / "out.parquet"
    found = mnist_batch.predict(data, out, model=of_patches, prepare="always", report=False)
    [note] = [note for note in found.notes if "--prepare" in note]
    assert note.endswith("as they are; try --prepare never")
    digits = tmp_path / "digits.parquet"
    moved = np.roll(draw_digits(200, seed=4)[0], 4, axis=(1, 2))
    write_patches(digits, moved, draw_digits(200, seed=4)[1])
    found = mnist_batch.predict(digits, tmp_path / "moved.parquet", prepare="never", report=False)
    [note] = [note for note in found.notes if "--prepare" in note]
    assert note.endswith("brought to MNIST form; try --prepare auto")


def test_inspect_tries_scale_and_preparation_together(tmp_path: Path, of_patches: Path) -> None:
    """As usual first, then the other way; the best is the usual one where it is as good."""
    data = write_patches(tmp_path / "patches.parquet", *patches(200, seed=9))
    found = mnist_batch.inspect_model(of_patches, data=data)
    assert found.trials is not None
    assert [trial.prepare for trial in found.trials.trials] == ["never"] * 4 + ["auto"] * 4
    assert found.best is not None
    assert found.best.prepare == "never"
    assert max(trial.accuracy for trial in found.trials.trials[4:]) < 0.7
