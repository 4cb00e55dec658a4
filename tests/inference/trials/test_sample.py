"""Finding the scale of a network's pixels: scikit-learn trains, and judges."""

import warnings
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from mnist_batch.errors import InputError
from mnist_batch.inference.predictors import load_model
from mnist_batch.inference.trials.sample import TRIAL_ROWS, try_ways
from mnist_batch.inference.trials.scale_trials import ScaleTrials
from mnist_batch.inference.workers import Progress
from mnist_batch.inputs.sources import open_inputs
from mnist_batch.options import Prepare, ReadOptions, Scale
from mnist_batch.synthetic.generator import draw_digits, write_folder, write_parquet
from tests.support.linear_model import write_linear_model

pytestmark = pytest.mark.usefixtures("models_read_here")

IMAGES, LABELS = draw_digits(1050)  # those of digits_parquet
RANGES = {"0-1": (0, 1), "0-255": (0, 255), "-1-1": (-1, 1), "-0.5-0.5": (-0.5, 0.5)}


def scaled(scale: str) -> npt.NDArray[np.float64]:
    """Return the images with black and white at the ends of a range."""
    low, high = RANGES[scale]
    return low + (IMAGES.reshape(-1, 784) / 255) * (high - low)


def train(scale: str) -> LogisticRegression:
    """Return a network of one layer that was trained on pixels in a scale."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it does not converge in so few steps, nor need it
        return LogisticRegression(max_iter=30).fit(scaled(scale)[:600], LABELS[:600])


def write(path: Path, network: LogisticRegression) -> None:
    """Write a network as a model file that does not say its scale."""
    kernel = network.coef_.T.astype(np.float32)
    write_linear_model(path, (kernel, network.intercept_.astype(np.float32)))


def tried(model: Path, data: Path) -> ScaleTrials:
    """Return how well a model reads an input, prepared as usual."""
    return try_ways(load_model(model), open_inputs([data]), Prepare.AUTO)


def best_scale(trials: ScaleTrials) -> Scale | None:
    """Return the scale of the best trial."""
    best = trials.best(None)
    return best.scale if best else None


@pytest.mark.parametrize("trained_on", ["0-1", "0-255", "-1-1"])
def test_accuracy_and_log_loss_are_those_of_scikit_learn(
    trained_on: str, digits_parquet: Path, tmp_path: Path
) -> None:
    """At each scale, on all rows; and the best is the one that was trained on."""
    network = train(trained_on)
    write(tmp_path / "model.h5", network)
    trials = tried(tmp_path / "model.h5", digits_parquet)
    assert trials.rows == 1050
    assert [trial.scale for trial in trials.trials] == list(RANGES)
    for trial in trials.trials:
        inputs = scaled(trial.scale)
        assert trial.accuracy == pytest.approx(network.score(inputs, LABELS), abs=1.5 / 1050)
        probabilities = network.predict_proba(inputs).astype(np.float32)
        assert trial.log_loss == pytest.approx(log_loss(LABELS, probabilities), rel=0.01)
    assert best_scale(trials) == trained_on


def test_scales_that_a_network_does_not_tell_apart_are_as_good(
    digits_parquet: Path, tmp_path: Path
) -> None:
    """One without a bias gives the same digits at 0-1 and 0-255, and is much surer at one."""
    network = train("0-1")
    network.intercept_[:] = 0
    write(tmp_path / "model.h5", network)
    found = tried(tmp_path / "model.h5", digits_parquet)
    zero_to_one, zero_to_255, *_ = found.trials
    assert zero_to_one.accuracy == pytest.approx(zero_to_255.accuracy, abs=1.5 / 1050)
    assert zero_to_255.log_loss > 2 * zero_to_one.log_loss
    assert (zero_to_one.as_good, zero_to_255.as_good) == (True, False)
    network.coef_ /= 255  # now 0-255 is what 0-1 was, and 0-1 all but tells nothing
    write(tmp_path / "model.h5", network)
    found = tried(tmp_path / "model.h5", digits_parquet)
    assert best_scale(found) == "0-255"
    assert [trial.as_good for trial in found.trials] == [False, True, False, False]


def test_numbers_that_overflow_are_no_digits(digits_parquet: Path, tmp_path: Path) -> None:
    """At a scale where the network gives NaN nothing is right, not even the zeros."""
    network = train("0-1")
    network.coef_ *= 1e36
    write(tmp_path / "model.h5", network)
    found = tried(tmp_path / "model.h5", digits_parquet)
    assert found.at(Scale.BYTES).accuracy == 0
    assert found.at(Scale.ZERO_TO_ONE).accuracy > 0.5


def test_only_images_with_label_and_pixels_count(tmp_path: Path, model: Path) -> None:
    """Without any there is nothing to try."""
    write_folder(tmp_path / "digits", 30)
    (tmp_path / "digits" / "3" / "no.png").write_bytes(b"not an image")
    (tmp_path / "digits" / "unlabelled").mkdir()
    image = next((tmp_path / "digits" / "7").iterdir())
    image.rename(tmp_path / "digits" / "unlabelled" / image.name)
    predictor = load_model(model)
    assert try_ways(predictor, open_inputs([tmp_path / "digits"]), Prepare.AUTO).rows == 29
    unlabelled = open_inputs([tmp_path / "digits"], ReadOptions(labels="none"))
    with pytest.raises(InputError, match="none of 31 images that were looked at has both a label"):
        try_ways(predictor, unlabelled, Prepare.AUTO)


def test_of_many_images_some_are_tried(tmp_path: Path, model: Path) -> None:
    """As many as there are trial rows; progress tells of them."""
    write_parquet(tmp_path / "digits.parquet", TRIAL_ROWS + 500)
    told: list[Progress] = []
    opened = open_inputs([tmp_path / "digits.parquet"])
    found = try_ways(load_model(model), opened, Prepare.AUTO, workers=2, progress=told.append)
    assert found.rows == TRIAL_ROWS
    assert told[-1] == Progress(TRIAL_ROWS, TRIAL_ROWS, 0)
