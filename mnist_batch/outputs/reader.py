"""Read a predictions file, Parquet or CSV, as batches of `schema.PREDICTIONS`."""

import contextlib
import csv
import io
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from itertools import count as count_from
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet as pq

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.kept import as_text, kept_type
from mnist_batch.inputs.labelling.labels import shown
from mnist_batch.inputs.labelling.names import classes_of, whole_number
from mnist_batch.inputs.labelling.tables import csv_cause
from mnist_batch.inputs.listing import open_native
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.schema import (
    BOX,
    DIGIT,
    DIGITS,
    FORMULA,
    LABEL_NAME,
    METADATA_KEY,
    MOST_CLASSES,
    PREDICTION_NAME,
    PREDICTIONS,
    PROBABILITIES,
    Classes,
    predictions_schema,
    shortened,
)


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
        self._format = _format_of(path)
        with _predictions_errors(path):
            self._file = open_native(path)
            self._state = self._stat()
            columns, self.run, count = self._format.header(self._file)
        self._columns = list(PREDICTIONS.names)
        probabilities = self._format.probabilities(count) if count else []
        self._columns += probabilities
        # Columns of an input may be called so too, but hardly both.
        of_split = [name for name in (DIGIT.name, BOX.name) if name in columns]
        is_split = len(of_split) == 2
        self._columns += of_split if is_split else []
        missing = [name for name in self._columns if name not in columns]
        if missing:
            raise PredictionsError(
                f"{path} lacks the columns {', '.join(missing)}; expected a file that "
                "mnist-batch predict wrote"
            )
        with _predictions_errors(path):
            self.classes = self._classes(columns, count)
        numbered = Classes(self.classes.count)
        self._schema = predictions_schema(
            with_probabilities=bool(count), classes=numbered, split=is_split
        )
        own = {*self._columns}
        self.further = [name for name in columns if name not in own]

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._file.close()

    def batches(self, further: Sequence[str] = ()) -> Iterator[pa.RecordBatch]:
        """Yield the rows in the file's order, with or without the column of probabilities.

        `further` names columns to add after these, as text: as CSV has them, null where null. Where
        pictures were split into their digits, no batch ends within a picture.

        Raises:
            PredictionsError: one of the further columns is missing, twice there, or nested; or,
                while iterating, the file is damaged, a number is of no class, or a confidence or a
                probability is not 0 to 1; it names the row, counted from 0.
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
            read = self._format.batches(self._file, [*self._columns, *further])
            for batch in _whole_pictures(read) if DIGIT in self._schema else read:
                yield _with_further(self._checked(batch, start), batch, further)
                start += batch.num_rows
            if self._stat() != self._state:
                raise PredictionsError(f"{self.path} was changed while it was read; try again")

    def _classes(self, columns: Sequence[str], count: int) -> Classes:
        """Return the classes by the record of the run, or else by the columns.

        `count` is the number of probabilities, 0 without such. Where nothing else tells, the
        numbers do: those of no digits are classes as `classes_of` says.
        """
        stated = classes_of_record(self.run)
        if stated is not None and count in (0, stated.count):
            return stated
        named = {LABEL_NAME.name, PREDICTION_NAME.name} <= {*columns}
        if count and not named:
            return Classes(count)
        wanted = ["label", "prediction"]
        wanted += [LABEL_NAME.name, PREDICTION_NAME.name] if named else []
        names: dict[int, str | None] = {}
        for batch in self._format.batches(self._file, wanted):
            # Predictions last: a label may be corrected, and its name not.
            for number, name in zip(wanted, wanted[2:] or (None, None), strict=False):
                names |= _names_by_number(batch, number, name)
        if not named:
            return classes_of([str(number) for number in names])
        count = max(count, *names, 1) if count else max(*names, 1, 1) + 1
        known = [names.get(number) or str(number) for number in range(count)]
        return Classes.of(count, known) if len({*known}) == count else Classes(count)

    def _stat(self) -> tuple[int, int]:
        """Return size and time of the file that is open."""
        status = os.fstat(self._file.fileno())
        return status.st_size, status.st_mtime_ns

    def _checked(self, batch: pa.RecordBatch, start: int) -> pa.RecordBatch:
        """Return `batch` in the schema's types; other tools may have changed them."""
        for name in ("label", "prediction"):
            wrong = pc.invert(_is_class(batch.column(name), self.classes.count))
            last = self.classes.count - 1
            expected = f"a {self.classes.noun} from 0 to {last} or nothing"
            self._refuse(wrong, batch, name, start, expected)
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
        if PROBABILITIES.name in self._schema.names:
            place = self._schema.get_field_index(PROBABILITIES.name)
            wrong = _outside_0_to_1(columns[place])
            count = "ten" if self.classes.are_digits else self.classes.count
            self._refuse(wrong, batch, PROBABILITIES.name, start, f"{count} numbers from 0 to 1")
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)

    def _refuse(
        self, wrong: pa.Array, batch: pa.RecordBatch, name: str, start: int, expected: str
    ) -> None:
        index = pc.index(wrong, True).as_py()
        if index >= 0:
            found, where = batch.column(name)[index].as_py(), f"{self.path}, row {start + index}"
            raise PredictionsError(f"{where}: {name} is {shown(found)}; expected {expected}")


