"""Fitting the network to digits that are changed at random."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from mnist_batch.decoding.pixels import scaled
from mnist_batch.evaluation.calibration import best_temperature, log_loss, with_temperature
from mnist_batch.mnist import CLASSES
from mnist_batch.schema import Images
from mnist_batch.training.augmentation import Augmentation, augmented_batches
from mnist_batch.training.data import LabelledImages, Labels
from mnist_batch.training.fitting import (
    Fitted,
    History,
    Settings,
    TrainingProgress,
    Weights,
    history_of,
    reporter,
    seeded_keras,
    validation_start,
)
from mnist_batch.training.network import SCALE, build_logits_network

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
    is the best for these rows, see `calibration`. Without validation rows they are those of the
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
