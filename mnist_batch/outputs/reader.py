"""Read a predictions file, Parquet or CSV, as batches of `schema.PREDICTIONS`."""

import contextlib
import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.kept import as_text, kept_type
from mnist_batch.inputs.labelling.tables import csv_cause
from mnist_batch.inputs.labels import shown
from mnist_batch.inputs.listing import open_native
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.mnist import CLASSES
from mnist_batch.schema import (
    DIGITS,
    FORMULA,
    METADATA_KEY,
    PREDICTIONS,
    PROBABILITIES,
    predictions_schema,
    shortened,
)

_CSV_PROBABILITIES = [f"p{digit}" for digit in range(CLASSES)]


class PredictionsFile(AbstractContextManager["PredictionsFile", None]):
    """A predictions file; the suffix names its format. Its context closes it.

    It is opened once: where a run replaces the file meanwhile, all that is read is of the old one.
    Where it is written anew in place, as `cp` does, reading it ends in an error.

    Attributes:
        path: the file.
        run: the record of the run, from the Parquet file's metadata; None where there is none, as
            in every CSV file.
        further: names of the columns that the schema lacks, as `path`, `content` and those that
            `predict` kept.
        classes: what labels and predictions are numbers of.
    """

    def __init__(self, path: Path) -> None:
        """Open `path` and check its columns.

        Raises:
            PredictionsError: there is no such file, its suffix is unknown, it is damaged, or a
                column is missing.
        """
        self.path = path
        self.classes = DIGITS
        self._format = _format_of(path)
        with _predictions_errors(path):
            self._file = open_native(path)
            self._state = self._stat()
            columns, self.run = self._format.header(self._file)
        self._columns = list(PREDICTIONS.names)
        given = [name for name in self._format.probabilities if name in columns]
        if given:
            self._columns += self._format.probabilities
        missing = [name for name in self._columns if name not in columns]
        if missing:
            raise PredictionsError(
                f"{path} lacks the columns {', '.join(missing)}; expected a file that "
                "mnist-batch predict wrote"
            )
        self._schema = predictions_schema(with_probabilities=bool(given))
        own = {*PREDICTIONS.names, *self._format.probabilities}
        self.further = [name for name in columns if name not in own]

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def batches(self, further: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield the rows in the file's order, with or without the column of probabilities.

        `further` names columns to add after these, as text: as CSV has them, null where null.

        Raises:
            PredictionsError: one of the further columns is missing, twice there, or nested; or,
                while iterating, the file is damaged, a digit is not 0 to 9, or a confidence or a
                probability not 0 to 1; it names the row, counted from 0.
        """
        for name in further:
            if (count := self.further.count(name)) != 1:
                found = f"{count} columns" if count else "no column"
                raise PredictionsError(
                    f"{self.path} has {found} {name!r}; predict again with --keep-column, or name "
                    f"one of its own: {', '.join(map(shortened, self.further[:5])) or 'none'}"
                )
        start = 0
        with _predictions_errors(self.path):
            for batch in self._format.batches(self._file, [*self._columns, *further]):
                yield _with_further(self._checked(batch, start), batch, further)
                start += batch.num_rows
            if self._stat() != self._state:
                raise PredictionsError(f"{self.path} was changed while it was read; try again")

    def _stat(self) -> tuple[int, int]:
        """Return size and time of the file that is open."""
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns

    def _checked(self, batch: pa.RecordBatch, start: int) -> pa.RecordBatch:
        """Return `batch` in the schema's types; other tools may have changed them."""
        for name in ("label", "prediction"):
            wrong = pc.invert(_is_digit(batch.column(name)))
            self._refuse(wrong, batch, name, start, "a digit from 0 to 9 or nothing")
        for field in PREDICTIONS:
            if not field.nullable:
                empty = batch.column(field.name).is_null()
                self._refuse(empty, batch, field.name, start, "a value in every row")
        columns = [_typed(batch.column(field.name), field.type) for field in self._schema]
        confidence = columns[self._schema.get_field_index("confidence")]
        # NaN is neither above 0 nor below 1.
        sound = pc.and_(pc.greater_equal(confidence, 0), pc.less_equal(confidence, 1))
        wrong = pc.invert(sound.fill_null(True))
        self._refuse(wrong, batch, "confidence", start, "a number from 0 to 1 or nothing")
        if PROBABILITIES in self._schema:
            wrong = _outside_0_to_1(columns[-1])
            self._refuse(wrong, batch, PROBABILITIES.name, start, "ten numbers from 0 to 1")
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def _refuse(
        self, wrong: pa.Array, batch: pa.RecordBatch, name: str, start: int, expected: str
    ) -> None:
        index = pc.index(wrong, True).as_py()
        if index >= 0:
            found, where = batch.column(name)[index].as_py(), f"{self.path}, row {start + index}"
            raise PredictionsError(f"{where}: {name} is {shown(found)}; expected {expected}")


def holds_predictions(path: Path) -> bool:
    """Tell whether a file has the columns of predictions; no row is read.

    Raises:
        PredictionsError: it cannot be read, or its suffix is none of `FORMATS`.
    """
    form = _format_of(path)
    with _predictions_errors(path), open_native(path) as file:
        columns, _ = form.header(file)
    return set(PREDICTIONS.names) <= {*columns}


def _with_further(
    checked: pa.RecordBatch, batch: pa.RecordBatch, names: Sequence[str]
) -> pa.RecordBatch:
    """Return rows with further columns of `batch`, as text."""
    for name in names:
        column = as_text(batch.column(name))
        checked = checked.append_column(pa.field(name, pa.string()), column)
    return checked


def _is_digit(column: pa.Array) -> pa.Array:
    """Return where a column is null or a digit, as 7, 7.0 or, in CSV, their text: bool (n,)."""
    if pa.types.is_string(column.type):
        # pandas writes 7.0 where a column of integers has gaps.
        digit = pc.match_substring_regex(column, r"^[0-9](\.0)?$")
    else:
        digit = pc.is_in(column.cast(pa.float64()), pa.array(range(CLASSES), pa.float64()))
    return pc.or_(column.is_null(), digit.fill_null(False))


def _typed(column: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_string(column.type) and target == pa.int8():
        column = column.cast(pa.float64())
    return column.cast(target)


def _outside_0_to_1(column: pa.FixedSizeListArray) -> pa.Array:
    """Return where probabilities are not ten numbers from 0 to 1: bool (n,); null is fine."""
    wrong = np.zeros(len(column), dtype=bool)
    given = column.is_valid().to_numpy(zero_copy_only=False)
    # A null or NaN among the ten is neither above 0 nor below 1, so it is found as well.
    values = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, CLASSES)
    wrong[given] = ~((values >= 0) & (values <= 1)).all(axis=1)
    return pa.array(wrong)


class _Format(NamedTuple):
    """How files of one format are read."""

    # Reads the names of the columns and the record of the run.
    header: Callable[[pa.NativeFile], tuple[list[str], dict[str, Any] | None]]
    # The columns that hold the probabilities.
    probabilities: list[str]
    # Reads batches with at least the given columns, the probabilities as one.
    batches: Callable[[pa.NativeFile, list[str]], Iterator[pa.RecordBatch]]


def _parquet_header(opened: pa.NativeFile) -> tuple[list[str], dict[str, Any] | None]:
    with pq.ParquetFile(opened) as file:
        schema, metadata = file.schema_arrow, file.metadata.metadata or {}
    names = [field.name for field in schema if _is_readable(field)]
    run = json.loads(metadata.get(METADATA_KEY, "null"))
    return names, run if _is_run(run) else None


def _is_readable(field: pa.Field) -> bool:
    """Tell whether a column is of the schema, or can be read as text."""
    return field.name == PROBABILITIES.name or kept_type(field.type) is not None


def _is_run(run: Any) -> bool:  # noqa: ANN401 - JSON
    """Tell whether metadata holds what this package reads of a record that `predict` wrote."""
    return (
        isinstance(run, dict)
        and isinstance(run.get("options"), dict)
        and isinstance(run["options"].get("sample_seed"), int)
        and isinstance(run.get("elapsed_s"), int | float)
        and isinstance(run.get("images_per_s"), int | float | None)
    )


def _parquet_batches(opened: pa.NativeFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(opened) as file:
        yield from file.iter_batches(columns=columns)


def _csv_header(opened: pa.NativeFile) -> tuple[list[str], None]:
    return [_unguarded_name(name) for name in _csv_names(opened)], None


def _csv_names(opened: pa.NativeFile) -> list[str]:
    """Return the names of the columns as they stand in the file."""
    opened.seek(0)
    # utf-8-sig: spreadsheets put a byte order mark first, which Arrow skips too.
    text = io.TextIOWrapper(opened, encoding="utf-8-sig", newline="")
    try:
        return next(csv.reader(text), [])
    finally:
        text.detach()  # which would close the file


def _csv_batches(opened: pa.NativeFile, columns: list[str]) -> Iterator[pa.RecordBatch]:
    stored = {_unguarded_name(name): name for name in _csv_names(opened)}
    read = [stored[name] for name in columns]
    opened.seek(0)
    reader = pyarrow.csv.open_csv(
        opened,
        # A file name may hold a line break; it is inside quotes then.
        parse_options=pyarrow.csv.ParseOptions(newlines_in_values=True),
        convert_options=pyarrow.csv.ConvertOptions(
            column_types={**dict.fromkeys(read, pa.string()), **_CSV_TYPES},
            include_columns=read,
            # By default Arrow also reads NA, null and nan as null, which can be names of files.
            null_values=[""],
            strings_can_be_null=True,
        ),
    )
    with reader:
        for batch in reader:
            yield _from_csv(batch.rename_columns(columns))


_CSV_TYPES = {
    **{field.name: field.type for field in PREDICTIONS},
    **dict.fromkeys(_CSV_PROBABILITIES, pa.float32()),
    # As text first: Arrow's error would name the column, ours names the row.
    "label": pa.string(),
    "prediction": pa.string(),
}


def _from_csv(batch: pa.RecordBatch) -> pa.RecordBatch:
    for index, field in enumerate(batch.schema):
        if pa.types.is_string(field.type):
            batch = batch.set_column(index, field.name, _unguarded(batch.column(index)))
    if _CSV_PROBABILITIES[0] not in batch.schema.names:
        return batch
    probabilities = [batch.column(name) for name in _CSV_PROBABILITIES]
    values = np.column_stack([column.to_numpy(zero_copy_only=False) for column in probabilities])
    column = pa.FixedSizeListArray.from_arrays(
        pa.array(values.ravel()), CLASSES, mask=probabilities[0].is_null()
    )
    return batch.append_column(PROBABILITIES, column)


def _unguarded_name(name: str) -> str:
    return re.sub(f"^'({FORMULA})", r"\1", name)


def _unguarded(column: pa.Array) -> pa.Array:
    """Remove the `'` that keeps a spreadsheet from running a text as a formula."""
    return pc.replace_substring_regex(column, pattern=f"^'({FORMULA})", replacement=r"\1")


FORMATS = {
    ".parquet": _Format(_parquet_header, [PROBABILITIES.name], _parquet_batches),
    ".csv": _Format(_csv_header, _CSV_PROBABILITIES, _csv_batches),
}


def _format_of(path: Path) -> _Format:
    if path.suffix.lower() not in FORMATS:
        raise PredictionsError(
            f"{path} is no predictions file: the suffix is {path.suffix or 'missing'}, expected "
            f"{' or '.join(FORMATS)}"
        )
    with _predictions_errors(path):
        if not path.is_file():
            problem = "is a folder" if path.is_dir() else "does not exist"
            raise PredictionsError(f"{path} {problem}; name a predictions file")
    return FORMATS[path.suffix.lower()]


@contextlib.contextmanager
def _predictions_errors(path: Path) -> Iterator[None]:
    """Raise what Arrow, the decoders and the system say of a damaged file in one line."""
    try:
        yield
    # ValueError: of Arrow, of bytes that are not UTF-8, and of JSON, also for an endless number.
    except (pa.ArrowException, OSError, csv.Error, ValueError, RecursionError) as error:
        raise_if_of_machine(error, str(path))
        of_system = isinstance(error, OSError) and error.errno
        advice = "check the path" if of_system else "it is damaged, or another program wrote it"
        raise PredictionsError(f"{path} cannot be read: {csv_cause(error)}; {advice}") from error
