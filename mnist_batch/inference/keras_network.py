"""Keras, imported quietly and late, and any network that runs on it."""

import contextlib
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.inference.keras_builder import built_model, cause, output_shape, unnested
from mnist_batch.mnist import CLASSES
from mnist_batch.models.file import ModelFile
from mnist_batch.models.layers import Layer, digit_shape
from mnist_batch.options import Device

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


def versions() -> dict[str, str]:
    """Return the versions of Keras and of its backend, once Keras is imported."""
    import keras

    backend = keras.backend.backend()
    return {"keras": keras.__version__, backend: sys.modules[backend].__version__}


def sees_gpu() -> bool:
    """Tell whether Keras has a GPU to run on; it is imported if it is not yet."""
    keras = import_keras()
    if keras.backend.backend() == "torch":  # Keras 3.15 lists no devices on it
        return bool(sys.modules["torch"].cuda.is_available())
    try:
        return bool(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # what JAX raises where there is none
        return False


class KerasNetwork:
    """A model that Keras runs, on one device, one batch at a time.

    Attributes:
        input_shape: the shape of one input, 784 values in all.
        batch_rows: how many rows `outputs` takes.
    """

    def __init__(
        self, file: ModelFile, device: Device, batch_rows: int, note: Callable[[str], None]
    ) -> None:
        """Build the model of a file.

        Args:
            file: the model.
            device: where it runs.
            batch_rows: how many rows it is to run at once, unless it was saved for a fixed number.
            note: called with a sentence where the user should know of something.

        Raises:
            ModelError: Keras cannot build the model, it is no classifier of 28x28 images in ten
                classes, its arrays do not fit, or there is no such device.
        """
        self._path = file.path
        self._note = note
        self._keras = import_keras()
        self._device = self._device_name(device)
        try:
            self._model = built_model(file, self._keras, self._device)
        except ModelError as error:
            raise ModelError(f"{file.path}: {error}") from error
        [given] = self._model.inputs
        self.input_shape = digit_shape(given.shape[1:])
        self._input = getattr(self._model, "input", 0)  # a Sequential has none: it stands alone
        fixed: int | None = given.shape[0]
        self.batch_rows = fixed or batch_rows
        self._rows, self._least_rows = self.batch_rows, fixed or 1
        # Keras models are not made to be called by several threads at once.
        self._lock = threading.Lock()

    @property
    def layers(self) -> list[Layer]:
        """What the model has, layers of models within it too, in the order of the model."""
        return [
            Layer(
                name=layer.name,
                kind=type(layer).__name__,
                output_shape=output_shape(layer),
                activation=_activation(layer),
                weights=[np.asarray(array, np.float32) for array in layer.get_weights()],
            )
            for layer in unnested(self._model.layers)
            if not isinstance(layer, self._keras.layers.InputLayer)
        ]

    def outputs(self, inputs: Array) -> Array:
        """Return the network's outputs, float32 (n, 10).

        Where memory runs out, the rows are run again in batches of half the size, and so are all
        that follow.

        Args:
            inputs: scaled pixels, float32 (n, 784), n being `batch_rows`: with a number that stays
                the same, Keras traces its graph only once.

        Raises:
            ModelError: the model raises an exception, or memory does not even do for the smallest
                batch.
        """
        outputs = np.empty((len(inputs), CLASSES), np.float32)
        with self._lock:
            done = 0
            while done < len(inputs):
                # Where a batch would be short it reaches back: all have the same shape.
                start = min(done, len(inputs) - self._rows)
                batch = slice(start, start + self._rows)
                values = self._run(inputs[batch])
                if values is not None:
                    outputs[batch], done = values, batch.stop
        return outputs

    def _run(self, inputs: Array) -> Array | None:
        """Return the outputs of a batch, or None where memory ran out: the batches then shrink."""
        digits = inputs.reshape(-1, *self.input_shape)
        # The one input and the one output may stand alone, in a list, or under a name.
        tree = self._keras.tree
        given = tree.map_structure(lambda _: digits, self._input)
        try:
            with self._keras.device(self._device):
                outputs = self._model.predict_on_batch(given)
        except Exception as error:
            if not _is_out_of_memory(error):
                raise ModelError(
                    f"{self._path}: Keras cannot run this model: {cause(error)}"
                ) from error
            self._shrink()
            return None  # and try again without the exception, whose frames hold on to memory
        [values] = tree.flatten(outputs)
        return np.asarray(values, np.float32).reshape(-1, CLASSES)

    def _shrink(self) -> None:
        where = "the GPU" if self._device.startswith("gpu") else "this machine"
        if self._rows == self._least_rows:
            raise ModelError(
                f"{self._path}: {where} runs out of memory even at batches of {self._rows}; "
                "free memory, or run the model elsewhere"
            )
        self._rows, before = self._rows // 2, self._rows
        self._note(f"{where} ran out of memory at batches of {before}; went on with {self._rows}")

    def _device_name(self, device: Device) -> str:
        gpu = sees_gpu()
        if device is Device.GPU and not gpu:
            backend = self._keras.backend.backend()
            raise ModelError(
                f"--device gpu: Keras on {backend} sees no GPU here; pass --device cpu or auto"
            )
        return "cpu:0" if device is Device.CPU or not gpu else "gpu:0"


def _activation(layer: object) -> str | None:
    function = getattr(layer, "activation", None)
    return None if function is None else getattr(function, "__name__", type(function).__name__)


def _is_out_of_memory(error: Exception) -> bool:
    """Tell whether memory ran out, by what the backends raise then.

    TensorFlow's ResourceExhaustedError, and an InternalError where it cannot copy to a GPU that is
    full; the OutOfMemoryError of PyTorch, on a CPU its RuntimeError; JAX's JaxRuntimeError, which
    is raised for much else; MemoryError of NumPy. Keras raises some of them anew as another type
    with the message in it.
    """
    names = {kind.__name__ for kind in type(error).__mro__}
    if names & {"ResourceExhaustedError", "OutOfMemoryError", "MemoryError"}:
        return True
    return any(sign in str(error) for sign in _SIGNS_OF_FULL_MEMORY)


_SIGNS_OF_FULL_MEMORY = (
    "RESOURCE_EXHAUSTED",
    "out of memory",
    "DefaultCPUAllocator: ",
    "Dst tensor is not initialized",
)
