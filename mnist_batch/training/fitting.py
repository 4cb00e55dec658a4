"""Fit the network: by the original script's recipe, or to images changed at random."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import InputError
from mnist_batch.inference.keras.network import import_keras
from mnist_batch.inference.scaling import scaled
from mnist_batch.schema import Classes, Images
from mnist_batch.training.augmentation import Augmentation, augmented_batches
from mnist_batch.training.data import LabelledImages, Labels
from mnist_batch.training.network import LOSS, OPTIMIZER, SCALE, build_logits_network, build_network
from mnist_batch.training.styles import draw_styles

History = dict[str, list[float]]
"""One number per epoch of `loss`, `accuracy`, `val_loss` and `val_accuracy`; the last two only with
a validation split."""

Weights = list[npt.NDArray[np.float32]]
"""The arrays of a network in the order of Keras' `get_weights`."""

Logits = npt.NDArray[np.float32]
"""What the network gives before its softmax, float32 (n, classes)."""

Digits = tuple[Images, Labels]

AUGMENTATION = Augmentation()

DRAWN_SHARE = 0.2
"""So many digits are drawn beside the training rows, as a share of these. After 25 epochs shares of
0, 0.1, 0.2 and 0.4 gave accuracies on MNIST's validation rows of 0.9875, 0.9853, 0.9880 and 0.9867,
alike but for chance, and on 4,000 other drawn digits of 0.946, 0.984, 0.990 and 0.992."""

LEARNING_RATE = 2e-3  # at the start
WEIGHT_DECAY = 1e-4  # share of a weight that a step takes off, before the learning rate scales it

_VALIDATION_BATCH = 2048
_MOST_TEMPERATURE = 4.0  # beyond it all rows are right, or the network guesses: no finite T is best
_HALVINGS = 40  # of an interval: from log(16) to 3e-12, less than float32 can tell


@dataclass(frozen=True)
class TrainingProgress:
    """How far training is, and how well it goes.

    Attributes:
        epoch: epochs done.
        epochs: epochs in all.
        loss: mean cross-entropy over the epoch's training rows.
        accuracy: share of them that were right, 0 to 1.
        val_loss: mean cross-entropy over the validation rows after the epoch; None without such.
        val_accuracy: share of them that were right, 0 to 1; None without such.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None


OnEpoch = Callable[[TrainingProgress], None]


@dataclass(frozen=True)
class Settings:
    """How to train, as the model file records it; a number out of range is a `ValueError`."""

    epochs: int
    batch_size: int
    validation_split: float
    seed: int

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise ValueError(f"epochs must be at least 1, got {self.epochs}")
        if self.batch_size < 1:
            raise ValueError(f"batch_size must be at least 1, got {self.batch_size}")
        if not 0 <= self.validation_split < 1:
            raise ValueError(
                f"validation_split must be from 0 to below 1, got {self.validation_split}"
            )
        if not 0 <= self.seed < 2**32:  # what NumPy's generator takes
            raise ValueError(f"seed must be from 0 to 2**32 - 1, got {self.seed}")

    def validation_start(self, rows: int) -> int:
        """Return the first of the validation rows, which are the last; Keras' own formula."""
        return math.floor(rows * (1 - self.validation_split))

    def check_enough(self, rows: int) -> None:
        """Raise `InputError` where the split leaves no rows to train on or none to validate."""
        if self.validation_split and self.validation_start(rows) in (0, rows):
            raise InputError(
                f"too few rows ({rows}) to split at {self.validation_split}; bring more, or "
                "pass --validation-split 0"
            )


@dataclass(frozen=True, eq=False)
class Fitted:
    """A fitted network."""

    weights: Weights  # those of `network.build_network`
    history: History
    epoch: int  # after which the weights were taken, from 1
    recipe: Mapping[str, Any]  # how it was fitted, as the model file records it