def _whole_pictures(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Yield rows anew in batches, so that the digits of one picture are in one."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        numbers = batch.column(DIGIT.name).cast(pa.int16()).fill_null(0).to_numpy()
        starts = np.flatnonzero(numbers == 0)
        if len(starts):
            *whole, last = waiting
            yield pa.concat_batches([*whole, last.slice(0, starts[-1])])
            waiting = [last.slice(starts[-1])]
    if waiting:
        yield pa.concat_batches(waiting)


def holds_predictions(path: Path) -> bool:
    """Tell whether a file has the columns of predictions; no row is read.

    Raises:
        PredictionsError: it cannot be read, or its suffix is none of `FORMATS`.
    """
    form = _format_of(path)
    with _predictions_errors(path), open_native(path) as file:
        columns = form.header(file)[0]
    return set(PREDICTIONS.names) <= {*columns}


def _with_further(
    checked: pa.RecordBatch, batch: pa.RecordBatch, names: Sequence[str]
) -> pa.RecordBatch:
    """Return rows with further columns of `batch`, as text."""
    for name in names:
        column = as_text(batch.column(name))
        checked = checked.append_column(pa.field(name, pa.string()), column)
    return checked


def classes_of_record(run: Mapping[str, Any] | None) -> Classes | None:
    """Return the classes that the record of a run tells; the digits are not told."""
    told = (run or {}).get("classes")
    if run is None or told is None:
        return DIGITS if run is not None else None
    if not isinstance(told, dict) or not isinstance(count := told.get("count"), int):
        return None
    names = told.get("names")
    if not isinstance(names, list) or len(names) != count or not all(map(_is_text, names)):
        names = None
    return Classes.of(count, names) if 2 <= count <= MOST_CLASSES else None


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _names_by_number(batch: pa.RecordBatch, column: str, name: str | None) -> dict[int, str | None]:
    """Return the numbers of classes in a column, each with its name in another, or None."""
    names = pa.nulls(len(batch), pa.string()) if name is None else as_text(batch.column(name))
    pairs = pa.table([as_text(batch.column(column)), names], ["number", "name"])
    pairs = pairs.group_by(["number", "name"]).aggregate([])
    found: dict[int, str | None] = {}
    for number, text in zip(pairs["number"].to_pylist(), pairs["name"].to_pylist(), strict=True):
        whole = None if number is None else whole_number(number)
        if whole is not None and whole < MOST_CLASSES:
            found[whole] = text
    return found


def _is_class(column: pa.Array, count: int) -> pa.Array:
    """Return where a column is null or a number below `count`, as 7, 7.0 or its text: bool (n,)."""
    if pa.types.is_string(column.type):
        # pandas writes 7.0 where a column of integers has gaps.
        is_number = pc.match_substring_regex(column, r"^(0|[1-9][0-9]{0,2})(\.0)?$")
        numbers = pc.if_else(is_number, column, None).cast(pa.float64())
        sound = pc.and_(is_number, pc.less(numbers, count).fill_null(False))
        return pc.or_(is_number.is_null(), sound.fill_null(False))
    sound = pc.is_in(column.cast(pa.float64()), pa.array(range(count), pa.float64()))
    return pc.or_(column.is_null(), sound.fill_null(False))


def _typed(column: pa.Array, target: pa.DataType) -> pa.Array:
    if pa.types.is_string(column.type) and target in (pa.int8(), pa.int16()):
        column = column.cast(pa.float64())
    if pa.types.is_string(column.type) and target == BOX.type:
        boxes = [text and [*map(int, text.split())] for text in column.to_pylist()]
        return pa.array(boxes, target)
    return column.cast(target)


def _outside_0_to_1(column: pa.FixedSizeListArray) -> pa.Array:
    """Return where probabilities are not numbers from 0 to 1: bool (n,); null is fine."""
    wrong = np.zeros(len(column), dtype=bool)
    given = column.is_valid().to_numpy(zero_copy_only=False)
    # A null or NaN among them is neither above 0 nor below 1, so it is found as well.
    values = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, column.type.list_size)
    wrong[given] = ~((values >= 0) & (values <= 1)).all(axis=1)
    return pa.array(wrong)


