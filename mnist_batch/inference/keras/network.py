"""Import Keras late and quietly, and run any network on it."""

import contextlib
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import MachineError, ModelError
from mnist_batch.inference.keras.builder import built_model, cause, output_shape, unnested
from mnist_batch.machine import environment, streams
from mnist_batch.machine.failures import is_out_of_memory, out_of_memory
from mnist_batch.models.layers import Layer, as_taken, count_classes, digit_shape
from mnist_batch.models.model_file import ModelFile
from mnist_batch.options import Device

Array = npt.NDArray[np.float32]


def import_keras() -> ModuleType:
    """Import Keras on the backend that `KERAS_BACKEND` names, TensorFlow where it names none.

    Keras reads no file of settings and no other variable, and writes nothing to the home. It does
    not import Matplotlib, which would read such files too, unless the calling program did.

    With TensorFlow this takes 4 to 9 seconds, so only what needs Keras calls it. TensorFlow then
    takes memory of a GPU as it needs it, and not all at once.

    Raises:
        ModelError: Keras knows no such backend, or it is not installed.
    """
    # TensorFlow reads this when it is imported; 3 silences all but fatal messages.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    logging.getLogger("absl").setLevel(logging.ERROR)
    try:
        # Neither can Keras find settings in its home nor make it, where that is no folder.
        with (
            _silent_stderr(),
            _without_temporary_folder(),
            environment.without("KERAS_", KERAS_HOME=os.devnull),
            _without_matplotlib(),
        ):
            import keras

            if keras.backend.backend() == "tensorflow":
                _let_gpu_memory_grow()
    # AttributeError: of what is installed in part.
    except (AttributeError, ImportError, ValueError, OSError) as error:
        if is_out_of_memory(error):
            raise out_of_memory(error, "Keras") from error
        backend = os.environ.get("KERAS_BACKEND", "tensorflow")
        remedy = "install it, or let KERAS_BACKEND name another backend"
        raise ModelError(f"Keras cannot start on {backend}: {error}; {remedy}") from error
    module: ModuleType = keras
    return module


def _let_gpu_memory_grow() -> None:
    import tensorflow as tf

    # RuntimeError: the calling program has used the GPU already, and its setting stays.
    with contextlib.suppress(RuntimeError):
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)


def _without_matplotlib() -> contextlib.AbstractContextManager[None]:
    used_before = "matplotlib" in sys.modules
    return contextlib.nullcontext() if used_before else environment.hidden("matplotlib")