def fit(training: LabelledImages, settings: Settings, progress: OnEpoch | None) -> Fitted:
    """Fit the network by the original recipe, and take it as it is after the last epoch."""
    keras = _seeded_keras(settings.seed)
    network = build_network(training.classes)
    images, labels = training.shuffled_if_sorted(settings.seed)
    fitted = network.fit(
        scaled(images, SCALE),
        labels,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        validation_split=settings.validation_split,
        verbose=0,
        callbacks=[_reporter(keras, settings.epochs, progress)] if progress else [],
    )
    recipe = {**asdict(settings), "optimizer": OPTIMIZER, "loss": LOSS}
    return Fitted(network.get_weights(), _history_of(fitted), settings.epochs, recipe)


def fit_augmented(training: LabelledImages, settings: Settings, progress: OnEpoch | None) -> Fitted:
    """Fit the network to digits that are changed at random, anew in each epoch.

    Beside training rows of digits it learns some drawn in ways that MNIST hardly has, see `styles`.

    AdamW minimizes the cross-entropy, with a learning rate that falls to 0 along half a cosine:
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, and "SGDR:
    stochastic gradient descent with warm restarts", ICLR 2017, without the restarts.

    The weights are those of the epoch with the best validation accuracy, at the temperature that is
    best for the validation rows. Without validation rows they are those of the last epoch.
    """
    images, labels = training.shuffled_if_sorted(settings.seed)
    start = settings.validation_start(len(labels))
    validation = images[start:], labels[start:]
    share = DRAWN_SHARE if training.classes.are_digits else 0
    drawn, drawn_labels = draw_styles(round(share * start), settings.seed)
    learned = (
        np.concatenate([images[:start], drawn]),
        np.concatenate([labels[:start], drawn_labels]),
    )
    network, epoch, history = _fit_best(learned, validation, training.classes, settings, progress)
    weights, calibration = _calibrated(network, *validation)
    accuracies = history.get("val_accuracy")
    recipe = {
        **asdict(settings),
        "parameters": network.count_params(),
        "optimizer": "adamw",
        "schedule": "cosine decay to 0",
        "learning_rate": LEARNING_RATE,
        "weight_decay": WEIGHT_DECAY,
        "epoch": epoch,
        "validation_accuracy": accuracies[epoch - 1] if accuracies else None,
        "loss": "categorical_crossentropy",
        "augmentation": asdict(AUGMENTATION),
        "drawn_rows": len(drawn),
        "calibration": calibration,
    }
    return Fitted(weights, history, epoch, recipe)


class BestEpoch:
    """Keeps a network's weights after the epoch with the best validation accuracy.

    Of equal accuracies the one with the lowest validation loss is best, then the first. Without
    validation the last epoch is.
    """

    def __init__(self, weights: Callable[[], Weights]) -> None:
        """Take a function that returns the network's present weights."""
        self.epoch = 0  # the best one, from 1
        self.weights: Weights = []
        self._weights_now = weights
        self._score = (-math.inf, -math.inf)

    def see(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Compare an epoch that has ended; Keras calls this, and counts from 0."""
        if "val_accuracy" in logs:
            score = (logs["val_accuracy"], -logs["val_loss"])
            if score <= self._score:
                return
            self._score = score
        self.epoch, self.weights = epoch + 1, self._weights_now()


def _fit_best(
    training: Digits,
    validation: Digits,
    classes: Classes,
    settings: Settings,
    progress: OnEpoch | None,
) -> tuple[Any, int, History]:
    """Return the network of logits after its best epoch, that epoch's number, and the history."""
    keras = _seeded_keras(settings.seed)
    network = build_logits_network(classes)
    one_hot = np.eye(classes.count, dtype=np.float32)
    (images, labels), (validation_images, validation_labels) = training, validation
    steps = math.ceil(len(labels) / settings.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, settings.epochs * steps)
    network.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    batches = augmented_batches(
        images,
        one_hot[labels],
        AUGMENTATION,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        seed=settings.seed,
    )
    held_out = (scaled(validation_images, SCALE), one_hot[validation_labels])
    best = BestEpoch(network.get_weights)
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=best.see)]
    if progress:
        callbacks.append(_reporter(keras, settings.epochs, progress))
    fitted = network.fit(
        batches,
        epochs=settings.epochs,
        steps_per_epoch=steps,
        validation_data=held_out if len(validation_labels) else None,
        validation_batch_size=_VALIDATION_BATCH,
        shuffle=False,  # the batches are in random order already
        verbose=0,
        callbacks=callbacks,
    )
    network.set_weights(best.weights)
    return network, best.epoch, _history_of(fitted)


