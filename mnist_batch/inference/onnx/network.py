"""Run the network of an ONNX file; see `networks.Network`."""

import threading
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from mnist_batch.errors import MachineError, ModelError
from mnist_batch.inference.onnx import runtime
from mnist_batch.inference.onnx.trial import BLOCK_ROWS, tried
from mnist_batch.machine import extras
from mnist_batch.machine.failures import is_out_of_memory, out_of_memory
from mnist_batch.models.layers import Layer, as_taken, count_classes, digit_shape
from mnist_batch.models.model_file import OnnxFile
from mnist_batch.options import Device

Array = npt.NDArray[np.float32]


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
            MissingExtraError: ONNX Runtime is not installed.
            ModelError: there is no such device; the network cannot be run, see `trial.tried`.
        """
        extras.require(f"{file.path}: an ONNX file", extras.ONNX_RUNTIME)
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
        self._on_gpu = runtime.is_on_gpu(self._session)
        rows = batch_size if self._on_gpu and trial.rows > 1 else trial.rows
        self.block_rows = shape[0] or rows
        self._rows, self._least_rows = self.block_rows, shape[0] or 1
        self._note, self._lock = note, threading.Lock()
        if trial.lacks_memory and not self._on_gpu:
            note(
                f"takes much memory: it gets {self.block_rows} images at once, not {BLOCK_ROWS}, "
                "and each worker of --workers takes up to 1 GiB for them"
            )
        elif self.block_rows == 1 and batch_size != 1:
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

        n is `block_rows`. Where memory runs out, these rows and all later ones are run in batches
        of half the size.

        Raises:
            ModelError: ONNX Runtime raises an exception.
            MachineError: memory is too small for the smallest batch.
        """
        outputs = np.empty((len(inputs), self.class_count), np.float32)
        done = 0
        while done < len(inputs):
            rows = self._rows
            # The last batch may reach back over rows that are done: all have the same shape.
            start = max(min(done, len(inputs) - rows), 0)
            batch = slice(start, start + rows)
            values = self._run(inputs[batch])
            if values is None:
                self._shrink(rows)
            else:
                outputs[batch], done = values, batch.stop
        return outputs

    def _run(self, inputs: Array) -> Array | None:
        """Return the outputs of a batch; None where memory ran out."""
        given = as_taken(inputs, self.input_shape).astype(self._file.input.kind, copy=False)
        try:
            [values] = self._session.run([self._file.output.name], {self._file.input.name: given})
        except Exception as error:
            if not is_out_of_memory(error):
                raise self._failed(error) from error
            return None
        return np.asarray(values, np.float32).reshape(len(inputs), -1)

    def _shrink(self, rows: int) -> None:
        """Halve the batches, of so many rows, unless another worker did meanwhile."""
        where = "the GPU" if self._on_gpu else "this machine"
        with self._lock:
            if self._rows != rows:
                return
            if rows == self._least_rows:
                why = f"{where} runs out of memory even at batches of {rows}"
                raise MachineError(
                    f"{self._file.path}: {why}; free memory, pass fewer --workers, or run the "
                    "model elsewhere"
                )
            self._rows = rows // 2
            self._note(f"{where} ran out of memory at batches of {rows}; went on with {rows // 2}")

    def _failed(self, error: Exception) -> Exception:
        if is_out_of_memory(error):
            return out_of_memory(error, str(self._file.path))
        why = f"ONNX Runtime cannot run this model: {runtime.cause(error)}"
        return ModelError(f"{self._file.path}: {why}")