@contextlib.contextmanager
def _without_temporary_folder() -> Iterator[None]:
    """Let an import pass that asks for a temporary folder where there is none, and writes nothing.

    TensorFlow 2.21 imports its tests, which do. So may a container be set up: all is read-only but
    the folder of the output.
    """
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = os.devnull
        try:
            yield
        finally:
            tempfile.tempdir = None
    else:
        yield


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Discard all that is written to file descriptor 2 meanwhile.

    TensorFlow 2.21 writes some messages there before it reads its own log level. The command has
    nothing of its own there; a program that calls this package may.
    """
    if not streams.is_open(2):
        yield
        return
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
    """Return the versions of Keras, which is imported already, and of its backend."""
    import keras

    backend = keras.backend.backend()
    return {"keras": keras.__version__, backend: sys.modules[backend].__version__}


def sees_gpu() -> bool:
    """Tell whether Keras has a GPU to run on; this imports Keras."""
    keras = import_keras()
    if keras.backend.backend() == "torch":  # Keras 3.15 lists no devices on it
        return bool(sys.modules["torch"].cuda.is_available())
    try:
        return bool(keras.distribution.list_devices("gpu"))
    except RuntimeError:  # what JAX raises where there is none
        return False


class KerasNetwork:
    """A network that Keras runs, on one device, one batch at a time; see `networks.Network`."""

    def __init__(
        self, file: ModelFile, device: Device, batch_size: int, note: Callable[[str], None]
    ) -> None:
        """Build the network of a model file.

        Args:
            file: the model file.
            device: where the network runs.
            batch_size: how many rows it runs at once, unless it was saved for a fixed number.
            note: called with a sentence for the user each time that memory runs out.

        Raises:
            ModelError: there is no such device; or as `built_model` does.
        """
        self._path = file.path
        self._note = note
        self._keras = import_keras()
        self._device = self._device_name(device)
        try:
            self._model = built_model(file, self._keras, self._device)
        except ModelError as error:
            raise ModelError(f"{file.path}: {error}") from error
        [given], [result] = self._model.inputs, self._model.outputs
        self.input_shape = digit_shape(given.shape[1:])
        self.class_count = count_classes(result.shape[1:])
        self.activation = file.activation
        self._input = getattr(self._model, "input", 0)  # a Sequential model may have none
        fixed: int | None = given.shape[0]
        self.block_rows = fixed or batch_size
        self._rows, self._least_rows = self.block_rows, fixed or 1
        # Keras does not promise that several threads may call a model at once.
        self._lock = threading.Lock()

    @property
    def layers(self) -> list[Layer]:
        """The layers in order, those of networks within it too, without its input."""
        input_layer = self._keras.layers.InputLayer
        layers = (one for one in unnested(self._model.layers) if not isinstance(one, input_layer))
        return [_described(layer) for layer in layers]

    def outputs(self, inputs: Array) -> Array:
        """Return the network's outputs, float32 (n, classes), for scaled pixels, float32 (n, 784).

        n is `block_rows`: as the number stays the same, Keras traces its graph only once. Where
        memory runs out, these rows and all later ones are run in batches of half the size.

        Raises:
            ModelError: the network raises an exception.
            MachineError: memory is too small for the smallest batch.
        """
        outputs = np.empty((len(inputs), self.class_count), np.float32)
        with self._lock:
            done = 0
            while done < len(inputs):
                # The last batch may reach back over rows that are done: all have the same shape.
                start = min(done, len(inputs) - self._rows)
                batch = slice(start, start + self._rows)
                values = self._run(partial(as_taken, inputs[batch], self.input_shape))
                if values is not None:
                    outputs[batch], done = values, batch.stop
        return outputs

    def _run(self, made: Callable[[], Any]) -> Array | None:
        """Return the outputs of a batch; None where memory ran out, after which batches shrink.

        `made` returns the batch as the network takes it; it is called where the network runs.
        """
        # The one input and the one output may stand alone, in a list, or under a name.
        tree = self._keras.tree
        try:
            with self._keras.device(self._device):
                digits = made()
                given = tree.map_structure(lambda _: digits, self._input)
                outputs = self._model.predict_on_batch(given)
        except Exception as error:
            if not is_out_of_memory(error):
                raise self._failure(error) from error
            self._shrink()
            return None  # and try again without the exception, whose frames hold on to memory
        [values] = tree.flatten(outputs)
        return np.asarray(values, np.float32).reshape(-1, self.class_count)

    def _failure(self, error: Exception) -> ModelError:
        """Return what the user reads of an error of Keras, its backend or a driver."""
        return ModelError(f"{self._path}: Keras cannot run this model: {cause(error)}")

    def _shrink(self) -> None:
        where = "the GPU" if self._device.startswith("gpu") else "this machine"
        if self._rows == self._least_rows:
            why = f"{where} runs out of memory even at batches of {self._rows}"
            raise MachineError(f"{self._path}: {why}; free memory, or run the model elsewhere")
        self._rows, before = self._rows // 2, self._rows
        self._note(f"{where} ran out of memory at batches of {before}; went on with {self._rows}")

    def _device_name(self, device: Device) -> str:
        gpu = sees_gpu()
        if device is Device.GPU and not gpu:
            where = f"Keras on {self._keras.backend.backend()}"
            raise ModelError(f"--device gpu: {where} sees no GPU here; pass --device cpu or auto")
        return "cpu:0" if device is Device.CPU or not gpu else "gpu:0"


def _described(layer: Any) -> Layer:  # noqa: ANN401 - Keras
    function = getattr(layer, "activation", None)
    name = None if function is None else getattr(function, "__name__", type(function).__name__)
    weights = [np.asarray(array, np.float32) for array in layer.get_weights()]
    return Layer(layer.name, type(layer).__name__, output_shape(layer), name, weights)