def _calibrated(
    network: Any,  # noqa: ANN401 - Keras has no types
    images: Images,
    labels: Labels,
) -> tuple[Weights, dict[str, float] | None]:
    """Return the weights at the best temperature, and the log loss before and after."""
    weights: Weights = network.get_weights()
    if not len(labels):
        return weights, None
    logits = network.predict(scaled(images, SCALE), batch_size=_VALIDATION_BATCH, verbose=0)
    temperature = best_temperature(logits, labels)
    before, after = log_loss(logits, labels), log_loss(logits / np.float32(temperature), labels)
    if after >= before:  # by rounding, where 1 is best
        temperature, after = 1.0, before
    return with_temperature(weights, temperature), {
        "temperature": temperature,
        "validation_log_loss_before": before,
        "validation_log_loss": after,
    }


def best_temperature(logits: Logits, labels: Labels) -> float:
    """Return the T, from 1/4 to 4, at which softmax(logits / T) has the lowest log loss.

    Temperature scaling makes a network right as often as its confidence says: C. Guo, G. Pleiss,
    Y. Sun, K. Q. Weinberger, "On calibration of modern neural networks", ICML 2017. The log loss
    is convex in 1/T, so bisection finds the one place where its slope changes sign. It needs at
    least one row.
    """
    low, high = -np.log(_MOST_TEMPERATURE), np.log(_MOST_TEMPERATURE)  # logarithms of 1/T
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        if _slope(logits, labels, np.exp(middle)) < 0:
            low = middle
        else:
            high = middle
    return float(np.exp(-(low + high) / 2))


def log_loss(logits: Logits, labels: Labels) -> float:
    """Return the mean negative logarithm (base e) of the true digit's probability, not clipped."""
    exponents = _exponents(logits)
    true = exponents[np.arange(len(labels)), labels]
    return float(np.mean(np.log(np.exp(exponents).sum(axis=1)) - true))


def with_temperature(weights: Weights, temperature: float) -> Weights:
    """Return weights that give logits divided by `temperature`, without another layer.

    The last two arrays are kernel and bias of the last layer, which is Dense.
    """
    *rest, kernel, bias = weights
    factor = np.float32(1 / temperature)
    return [*rest, kernel * factor, bias * factor]


def _slope(logits: Logits, labels: Labels, inverse: float) -> float:
    """Return the derivative of the log loss by 1/T: the mean of E[logit] - logit of the truth."""
    shares = np.exp(_exponents(logits * inverse))
    shares /= shares.sum(axis=1, keepdims=True)
    expected = (shares * logits).sum(axis=1)
    return float(np.mean(expected - logits[np.arange(len(labels)), labels]))


def _exponents(logits: Logits) -> npt.NDArray[np.float64]:
    """Return logits as float64, each row shifted so that its largest is 0: none overflows."""
    exact = logits.astype(np.float64)
    shifted: npt.NDArray[np.float64] = exact - exact.max(axis=1, keepdims=True)
    return shifted


def _seeded_keras(seed: int) -> ModuleType:
    """Return Keras, seeded so that the same calls give the same numbers."""
    keras = import_keras()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # Without it threads add up their sums in whatever order they end.
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    return keras


def _history_of(fitted: Any) -> History:  # noqa: ANN401 - Keras has no types
    """Return the history that Keras' `fit` returned, as plain numbers."""
    return {name: list(map(float, epochs)) for name, epochs in fitted.history.items()}


def _reporter(keras: ModuleType, epochs: int, progress: OnEpoch) -> Any:  # noqa: ANN401 - Keras has no types
    """Return a Keras callback that calls `progress` after each epoch."""

    def report(epoch: int, logs: Mapping[str, float]) -> None:
        validation = (logs.get("val_loss"), logs.get("val_accuracy"))
        progress(TrainingProgress(epoch + 1, epochs, logs["loss"], logs["accuracy"], *validation))

    return keras.callbacks.LambdaCallback(on_epoch_end=report)
