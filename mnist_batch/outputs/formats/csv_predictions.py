"""Read a predictions file that is CSV."""

import csv
import io
import os
import re
from collections.abc import Iterator, Sequence
from itertools import count as count_from
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from mnist_batch.inputs.files.opening import open_native
from mnist_batch.schema import DIGITS, FORMULA, PREDICTIONS, PROBABILITIES


class CsvPredictions:
    """A CSV file, see `Opened`; it has no record of the run."""

    run = None

    def __init__(self, path: Path) -> None:
        """Open a file."""
        self._file = open_native(path)
        self.columns = [_unguarded_name(name) for name in _names(self._file)]
        self.probabilities = _count(self.columns)
        self.stored = _places(self.probabilities)

    def batches(self, columns: Sequence[str]) -> Iterator[pa.RecordBatch]:
        """Yield all rows, with the given columns, the probabilities as one."""
        stored = {_unguarded_name(name): name for name in _names(self._file)}
        read = [stored[name] for name in columns]
        self._file.seek(0)
        reader = pyarrow.csv.open_csv(
            self._file,
            # A file name may hold a line break; it is inside quotes then.
            parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
            convert_options=pyarrow.csv.ConvertOptions(
                column_types={
                    **dict.fromkeys(read, pa.string()),
                    **_TYPES,
                    **{name: pa.float32() for name in read if _IS_PROBABILITY.fullmatch(name)},
                },
                include_columns=read,
                # By default Arrow also reads NA, null and nan as null, which can be names of files.
                null_values=[""],
                strings_can_be_null=True,
            ),
        )
        with reader:
            for batch in reader:
                yield _typed(batch.rename_columns([*columns]))

    def check(self) -> None:
        """Do nothing: the file is open."""

    def state(self) -> tuple[int, ...]:
        """Return size and time of the file that is open."""
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _count(names: Sequence[str]) -> int:
    """Return how many probabilities the columns of CSV hold: 0 for none.

    One alone is of the ten of digits, of which the others are missing.
    """
    there = {*names}
    count = next(place for place in count_from(0) if f"p{place}" not in there)
    last = max((int(name[1:]) for name in there if _IS_PROBABILITY.fullmatch(name)), default=-1)
    count = max(count, last + 1)
    return DIGITS.count if count == 1 else count


_IS_PROBABILITY = re.compile(r"p(0|[1-9][0-9]{0,2})")


def _places(count: int) -> list[str]:
    return [f"p{place}" for place in range(count)]


def _names(opened: pa.NativeFile) -> list[str]:
    """Return the names of the columns as they stand in the file."""
    opened.seek(0)
    # utf-8-sig: spreadsheets put a byte order mark first, which Arrow skips too.
    text = io.TextIOWrapper(opened, encoding="utf-8-sig", newline="")
    try:
        return next(csv.reader(text), [])
    finally:
        text.detach()  # which would close the file


_TYPES = {
    **{field.name: field.type for field in PREDICTIONS},
    # As text first: Arrow's error would name the column, ours names the row.
    "label": pa.string(),
    "prediction": pa.string(),
}


def _typed(batch: pa.RecordBatch) -> pa.RecordBatch:
    for index, field in enumerate(batch.schema):
        if pa.types.is_string(field.type):
            batch = batch.set_column(index, field.name, _unguarded(batch.column(index)))
    names = _places(_count(batch.schema.names))
    if not names:
        return batch
    probabilities = [batch.column(name) for name in names]
    values = np.column_stack([column.to_numpy(zero_copy_only=False) for column in probabilities])
    column = pa.FixedSizeListArray.from_arrays(
        pa.array(values.ravel()), len(names), mask=probabilities[0].is_null()
    )
    return batch.append_column(PROBABILITIES.name, column)


def _unguarded_name(name: str) -> str:
    return re.sub(f"^'({FORMULA})", r"\1", name)


def _unguarded(column: pa.Array) -> pa.Array:
    """Remove the `'` that keeps a spreadsheet from running a text as a formula."""
    return pc.replace_substring_regex(column, pattern=f"^'({FORMULA})", replacement=r"\1")
