"""Fitting the network to digits that are changed at random, from the truth or from a teacher."""

import math
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from mnist_batch.augmentation import Augmentation, augmented_batches
from mnist_batch.calibration import best_temperature, log_loss, with_temperature
from mnist_batch.fitting import (
    Fitted,
    History,
    Phase,
    Settings,
    TrainingProgress,
    Weights,
    history_of,
    reporter,
    seeded_keras,
    validation_start,
)
from mnist_batch.keras_network import import_keras
from mnist_batch.network import SCALE, build_logits_network, build_teacher
from mnist_batch.pixels import scaled
from mnist_batch.schema import CLASSES
from mnist_batch.shards import Images
from mnist_batch.training_data import LabelledImages, Labels


@dataclass(frozen=True)
class Optimization:
    """AdamW, with a learning rate that falls to 0 along half a cosine.

    I. Loshchilov, F. Hutter, "Decoupled weight decay regularization", ICLR 2019, and "SGDR:
    stochastic gradient descent with warm restarts", ICLR 2017, without the restarts.

    Attributes:
        epochs: until the rate is 0.
        learning_rate: at the start.
        weight_decay: what each step takes off a weight, as a share, before it is multiplied by the
            learning rate.
    """

    epochs: int
    learning_rate: float
    weight_decay: float


AUGMENTATION = Augmentation()
LEARNING_RATE, WEIGHT_DECAY = 2e-3, 1e-4
TEACHER = Optimization(epochs=15, learning_rate=3e-3, weight_decay=1e-3)
TEACHER_SHARE = 0.9
"""How much of a target is what the teacher says; the rest is the truth."""

_VALIDATION_BATCH = 2048


def fit_augmented(
    training: LabelledImages,
    settings: Settings,
    *,
    teacher: bool,
    progress: Callable[[TrainingProgress], None] | None,
) -> Fitted:
    """Fit the network to digits that are changed at random, anew in each epoch.

    The weights are those of the epoch that read most validation rows right, and their temperature
    is the best for these rows, see `calibration`. Without validation rows they are those of the
    last epoch, as they are.

    With a teacher, a larger network is fitted first, for 15 epochs, or as many as the network if
    those are fewer. The network then learns to say of each changed image what the teacher says of
    it: G. Hinton, O. Vinyals, J. Dean, "Distilling the knowledge in a neural network", 2015, at
    temperature 1.
    """
    rows = _split(training, settings)
    expert = _teacher(rows, settings, progress) if teacher else None
    best = _fit(
        build_logits_network,
        rows,
        settings,
        Optimization(settings.epochs, LEARNING_RATE, WEIGHT_DECAY),
        Phase.STUDENT if expert else Phase.TRAINING,
        progress,
        teacher=expert.network if expert else None,
    )
    weights, calibration = _calibrated(best.network, rows)
    recipe = {
        **asdict(settings),
        **best.record(),
        "loss": "categorical_crossentropy",
        "augmentation": asdict(AUGMENTATION),
        "teacher": {"share": TEACHER_SHARE, **expert.record()} if expert else None,
        "calibration": calibration,
    }
    return Fitted(weights, best.history, best.epoch, recipe)


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


@dataclass(frozen=True, eq=False)
class _Best:
    """A network as it was after its best epoch, and how it came there."""

    network: Any
    optimization: Optimization
    epoch: int
    history: History

    def record(self) -> dict[str, Any]:
        """Return what the model file says of it."""
        accuracies = self.history.get("val_accuracy")
        return {
            "parameters": self.network.count_params(),
            "optimizer": "adamw",
            "schedule": "cosine decay to 0",
            **asdict(self.optimization),
            "epoch": self.epoch,
            "validation_accuracy": accuracies[self.epoch - 1] if accuracies else None,
        }


def _teacher(
    rows: _Rows, settings: Settings, progress: Callable[[TrainingProgress], None] | None
) -> _Best:
    course = replace(TEACHER, epochs=min(TEACHER.epochs, settings.epochs))
    return _fit(build_teacher, rows, settings, course, Phase.TEACHER, progress)


def _fit(
    build: Callable[[], Any],
    rows: _Rows,
    settings: Settings,
    optimization: Optimization,
    phase: Phase,
    progress: Callable[[TrainingProgress], None] | None,
    *,
    teacher: Any = None,  # noqa: ANN401 - Keras has no types
) -> _Best:
    """Fit the network that `build` returns; without a teacher to the truth alone."""
    keras = seeded_keras(settings.seed)
    network = build()
    model = network if teacher is None else distillation(network, teacher)
    one_hot = np.eye(CLASSES, dtype=np.float32)
    steps = math.ceil(len(rows.labels) / settings.batch_size)
    rate = keras.optimizers.schedules.CosineDecay(
        optimization.learning_rate, optimization.epochs * steps
    )
    model.compile(
        optimizer=keras.optimizers.AdamW(rate, weight_decay=optimization.weight_decay),
        loss=keras.losses.CategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    batches = augmented_batches(
        rows.images,
        one_hot[rows.labels],
        AUGMENTATION,
        batch_size=settings.batch_size,
        epochs=optimization.epochs,
        seed=settings.seed,
    )
    validation = (scaled(rows.validation_images, SCALE), one_hot[rows.validation_labels])
    best = BestEpoch(network.get_weights)
    callbacks = [keras.callbacks.LambdaCallback(on_epoch_end=best.see)]
    if progress:
        callbacks.append(reporter(keras, phase, optimization.epochs, progress))
    fitted = model.fit(
        batches,
        epochs=optimization.epochs,
        steps_per_epoch=steps,
        validation_data=validation if len(rows.validation_labels) else None,
        validation_batch_size=_VALIDATION_BATCH,
        shuffle=False,  # the batches are in random order already
        verbose=0,
        callbacks=callbacks,
    )
    network.set_weights(best.weights)
    return _Best(network, optimization, best.epoch, history_of(fitted))


def distillation(student: Any, teacher: Any) -> Any:  # noqa: ANN401 - Keras has no types
    """Return a model that is the student, but learns from what the teacher says of its inputs.

    Both take the same inputs and give logits; the teacher is not changed. Compile it with a loss
    that takes logits and, as targets, probabilities float32 (n, 10).
    """
    keras = import_keras()
    teacher.trainable = False

    class Distillation(keras.Model):  # type: ignore[name-defined, misc] # Keras has no types
        def __init__(self) -> None:
            super().__init__()
            self.student, self.teacher = student, teacher

        def call(self, inputs: Any, training: bool = False) -> Any:  # noqa: ANN401
            return self.student(inputs, training=training)

        def compute_loss(
            self,
            x: Any = None,  # noqa: ANN401
            y: Any = None,  # noqa: ANN401
            y_pred: Any = None,  # noqa: ANN401
            sample_weight: Any = None,  # noqa: ANN401
            training: bool = True,
        ) -> Any:  # noqa: ANN401
            # Here and not in the targets: accuracy and validation are measured on the truth.
            if training:
                said = keras.ops.softmax(self.teacher(x, training=False))
                y = TEACHER_SHARE * said + (1 - TEACHER_SHARE) * y
            return super().compute_loss(x, y, y_pred, sample_weight, training)

    return Distillation()


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
