"""Read predictions, files or folders of them, as batches of `schema.PREDICTIONS`."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.dataset.layout import is_dataset
from mnist_batch.inputs.kept import as_text
from mnist_batch.inputs.labelling.labels import shown
from mnist_batch.inputs.labelling.names import classes_of, whole_number
from mnist_batch.outputs.formats.csv_predictions import CsvPredictions
from mnist_batch.outputs.formats.dataset_predictions import DatasetPredictions
from mnist_batch.outputs.formats.opened import Opened, predictions_errors
from mnist_batch.outputs.formats.parquet_predictions import ParquetPredictions
from mnist_batch.schema import (
    BOX,
    DIGIT,
    DIGITS,
    LABEL_NAME,
    MOST_CLASSES,
    PREDICTION_NAME,
    PREDICTIONS,
    PROBABILITIES,
    Classes,
    predictions_schema,
    shortened,
)


class PredictionsFile(AbstractContextManager["PredictionsFile", None]):
    """A predictions file, whose suffix names its format, or a folder of parts.

    Its context closes it.

    It is opened once: where a run replaces the file meanwhile, all that is read is of the old one.
    Where it is written anew in place, as `cp` does, reading it ends in an error.

    Attributes:
        path: the file or the folder.
        run: the record of the run, from the Parquet file's metadata or the folder's manifest; None
            where there is none, as in every CSV file.
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
        self._opened = _opened(path)
        with predictions_errors(path):
            self._state = self._opened.state()
        columns, count = self._opened.columns, self._opened.probabilities
        self.run = self._opened.run
        self._columns = list(PREDICTIONS.names)
        self._columns += self._opened.stored if count else []
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
        with predictions_errors(path):
            self.classes = self._classes(columns, count)
        numbered = Classes(self.classes.count)
        self._schema = predictions_schema(
            with_probabilities=bool(count), classes=numbered, split=is_split
        )
        own = {*self._columns}
        self.further = [name for name in columns if name not in own]

    def __exit__(self, *_: object) -> None:
        """Close the file."""
        self._opened.close()

    def check(self) -> None:
        """Check that each part of a folder can be opened.

        Raises:
            PredictionsError: one is damaged, or has not the rows that the manifest says.
        """
        self._opened.check()

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
        with predictions_errors(self.path):
            read = self._opened.batches([*self._columns, *further])
            for batch in _whole_pictures(read) if DIGIT in self._schema else read:
                yield _with_further(self._checked(batch, start), batch, further)
                start += batch.num_rows
            if self._opened.state() != self._state:
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
        for batch in self._opened.batches(wanted):
            # Predictions last: a label may be corrected, and its name not.
            for number, name in zip(wanted, wanted[2:] or (None, None), strict=False):
                names |= _names_by_number(batch, number, name)
        if not named:
            return classes_of([str(number) for number in names])
        count = max(count, *names, 1) if count else max(*names, 1, 1) + 1
        known = [names.get(number) or str(number) for number in range(count)]
        return Classes.of(count, known) if len({*known}) == count else Classes(count)

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
    opened = _opened(path)
    opened.close()
    return set(PREDICTIONS.names) <= {*opened.columns}


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


FORMATS: Mapping[str, Callable[[Path], Opened]] = {
    ".parquet": ParquetPredictions,
    ".csv": CsvPredictions,
}
"""What reads predictions files, by suffix."""


def _opened(path: Path) -> Opened:
    """Open predictions: a file, or a folder that `predict` wrote.

    Raises:
        PredictionsError: there are none.
    """
    with predictions_errors(path):
        if is_dataset(path):
            return DatasetPredictions(path)
        # What has no suffix may be meant to be a folder.
        if path.suffix.lower() not in FORMATS and (path.suffix or path.exists()):
            raise PredictionsError(
                f"{path} is no predictions file: the suffix is {path.suffix or 'missing'}, "
                f"expected {' or '.join(FORMATS)}"
            )
        if not path.is_file():
            problem = "is a folder" if path.is_dir() else "does not exist"
            raise PredictionsError(
                f"{path} {problem}; name a predictions file, or a folder of them"
            )
        return FORMATS[path.suffix.lower()](path)
