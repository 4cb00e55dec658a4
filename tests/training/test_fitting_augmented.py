"""The validation rows choose the epoch and the temperature.

The digits are generated, and few: what is learned from them is no measure of the recipe.
"""

from typing import Any

import numpy as np
import pytest
import scipy.special
import sklearn.metrics
from numpy.typing import NDArray

from mnist_batch.synthetic.generator import draw_digits
from mnist_batch.training import fitting
from mnist_batch.training.data import LabelledImages
from mnist_batch.training.fitting import (
    BestEpoch,
    Fitted,
    Settings,
    TrainingProgress,
    fit_augmented,
)
from mnist_batch.training.network import build_network

ROWS, VALIDATION_ROWS = 360, 60


@pytest.fixture(scope="module")
def digits() -> LabelledImages:
    """Return generated digits, in turn."""
    images, labels = draw_digits(ROWS, seed=4)
    return LabelledImages(images, labels, "", {})


@pytest.fixture(scope="module")
def without_fives(digits: LabelledImages) -> LabelledImages:
    """Return digits of which the last sixth is all fives, and the rest has none."""
    fives = digits.labels == 5
    images, labels = draw_digits(10 * VALIDATION_ROWS, seed=5)
    return LabelledImages(
        np.concatenate([digits.images[~fives], images[labels == 5]]),
        np.concatenate([digits.labels[~fives], labels[labels == 5]]),
        "",
        {},
    )


def fitted(
    training: LabelledImages,
    *,
    progress: Any = None,  # noqa: ANN401 - any callable
    epochs: int = 3,
    validation_split: float = 1 / 6,
    seed: int = 0,
) -> Fitted:
    """Fit for a few epochs."""
    settings = Settings(epochs, 40, validation_split, seed)
    return fit_augmented(training, settings, progress)


@pytest.fixture(scope="module")
def result(digits: LabelledImages) -> Fitted:
    """Return what was fitted for twelve epochs; several tests look at this one."""
    return fitted(digits, epochs=12)


