"""Whether predictions are the same however they were made: a fast wrong answer is none."""

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.errors import ModelError
from mnist_batch.mnist import CLASSES

CPU_TOLERANCE = 1e-4
"""How far confidences may be apart; sums of another order differ by 1e-6."""

GPU_TOLERANCE = 1e-2
"""The same where a GPU computed one of them: TensorFlow lets NVIDIA's multiply with the ten bits
of TF32, https://www.tensorflow.org/api_docs/python/tf/config/experimental/enable_tensor_float_32_execution."""


class Reference:
    """Predictions to which all others are held."""

    def __init__(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Take predictions with their probabilities, at least one row."""
        table = pa.Table.from_batches(batches).combine_chunks()
        self._digits, self._confidences = _digits(table), _confidences(table)
        # Not flattened, which leaves out the rows without a prediction.
        values = table["probabilities"].combine_chunks().values
        self._probabilities = values.to_numpy().reshape(-1, CLASSES)

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self._digits)

    def check(
        self, batches: Iterable[pa.RecordBatch], *, period: int, tolerance: float, made: str
    ) -> None:
        """Hold predictions to these.

        Confidences are to agree to a tolerance, and digits unless two were as likely.

        Args:
            batches: predictions of the same images, again from the first after the last, and again
                from the first after each `period` rows.
            period: see there.
            tolerance: how far confidences may be apart.
            made: how the predictions were made, for the message.

        Raises:
            ModelError: they differ.
        """
        table = pa.Table.from_batches(batches)
        digits, confidences = _digits(table), _confidences(table)
        places = np.arange(len(digits)) % period % len(self)
        expected = self._confidences[places]
        rival = self._probabilities[places, digits]
        tie = (digits >= 0) & (rival >= expected - 2 * tolerance)
        unread = (digits < 0) & (self._digits[places] < 0)
        near = np.abs(confidences - expected) <= tolerance
        wrong = ~(unread | (near & ((digits == self._digits[places]) | tie)))
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            place = places[row]
            raise ModelError(
                f"predictions differ: {made} reads image {place} as {digits[row]} "
                f"({confidences[row]:.4f}), before it was {self._digits[place]} "
                f"({expected[row]:.4f}); no speed of such a run counts, please report it"
            )


def _digits(table: pa.Table) -> npt.NDArray[np.int8]:
    """Return the predictions, -1 where there is none."""
    digits: npt.NDArray[np.int8] = table["prediction"].fill_null(-1).to_numpy()
    return digits


def _confidences(table: pa.Table) -> npt.NDArray[np.float32]:
    """Return the confidences, NaN where there is none."""
    confidences: npt.NDArray[np.float32] = table["confidence"].to_numpy()
    return confidences
