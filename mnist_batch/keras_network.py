"""Keras, imported quietly and late, and any network that Keras can load."""

import contextlib
import logging
import math
import os
import shutil
import tempfile
import threading
import zipfile
from collections.abc import Iterator
from pathlib import Path
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

    Raises:
        ModelError: Keras knows no such backend, or it is not installed.
    """
    # TensorFlow reads this when it is imported; 3 silences all but fatal messages.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("absl").setLevel(logging.ERROR)
    try:
        with _silent_stderr():
            import keras

            if keras.backend.backend() == "tensorflow":
                _let_gpu_memory_grow()
    except (ImportError, ValueError) as error:
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        raise ModelError(
            f"Keras cannot start on {backend}: {error}; "
            "install it, or let KERAS_BACKEND name another backend"
        ) from error
    module: ModuleType = keras
    return module


def _let_gpu_memory_grow() -> None:
    import tensorflow as tf

    # RuntimeError: the program around us has used the GPU already, and its setting stays.
    with contextlib.suppress(RuntimeError):
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)


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
        self._input = getattr(self._model, "input", 0)  # a Sequential has none: it stands alone
        # Keras models are not made to be called by several threads at once.
        self._lock = threading.Lock()

    def outputs(self, inputs: Array) -> Array:
        """Return the network's outputs, float32 (n, 10), for scaled pixels float32 (n, 784)."""
        digits = inputs.reshape(-1, *self.input_shape)
        # The one input and the one output may stand alone, in a list, or under a name.
        tree = self._keras.tree
        given = tree.map_structure(lambda _: digits, self._input)
        with self._lock, self._keras.device(self._device):
            outputs = self._model.predict_on_batch(given)
        [values] = tree.flatten(outputs)
        return np.asarray(values, np.float32).reshape(-1, CLASSES)

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
            with _known_suffix(file.path) as path:
                return self._keras.models.load_model(path, compile=False, safe_mode=True)
        except Exception as error:
            # Keras raises nearly any type on files of other versions and on unknown layers.
            lines = str(error).strip().splitlines()
            cause = lines[0] if lines else type(error).__name__
            raise ModelError(f"{file.path}: Keras cannot load this model: {cause}") from error


@contextlib.contextmanager
def _known_suffix(path: Path) -> Iterator[Path]:
    """Give a model file under a name that Keras takes: it goes by the suffix, in small letters."""
    suffix = ".keras" if zipfile.is_zipfile(path) else ".h5"
    if path.suffix == suffix:
        yield path
        return
    with tempfile.TemporaryDirectory() as folder:
        yield shutil.copyfile(path, Path(folder) / f"model{suffix}")


def _shape_of_digit(model: Any, file: ModelFile) -> tuple[int, ...]:  # noqa: ANN401 - Keras
    """Return the shape in which a model takes one digit; height and width may be open."""
    try:
        given, outputs = model.input_shape, model.output_shape
    except AttributeError as error:
        raise ModelError(
            f"{file.path}: the file does not say the shape of the input; "
            "save the model after it was built or trained"
        ) from error
    if not (isinstance(given, tuple) and isinstance(outputs, tuple)):
        raise ModelError(f"{file.path}: several or named inputs or outputs; expected one of each")
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