def probabilities(result: Fitted, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return what the network says, worked out in NumPy."""
    first, first_bias, second, second_bias, third, third_bias = result.weights
    hidden = np.maximum(images.reshape(-1, 784) / 255 @ first + first_bias, 0)
    hidden = np.maximum(hidden @ second + second_bias, 0)
    shares: NDArray[np.float64] = scipy.special.softmax(hidden @ third + third_bias, axis=1)
    return shares


def same_weights(one: Fitted, other: Fitted) -> bool:
    """Tell whether two networks are the same to the last bit."""
    return all(map(np.array_equal, one.weights, other.weights))


def test_the_weights_are_those_of_the_network(result: Fitted) -> None:
    """In its shapes and its order, so that its file is like any other."""
    expected = [array.shape for array in build_network().get_weights()]
    assert [array.shape for array in result.weights] == expected


def test_digits_are_learned(result: Fitted) -> None:
    """Those that were never learned from, changed by nothing."""
    images, labels = draw_digits(300, seed=9)
    assert (probabilities(result, images).argmax(axis=1) == labels).mean() > 0.8


def test_the_same_seed_fits_the_same(digits: LabelledImages) -> None:
    """To the last bit, images changed at random and all; another seed does not."""
    first, again, other = (fitted(digits, seed=seed) for seed in (3, 3, 4))
    assert same_weights(first, again)
    assert first.history == again.history
    assert not same_weights(first, other)


def test_the_epoch_that_read_most_validation_rows_right_is_kept(
    digits: LabelledImages, result: Fitted
) -> None:
    """The weights are those, and the recipe says which."""
    accuracies = result.history["val_accuracy"]
    assert result.recipe["epoch"] == result.epoch
    assert result.recipe["validation_accuracy"] == max(accuracies) == accuracies[result.epoch - 1]
    rows = slice(ROWS - VALIDATION_ROWS, ROWS)
    predictions = probabilities(result, digits.images[rows]).argmax(axis=1)
    assert (predictions == digits.labels[rows]).mean() == pytest.approx(max(accuracies))


def test_the_last_epoch_is_not_kept_where_another_was_better(
    without_fives: LabelledImages,
) -> None:
    """Who has fives to read and learns from other digits forgets them more with each epoch."""
    result = fitted(without_fives, epochs=4, validation_split=VALIDATION_ROWS / 384)
    losses = result.history["val_loss"]
    assert result.epoch == 1
    assert losses[0] == min(losses)
    assert losses[-1] > losses[0] + 0.5
    before = result.recipe["calibration"]["validation_log_loss_before"]
    assert before == pytest.approx(losses[0], rel=1e-4)


def test_of_epochs_with_one_accuracy_the_lowest_loss_is_best() -> None:
    """Then the first; the weights are those at the time."""
    now = [np.zeros(1, np.float32)]
    best = BestEpoch(lambda: [now[0].copy()])
    kept = []
    for epoch, (accuracy, loss) in enumerate(
        [(0.5, 3.0), (0.9, 2.0), (0.9, 1.0), (0.9, 1.0), (0.8, 0.5), (0.9, 1.5)]
    ):
        now[0] += 1
        best.see(epoch, {"val_accuracy": accuracy, "val_loss": loss})
        kept.append((best.epoch, float(best.weights[0][0])))
    assert kept == [(1, 1.0), (2, 2.0), (3, 3.0), (3, 3.0), (3, 3.0), (3, 3.0)]


def test_without_validation_the_last_epoch_is_kept_as_it_is(digits: LabelledImages) -> None:
    """There is nothing to choose it by, nor a temperature."""
    result = fitted(digits, validation_split=0)
    assert set(result.history) == {"loss", "accuracy"}
    assert result.epoch == 3
    assert result.recipe["validation_accuracy"] is None
    assert result.recipe["calibration"] is None


def test_the_temperature_is_in_the_weights(digits: LabelledImages, result: Fitted) -> None:
    """The log loss of the validation rows is what the recipe says, and lower than before."""
    calibration = result.recipe["calibration"]
    rows = slice(ROWS - VALIDATION_ROWS, ROWS)
    found = sklearn.metrics.log_loss(
        digits.labels[rows], probabilities(result, digits.images[rows]), labels=range(10)
    )
    assert calibration["validation_log_loss"] == pytest.approx(found, rel=1e-4)
    assert calibration["validation_log_loss"] < calibration["validation_log_loss_before"]
    assert calibration["validation_log_loss_before"] == pytest.approx(
        result.history["val_loss"][result.epoch - 1], rel=1e-4
    )
    assert 0.25 <= calibration["temperature"] <= 4


def test_the_recipe_is_all_there_is_to_know(result: Fitted) -> None:
    """Each number that another would need to do the same."""
    recipe = dict(result.recipe)
    for measured in ("calibration", "epoch", "validation_accuracy"):
        del recipe[measured]
    assert recipe == {
        "epochs": 12,
        "batch_size": 40,
        "validation_split": 1 / 6,
        "seed": 0,
        "parameters": 109_386,
        "optimizer": "adamw",
        "schedule": "cosine decay to 0",
        "learning_rate": fitting.LEARNING_RATE,
        "weight_decay": fitting.WEIGHT_DECAY,
        "loss": "categorical_crossentropy",
        "augmentation": vars(fitting.AUGMENTATION),
        "drawn_rows": 60,
    }


def test_progress_is_told_after_each_epoch(digits: LabelledImages) -> None:
    """With the numbers that go into the history."""
    seen: list[TrainingProgress] = []
    history = fitted(digits, epochs=2, progress=seen.append).history
    assert [(told.epoch, told.epochs) for told in seen] == [(1, 2), (2, 2)]
    assert [told.loss for told in seen] == history["loss"]
    assert [told.val_accuracy for told in seen] == history["val_accuracy"]
