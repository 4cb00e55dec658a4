"""Keras, imported quietly and late, and any network that Keras can load."""

import contextlib
import logging
import math
import os
import threading
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.model_file import ModelFile
from mnist_batch.options import Device
from mnist_batch.pixels import PIXELS, SIDE
from mnist_batch.schema import CLASSES

Array = npt.NDArray[np.float32]


def import_keras() -> ModuleType:
    """Import Keras on the backend that `KERAS_BACKEND` names, TensorFlow where it names none.

    This takes 4 to 9 seconds with TensorFlow, so only what needs Keras calls it. TensorFlow takes
    memory of a GPU as it needs it, not all at once.
    """
    # TensorFlow reads this when it is imported; 3 silences all but fatal messages.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("absl").setLevel(logging.ERROR)
    with _silent_stderr():
        import keras

        if keras.backend.backend() == "tensorflow":
            import tensorflow as tf

            for gpu in tf.config.list_physical_devices("GPU"):
                tf.config.experimental.set_memory_growth(gpu, True)
    module: ModuleType = keras
    return module


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Drop what is written to file descriptor 2.

    TensorFlow 2.21 writes some messages there before it reads its own log level. Exceptions are
    not lost: they are shown after the descriptor is back.
    """
    kept = os.dup(2)
    null = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(null, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(null)


class KerasNetwork:
    """A model that Keras loads and runs, on one device, one batch at a time.

    Attributes:
        input_shape: the shape of one input, 784 values in all.
    """

    def __init__(self, file: ModelFile, device: Device) -> None:
        """Load a model file.

        Raises:
            ModelError: Keras refuses the file, it is no classifier of 28x28 images in ten classes,
                or there is no such device.
        """
        self._keras = import_keras()
        self._device = self._device_name(device)
        with self._keras.device(self._device):
            self._model = self._load(file)
        self.input_shape = _shape_of_digit(self._model, file)
        # Keras models are not made to be called by several threads at once.
        self._lock = threading.Lock()

    def outputs(self, inputs: Array) -> Array:
        """Return the network's outputs, float32 (n, 10), for scaled pixels float32 (n, 784)."""
        with self._lock, self._keras.device(self._device):
            outputs = self._model.predict_on_batch(inputs.reshape(-1, *self.input_shape))
        return np.asarray(outputs, np.float32).reshape(-1, CLASSES)

    def _device_name(self, device: Device) -> str:
        gpus = self._keras.distribution.list_devices("gpu")
        if device is Device.GPU and not gpus:
            backend = self._keras.backend.backend()
            raise ModelError(
                f"--device gpu: Keras on {backend} sees no GPU here; pass --device cpu or auto"
            )
        return "cpu:0" if device is Device.CPU or not gpus else "gpu:0"

    def _load(self, file: ModelFile) -> Any:  # noqa: ANN401 - Keras has no types
        try:
            return self._keras.models.load_model(file.path, compile=False, safe_mode=True)
        except Exception as error:
            # Keras raises nearly any type on files of other versions and on unknown layers.
            lines = str(error).strip().splitlines()
            cause = lines[0] if lines else type(error).__name__
            raise ModelError(f"{file.path}: Keras cannot load this model: {cause}") from error


def _shape_of_digit(model: Any, file: ModelFile) -> tuple[int, ...]:  # noqa: ANN401 - Keras
    """Return the shape in which a model takes one digit; height and width may be open."""
    given, outputs = model.input_shape, model.output_shape
    if isinstance(given, list) or isinstance(outputs, list):
        raise ModelError(f"{file.path}: several inputs or outputs; expected one of each")
    shape = tuple(SIDE if size is None else size for size in given[1:])
    if shape[2:] == (SIDE,):
        shape = (*shape[:2], 1)  # an open number of channels: a digit has one
    if math.prod(shape) != PIXELS:
        raise ModelError(f"{file.path}: takes images of shape {given[1:]}; expected 28x28")
    if math.prod(size or 0 for size in outputs[1:]) != CLASSES:
        raise ModelError(
            f"{file.path}: gives outputs of shape {outputs[1:]}; expected {CLASSES} classes"
        )
    return shape