class _Format(NamedTuple):
    """How files of one format are read."""

    # Reads the names of the columns, the record of the run, and the number of probabilities, 0
    # where there are none.
    header: Callable[[pa.NativeFile], tuple[list[str], dict[str, Any] | None, int]]
    # Returns the columns that hold so many probabilities.
    probabilities: Callable[[int], list[str]]
    # Reads batches with at least the given columns, the probabilities as one.
    batches: Callable[[pa.NativeFile, list[str]], Iterator[pa.RecordBatch]]


def _parquet_header(opened: pa.NativeFile) -> tuple[list[str], dict[str, Any] | None, int]:
    with pq.ParquetFile(opened) as file:
        schema, metadata = file.schema_arrow, file.metadata.metadata or {}
    names = [field.name for field in schema if _is_readable(field)]
    run = json.loads(metadata.get(METADATA_KEY, "null"))
    kinds = [field.type for field in schema if field.name == PROBABILITIES.name]
    sizes = [kind.list_size for kind in kinds if pa.types.is_fixed_size_list(kind)]
    # Lists of any length, as other tools write them, hold ten.
    count = sizes[0] if sizes else DIGITS.count * bool(kinds)
    return names, run if _is_run(run) else None, count


def _is_readable(field: pa.Field) -> bool:
    """Tell whether a column is of the schema, or can be read as text."""
    return field.name in (PROBABILITIES.name, BOX.name) or kept_type(field.type) is not None


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


def _csv_header(opened: pa.NativeFile) -> tuple[list[str], None, int]:
    names = [_unguarded_name(name) for name in _csv_names(opened)]
    return names, None, _csv_count(names)


def _csv_count(names: Sequence[str]) -> int:
    """Return how many probabilities the columns of CSV hold: 0 for none.

    One alone is of the ten of digits, of which the others are missing.
    """
    there = {*names}
    count = next(place for place in count_from(0) if f"p{place}" not in there)
    last = max((int(name[1:]) for name in there if _IS_PROBABILITY.fullmatch(name)), default=-1)
    count = max(count, last + 1)
    return DIGITS.count if count == 1 else count


_IS_PROBABILITY = re.compile(r"p(0|[1-9][0-9]{0,2})")


def _csv_probabilities(count: int) -> list[str]:
    return [f"p{place}" for place in range(count)]


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
            column_types={
                **dict.fromkeys(read, pa.string()),
                **_CSV_TYPES,
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
            yield _from_csv(batch.rename_columns(columns))


_CSV_TYPES = {
    **{field.name: field.type for field in PREDICTIONS},
    # As text first: Arrow's error would name the column, ours names the row.
    "label": pa.string(),
    "prediction": pa.string(),
}


def _from_csv(batch: pa.RecordBatch) -> pa.RecordBatch:
    for index, field in enumerate(batch.schema):
        if pa.types.is_string(field.type):
            batch = batch.set_column(index, field.name, _unguarded(batch.column(index)))
    names = _csv_probabilities(_csv_count(batch.schema.names))
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


FORMATS = {
    ".parquet": _Format(_parquet_header, lambda _: [PROBABILITIES.name], _parquet_batches),
    ".csv": _Format(_csv_header, _csv_probabilities, _csv_batches),
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
