"""The rows of a predictions file in memory, as a comparison needs them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mnist_batch.errors import PredictionsError
from mnist_batch.outputs.reader import FORMATS, PredictionsFile
from mnist_batch.schema import CONTENT, PATH, PREDICTIONS

KNOWN_BY = (PATH.name, CONTENT.name)
"""Columns by which images are known beside source and row, in the order in which they are tried."""

_NIGHT = "predictions.parquet"
"""What `mnist-batch nightly` calls the predictions in the folder of a night."""


@dataclass(frozen=True, eq=False)
class PredictedRows:
    """The rows of a predictions file, in its order.

    Attributes:
        path: the file.
        run: how the predictions were made, see `PredictionsFile.run`.
        table: the columns of the schema but the probabilities; and by which the images are known.
    """

    path: Path
    run: Mapping[str, Any] | None
    table: pa.Table

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.table.num_rows)

    def has(self, column: str) -> bool:
        """Tell whether there is such a column, with a value in some row."""
        return column in self.table.column_names and (
            not len(self) or self.table[column].null_count < len(self)
        )

    @cached_property
    def labels(self) -> NDArray[np.int8]:
        """The true digits, -1 where a row has no label: int8 (n,)."""
        return self._digits("label")

    @cached_property
    def predictions(self) -> NDArray[np.int8]:
        """The predicted digits, -1 where a row has no prediction: int8 (n,)."""
        return self._digits("prediction")

    def _digits(self, name: str) -> NDArray[np.int8]:
        return np.asarray(self.table[name].fill_null(-1).to_numpy(), np.int8)


def read_rows(predictions: Path, known_by: Sequence[str] = KNOWN_BY) -> PredictedRows:
    """Read a predictions file, and of `known_by` the columns that it has.

    Raises:
        PredictionsError: the file cannot be read or is no predictions file.
    """
    path = predictions_file(predictions)
    with PredictionsFile(path) as file:
        further = [name for name in known_by if name in file.further]
        columns = [*PREDICTIONS, *(pa.field(name, pa.string()) for name in further)]
        names = [field.name for field in columns]
        batches = (batch.select(names) for batch in file.batches(further))
        return PredictedRows(path, file.run, pa.Table.from_batches(batches, pa.schema(columns)))


def predictions_file(path: Path) -> Path:
    """Return the predictions that a path names: itself, or those of a report or of a night.

    Raises:
        PredictionsError: a folder is neither.
    """
    if not path.is_dir():
        return path
    beside = [path.with_suffix(suffix) for suffix in FORMATS] if path.suffix == ".report" else []
    for file in (*beside, path / _NIGHT):
        if file.is_file():
            return file
    raise PredictionsError(
        f"{path} is a folder without predictions; expected a predictions file, its report beside "
        "it, or the folder of a night"
    )
