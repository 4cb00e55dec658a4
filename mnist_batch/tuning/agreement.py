"""Hold the predictions of each round to those of the first."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.errors import ModelError
from mnist_batch.options import Device
from mnist_batch.schema import PROBABILITIES

Array = npt.NDArray[np.float32]


def tolerance(device: Device) -> float:
    """Return how far probabilities may differ: sums in another order differ by 1e-6.

    A GPU may differ by more: TensorFlow lets NVIDIA's multiply with the ten bits of TF32,
    https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_tensor_float_32_execution.
    """
    return 1e-2 if device is Device.GPU else 1e-4


def probabilities_of(batches: Iterable[pa.RecordBatch]) -> Array:
    """Return the probabilities of predictions, float32 (n, classes): NaN where there is none."""
    column = pa.Table.from_batches(batches)[PROBABILITIES.name].combine_chunks()
    values = column.values.to_numpy().reshape(-1, column.type.list_size)
    return np.where(column.is_valid().to_numpy(zero_copy_only=False)[:, None], values, np.nan)


def check_same(found: Array, expected: Array, *, tolerance: float, made: str) -> None:
    """Check that predictions are the same however they were made: a fast wrong answer is none.

    Args:
        found: probabilities (n, classes), NaN where an image has no prediction.
        expected: those of the first round.
        tolerance: how far probabilities may differ.
        made: how `found` was predicted, for the message.

    Raises:
        ModelError: they differ.
    """
    same = np.isclose(found, expected, rtol=0, atol=tolerance, equal_nan=True).all(axis=1)
    if not same.all():
        row = int(np.flatnonzero(~same)[0])
        raise ModelError(
            f"predictions differ: {made} reads an image as {_digit(found[row])}, before it was "
            f"{_digit(expected[row])}; no speed of such a run counts, please report it"
        )


def _digit(probabilities: Array) -> str:
    if np.isnan(probabilities[0]):
        return "no digit"
    return f"{probabilities.argmax()} ({probabilities.max():.4f})"
