"""Fitting the network as the original script did, and what every way of fitting shares."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.decoding.pixels import scaled
from mnist_batch.errors import InputError
from mnist_batch.inference.keras_network import import_keras
from mnist_batch.training.data import LabelledImages
from mnist_batch.training.network import LOSS, OPTIMIZER, SCALE, build_network

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
