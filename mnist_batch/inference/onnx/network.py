"""Run the network of an ONNX file; see `predictors.Network`."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import ModelError
from mnist_batch.inference.onnx import runtime
from mnist_batch.inference.onnx.trial import tried
from mnist_batch.machine.failures import is_out_of_memory, out_of_memory
from mnist_batch.models.layers import Layer, as_taken, count_classes, digit_shape
from mnist_batch.models.model_file import OnnxFile
from mnist_batch.options import Device

Array = npt.NDArray[np.float32]

BLOCK_ROWS = 256  # measured: 3.0 us an image of Dense 128-64-10, 3.6 at 128, 4.5 at 32; NumPy 6.8


class OnnxNetwork:
    """A network that ONNX Runtime runs, in each worker on its own."""

    def __init__(
        self, file: OnnxFile, device: Device, batch_size: int, note: Callable[[str], None]
    ) -> None:
        """Build the network of an ONNX file.

        Args:
            file: the file.
            device: where the network runs.
            batch_size: how many rows it runs at once on a GPU, unless it takes a fixed number.
            note: called with a sentence for the user.

        Raises:
            ModelError: ONNX Runtime is not installed; there is no such device; the network cannot
                be run, see `trial.tried`.
        """
        self._file = file
        try:
            library = runtime.import_onnxruntime()
            trial = tried(file)
            self.class_count = count_classes(trial.output_shape)
            self._session = runtime.opened(library, runtime.content_of(file), device)
        except ModelError as error:
            raise ModelError(f"{file.path}: {error}") from error
        except Exception as error:
            raise self._failed(error) from error
        shape = file.input.shape or ()
        self.input_shape = digit_shape(shape[1:])
        self.activation = "softmax" if trial.gives_probabilities else file.activation
        rows = batch_size if runtime.is_on_gpu(self._session) else BLOCK_ROWS
        self.block_rows = shape[0] or (1 if trial.rows == 1 else rows)
        if self.block_rows == 1 and 1 not in (batch_size, BLOCK_ROWS):
            note(
                "takes one image at a time, which is slow; export it with an open number of "
                "images (dynamic_axes of torch.onnx.export)"
            )

    @property
    def layers(self) -> list[Layer]:
        """Its operations in order."""
        return self._file.shown_layers()

    def outputs(self, inputs: Array) -> Array:
        """Return the network's outputs, float32 (n, classes), for scaled pixels, float32 (n, 784).

        Raises:
            ModelError: ONNX Runtime raises an exception.
            MachineError: memory ran out.
        """
        given = as_taken(inputs, self.input_shape).astype(self._file.input.kind, copy=False)
        try:
            [values] = self._session.run([self._file.output.name], {self._file.input.name: given})
        except Exception as error:
            raise self._failed(error) from error
        return np.asarray(values, np.float32).reshape(len(inputs), -1)

    def _failed(self, error: Exception) -> Exception:
        if is_out_of_memory(error):
            return out_of_memory(error, str(self._file.path))
        why = f"ONNX Runtime cannot run this model: {runtime.cause(error)}"
        return ModelError(f"{self._file.path}: {why}")
