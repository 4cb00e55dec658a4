"""Fitting the network, as the original script did or to images that change at random."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import InputError
from mnist_batch.inference.keras_network import import_keras
from mnist_batch.inference.predictors import scaled
from mnist_batch.mnist import CLASSES
from mnist_batch.schema import Images
from mnist_batch.training.augmentation import Augmentation, augmented_batches
from mnist_batch.training.data import LabelledImages, Labels
from mnist_batch.training.network import LOSS, OPTIMIZER, SCALE, build_logits_network, build_network
from mnist_batch.training.temperature import best_temperature, log_loss, with_temperature

History = dict[str, list[float]]
"""One number per epoch of `loss`, `accuracy`, `val_loss` and `val_accuracy`; the last two only with
a validation split."""


Weights = list[npt.NDArray[np.float32]]
"""The arrays of a network as Keras' `get_weights` orders them."""


@dataclass(frozen=True)
class TrainingProgress:
    """How far training is, and how it goes.

    Attributes:
        epoch: epochs done.
        epochs: epochs in all.
        loss: mean cross-entropy over the epoch's training rows.
        accuracy: share of them that were right, 0 to 1.
        val_loss: the same on the validation rows, after the epoch; None without such.
        val_accuracy: the same on the validation rows, after the epoch; None without such.
    """

    epoch: int
    epochs: int
    loss: float
    accuracy: float
    val_loss: float | None
    val_accuracy: float | None


@dataclass(frozen=True)
class Settings:
    """How to train, checked; as in the model file."""

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


@dataclass(frozen=True, eq=False)
class Fitted:
    """A network that was fitted.

    Attributes:
        weights: of `network.build_network`.
        history: how loss and accuracy went.
        epoch: the one after which the weights were taken, from 1.
        recipe: how it was fitted, as the model file says it.
    """

    weights: Weights
    history: History
    epoch: int
    recipe: Mapping[str, Any]


def check_enough(rows: int, settings: Settings) -> None:
    """Raise `InputError` where Keras could not split the rows."""
    if settings.validation_split and validation_start(rows, settings) in (0, rows):
        raise InputError(
            f"{rows} rows are too few to split at {settings.validation_split}; bring more, or "
            "pass --validation-split 0"
        )


def validation_start(rows: int, settings: Settings) -> int:
    """Return the first of the validation rows, which are the last rows; by Keras' own formula."""
    return math.floor(rows * (1 - settings.validation_split))


def fit(
    training: LabelledImages,
    settings: Settings,
    progress: Callable[[TrainingProgress], None] | None,
) -> Fitted:
    """Fit the network by the original recipe, and take it as it is after the last epoch."""
    keras = seeded_keras(settings.seed)
    network = build_network()
    images, labels = training.mixed(settings.seed)
    fitted = network.fit(
        scaled(images, SCALE),
        labels,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        validation_split=settings.validation_split,
        verbose=0,
        callbacks=[reporter(keras, settings.epochs, progress)] if progress else [],
    )
    recipe = {**asdict(settings), "optimizer": OPTIMIZER, "loss": LOSS}
    return Fitted(network.get_weights(), history_of(fitted), settings.epochs, recipe)


def seeded_keras(seed: int) -> ModuleType:
    """Return Keras; from here on the same calls give the same numbers."""
    keras = import_keras()
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        # Sums over several threads would else be added in whatever order they come.
        tf.config.experimental.enable_op_determinism()
    keras.utils.set_random_seed(seed)
    return keras


def history_of(fitted: Any) -> History:  # noqa: ANN401 - Keras has no types
    """Return what Keras' `fit` returned, as plain numbers."""
    return {name: list(map(float, epochs)) for name, epochs in fitted.history.items()}


def reporter(
    keras: ModuleType,
    epochs: int,
    progress: Callable[[TrainingProgress], None],
) -> Any:  # noqa: ANN401 - Keras has no types
    """Return a callback of Keras that tells `progress` of each epoch."""

    def report(epoch: int, logs: Mapping[str, float]) -> None:
        progress(
            TrainingProgress(
                epoch=epoch + 1,
                epochs=epochs,
                loss=logs["loss"],
                accuracy=logs["accuracy"],
                val_loss=logs.get("val_loss"),
                val_accuracy=logs.get("val_accuracy"),
            )
        )

    return keras.callbacks.LambdaCallback(on_epoch_end=report)


AUGMENTATION = Augmentation()
LEARNING_RATE = 2e-3
"""At the start."""
WEIGHT_DECAY = 1e-4
"""What each step takes off a weight, as a share, before it is multiplied by the learning rate."""

