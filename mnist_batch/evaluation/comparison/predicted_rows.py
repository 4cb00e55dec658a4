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
from mnist_batch.inputs.dataset.layout import is_dataset
from mnist_batch.outputs.reader import FORMATS, PredictionsFile
from mnist_batch.schema import (
    CONTENT,
    DIGIT,
    DIGITS,
    PATH,
    PREDICTIONS,
    Classes,
    predictions_schema,
)

SOURCE_AND_ROW = "source and row"
"""By what images are known where nothing else is asked for: both columns together."""

KNOWN_BY = (PATH.name, CONTENT.name)
"""Columns by which images are known otherwise, in the order in which they are tried."""

UNKNOWN = -1
"""The key of a row that has no value."""

_PER_DIGIT = 2**40
"""What each digit of a picture adds to the key of its source and row: no file has as many rows."""

Numbers = NDArray[np.int8] | NDArray[np.int16]
"""Classes of rows, of the type that `schema.Classes.dtype` says."""

_NIGHT = "predictions.parquet"
"""What `mnist-batch nightly` calls the predictions in the folder of a night."""


@dataclass(frozen=True, eq=False)
class PredictedRows:
    """The rows of a predictions file, in its order.

    Attributes:
        path: the file.
        run: how the predictions were made, see `PredictionsFile.run`.
        table: the columns of the schema but the probabilities.
        keys: int64 (n,), for `SOURCE_AND_ROW` and for each column by which the images may be known:
            equal where these are, in every file of this process, else `UNKNOWN`. They are hashes
            of 64 bits, a quarter of what the texts take: among two million of them two are
            equal by chance once in ten million comparisons.
        classes: those of labels and predictions.
        digits: the column `digit`; None where pictures were not split.
    """

    path: Path
    run: Mapping[str, Any] | None
    table: pa.Table
    keys: Mapping[str, NDArray[np.int64]]
    classes: Classes = DIGITS
    digits: pa.Array | None = None

    def __len__(self) -> int:
        """Return the number of rows."""
        return int(self.table.num_rows)

    def has(self, column: str) -> bool:
        """Tell whether the images may be known by a column: it is there, with a value in a row."""
        keys = self.keys.get(column)
        return keys is not None and (not len(keys) or bool((keys != UNKNOWN).any()))

    def contents(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """Return the keys of the contents of rows, `UNKNOWN` where there is none: int64 (n,)."""
        keys = self.keys.get(CONTENT.name)
        return np.full(len(places), UNKNOWN) if keys is None else keys[places]

    @cached_property
    def labels(self) -> Numbers:
        """The true classes, -1 where a row has no label: (n,)."""
        return self._numbers("label")

    @cached_property
    def predictions(self) -> Numbers:
        """The predicted classes, -1 where a row has no prediction: (n,)."""
        return self._numbers("prediction")

    @cached_property
    def pictures(self) -> NDArray[np.int64] | None:
        """The place of each row's picture among those of the input, int64 (n,).

        None where pictures were not split into their digits.
        """
        if self.digits is None:
            return None
        return np.cumsum(self.digits.fill_null(0).to_numpy() == 0) - 1

    def _numbers(self, name: str) -> Numbers:
        return np.asarray(self.table[name].fill_null(-1).to_numpy())


def read_rows(predictions: Path, known_by: Sequence[str] = KNOWN_BY) -> PredictedRows:
    """Read a predictions file, and of `known_by` the columns that it has.

    Raises:
        PredictionsError: the file cannot be read or is no predictions file.
    """
    path = predictions_file(predictions)
    kept: list[pa.RecordBatch] = []
    with PredictionsFile(path) as file:
        further = [name for name in known_by if name in file.further]
        named = [name for name in known_by if name in (*PREDICTIONS.names, *further)]
        keys = {name: [np.empty(0, np.int64)] for name in (SOURCE_AND_ROW, *named)}
        digits: list[pa.Array] = []
        for batch in file.batches(further):
            if DIGIT.name in batch.schema.names:
                digits.append(batch.column(DIGIT.name))
            kept.append(batch.select(PREDICTIONS.names))
            sources, rows = _hashes(batch.column("source")), batch.column("row").to_numpy()
            keys[SOURCE_AND_ROW].append(sources + rows + _of_digits(batch))
            for name in named:
                keys[name].append(_hashes(batch.column(name)))
        run, classes = file.run, file.classes
    numbered = Classes(classes.count)
    return PredictedRows(
        path,
        run,
        pa.Table.from_batches(kept, predictions_schema(with_probabilities=False, classes=numbered)),
        {name: np.concatenate(parts) for name, parts in keys.items()},
        classes,
        pa.chunked_array(digits, DIGIT.type).combine_chunks() if digits else None,
    )


def _of_digits(batch: pa.RecordBatch) -> NDArray[np.int64]:
    """Return what a row's number in its picture adds to its key; 0 for the first or only one."""
    if DIGIT.name not in batch.schema.names:
        return np.zeros(len(batch), np.int64)
    numbers = batch.column(DIGIT.name).fill_null(0).to_numpy()
    return np.asarray(numbers, np.int64) * _PER_DIGIT


def key_of(text: str) -> int:
    """Return the key of a value, the same in the whole of this process."""
    return hash(text)


def _hashes(column: pa.Array) -> NDArray[np.int64]:
    """Return the hash of each value, `UNKNOWN` where it is null; no value has it for a hash."""
    encoded = column.dictionary_encode()
    values = np.array([*map(key_of, encoded.dictionary.to_pylist()), UNKNOWN], np.int64)
    places: NDArray[np.int32] = encoded.indices.fill_null(len(values) - 1).to_numpy()
    return values[places]


def predictions_file(path: Path) -> Path:
    """Return the predictions that a path names: itself, or those of a report or of a night.

    Raises:
        PredictionsError: a folder is neither.
    """
    if not path.is_dir() or is_dataset(path):
        return path
    beside = [path.with_suffix(suffix) for suffix in FORMATS] if path.suffix == ".report" else []
    for file in (*beside, path / _NIGHT):
        if file.is_file():
            return file
    if path.suffix == ".report" and is_dataset(path.with_suffix("")):
        return path.with_suffix("")
    raise PredictionsError(
        f"{path} is a folder without predictions; expected a predictions file, its report beside "
        "it, or the folder of a night"
    )