_VALIDATION_BATCH = 2048


def fit_augmented(
    training: LabelledImages,
    settings: Settings,
    progress: Callable[[TrainingProgress], None] | None,
) -> Fitted:
    """Fit the network to digits that are changed at random, anew in each epoch.

    AdamW lessens the cross-entropy, with a learning rate that falls to 0 along half a cosine:
    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, and "SGDR:
    stochastic gradient descent with warm restarts", ICLR 2017, without the restarts.

    The weights are those of the epoch that read most validation rows right, and their temperature
    is the best for these rows, see `temperature`. Without validation rows they are those of the
    last epoch, as they are.
    """
    rows = _split(training, settings)
    network, epoch, history = _fit(rows, settings, progress)
    weights, calibration = _calibrated(network, rows)
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
        "calibration": calibration,
    }
    return Fitted(weights, history, epoch, recipe)


@dataclass(frozen=True, eq=False)
class _Rows:
    """The rows to learn from, and those that choose the epoch and the temperature, if any."""

    images: Images
    labels: Labels
    validation_images: Images
    validation_labels: Labels


def _split(training: LabelledImages, settings: Settings) -> _Rows:
    images, labels = training.mixed(settings.seed)
    start = validation_start(len(labels), settings)
    return _Rows(images[:start], labels[:start], images[start:], labels[start:])


class BestEpoch:
    """Keeps a network's weights after the epoch with the best validation accuracy.

    Among equals that is the one with the lowest validation loss, then the first. Without
    validation it is the last one.

    Attributes:
        epoch: which one it is, from 1; 0 before any.
        weights: the weights after it.
    """

    def __init__(self, weights: Callable[[], Weights]) -> None:
        """Take what returns the weights as they are when it is called."""
        self.epoch = 0
        self.weights: Weights = []
        self._weights_now = weights
        self._score = (-math.inf, -math.inf)

    def see(self, epoch: int, logs: Mapping[str, float]) -> None:
        """Look at an epoch that has ended; called by Keras, which counts from 0."""
        if "val_accuracy" in logs:
            score = (logs["val_accuracy"], -logs["val_loss"])
            if score <= self._score:
                return
            self._score = score
        self.epoch, self.weights = epoch + 1, self._weights_now()


def _fit(
    rows: _Rows,
    settings: Settings,
    progress: Callable[[TrainingProgress], None] | None,
) -> tuple[Any, int, History]:
    """Return the network of logits after its best epoch, which epoch that was, and the history."""
    keras = seeded_keras(settings.seed)
    network = build_logits_network()
    one_hot = np.eye(CLASSES, dtype=np.float32)
    steps = math.ceil(len(rows.labels) / settings.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(LEARNING_RATE, settings.epochs * steps)
    network.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    batches = augmented_batches(
        rows.images,
        one_hot[rows.labels],
        AUGMENTATION,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        seed=settings.seed,
    )
    validation = (scaled(rows.validation_images, SCALE), one_hot[rows.validation_labels])
    best = BestEpoch(network.get_weights)
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=best.see)]
    if progress:
        callbacks.append(reporter(keras, settings.epochs, progress))
    fitted = network.fit(
        batches,
        epochs=settings.epochs,
        steps_per_epoch=steps,
        validation_data=validation if len(rows.validation_labels) else None,
        validation_batch_size=_VALIDATION_BATCH,
        shuffle=False,  # the batches are in random order already
        verbose=0,
        callbacks=callbacks,
    )
    network.set_weights(best.weights)
    return network, best.epoch, history_of(fitted)


def _calibrated(network: Any, rows: _Rows) -> tuple[Weights, dict[str, float] | None]:  # noqa: ANN401 - Keras has no types
    """Return a network's weights at the best temperature, and what that did to the log loss."""
    weights: Weights = network.get_weights()
    labels = rows.validation_labels
    if not len(labels):
        return weights, None
    inputs = scaled(rows.validation_images, SCALE)
    logits = network.predict(inputs, batch_size=_VALIDATION_BATCH, verbose=0)
    temperature = best_temperature(logits, labels)
    before, after = log_loss(logits, labels), log_loss(logits / np.float32(temperature), labels)
    if after >= before:  # by rounding, where 1 is the best
        temperature, after = 1.0, before
    return with_temperature(weights, temperature), {
        "temperature": temperature,
        "validation_log_loss_before": before,
        "validation_log_loss": after,
    }
