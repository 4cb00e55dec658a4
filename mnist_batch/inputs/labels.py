"""Labels of images: from a column, the name of a folder or a CSV file."""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.errors import LabelError
from mnist_batch.inputs.listing import cause
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.schema import FORMULA, shortened

_FOLDERS = frozenset("0123456789")
_DIGIT = r"^[0-9](\.0*)?$"


INSTEAD = "correct it, or pass --labels none to predict without labels"
"""What to do about a label that is none, where images are read."""


def digits(values: pa.Array, where: Callable[[int], str], instead: str = INSTEAD) -> pa.Array:
    """Return labels as Arrow int8, 0 to 9 or null.

    Args:
        values: Arrow integers, floats that are whole, or text such as "7"; null where unknown.
        where: returns the place of the i-th value, for the message.
        instead: what to do about a bad one, for the message.

    Raises:
        LabelError: a value is not a digit.
    """
    check_type(values.type, where)
    if pa.types.is_dictionary(values.type):
        values = values.dictionary_decode()
    if pa.types.is_null(values.type):
        return values.cast(pa.int8())
    if pa.types.is_integer(values.type) and _within_digits(values):
        return values.cast(pa.int8())
    if pa.types.is_string_view(values.type):
        values = values.cast(pa.string())
    if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
        if (first := _first_not_text(values)) is not None:
            raise LabelError(f"{where(first)}: a label that is no text in UTF-8; {instead}")
        values = pc.utf8_trim_whitespace(values)
        good = pc.match_substring_regex(values, _DIGIT)
    else:
        as_float = pc.cast(values, pa.float64(), safe=False)
        good = pc.and_(pc.is_in(as_float, pa.array(np.arange(10.0))), pc.is_valid(values))
    bad = pc.indices_nonzero(pc.fill_null(pc.and_(pc.invert(good), pc.is_valid(values)), False))
    if len(bad):
        first = bad[0].as_py()
        raise LabelError(
            f"{where(first)}: label {shown(values[first].as_py())} is not a digit from 0 to 9; "
            f"{instead}"
        )
    return pc.cast(values, pa.float64(), safe=False).cast(pa.int8())


def check_type(kind: pa.DataType, where: Callable[[int], str]) -> None:
    """Check that a column of a type can hold what `digits` takes; no value is needed for that.

    Raises:
        LabelError: it cannot; the message names the place of the first value.
    """
    stored = kind.value_type if pa.types.is_dictionary(kind) else kind
    if not any(holds(stored) for holds in _LABEL_TYPES):
        text = shortened(str(stored))
        raise LabelError(f"{where(0)}: labels of type {text}; expected digits from 0 to 9")


_LABEL_TYPES = (
    pa.types.is_null,
    pa.types.is_integer,
    pa.types.is_floating,
    pa.types.is_string,
    pa.types.is_large_string,
    pa.types.is_string_view,
)


def shown(value: object) -> str:
    """Return a cell of a file for a message; only its length where it is no number or short word.

    A file of labels may be a link to any file, and a message may end up in a log that others read.
    """
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"of {len(str(value)):,} characters"


_LONGEST_SHOWN = 20


def csv_cause(error: Exception) -> str:
    """Return what Arrow or the system says of a CSV file, without what it quotes of the file."""
    return _QUOTED_CELL.sub(r"\1", cause(error))


_QUOTED_CELL = re.compile("(columns, got [0-9]+|invalid value).*")
"""As Arrow 26 says it, before the cells or the line. Its messages are one line with `cause`."""


def _first_not_text(values: pa.Array) -> int | None:
    """Return the place of the first text that is not UTF-8, as in a damaged file; or None."""
    try:
        values.validate(full=True)
    except pa.ArrowInvalid:
        for place, value in enumerate(values):
            try:
                value.as_py()
            except UnicodeDecodeError:
                return place
    return None


def _within_digits(values: pa.Array) -> bool:
    """Tell whether all integers are digits or null."""
    extremes = pc.min_max(values)
    least, greatest = extremes["min"].as_py(), extremes["max"].as_py()
    return least is None or (least >= 0 and greatest <= 9)


def folder_digits(paths: Sequence[str]) -> pa.Array:
    """Return the labels of image files: the name of the folder that holds each, if it is a digit.

    Returns:
        Arrow int8 (n,), null where the folder has another name.
    """
    # A list names the files of a folder one after the other, as a rule; or there are few folders.
    digit = lru_cache(1000)(_digit)
    # A folder that cannot be listed, whose name ends in `/`, has no label of its own.
    labels = [None if path.endswith("/") else digit(path[: path.rfind("/") + 1]) for path in paths]
    return pa.array(labels, pa.int8())


def _digit(folder: str) -> int | None:
    own = Path(folder).absolute().name
    return int(own) if own in _FOLDERS else None


class LabelFile:
    """Labels from a CSV file with the columns `file_name` (or `source`), `label`, maybe `row`.

    `file_name` and `label` are the Hugging Face imagefolder convention; a CSV file of predictions
    with corrected labels works too. Names are written as the column `source` has them. Labels for
    rows of Parquet files need the column `row`.

    Attributes:
        path: the file.
        sha256: of the bytes that were read: the file may be another by the time that it is used.
        has_rows: whether it has the column `row`.
        example: an image that it names; None where it names none.
    """

    def __init__(self, path: Path, instead: str = INSTEAD) -> None:
        """Read the file; `instead` is what to do about a label that is no digit.

        Raises:
            LabelError: it cannot be read, lacks a column, names an image twice, or holds a label
                that is not a digit.
        """
        self.path = path
        table, self.sha256 = read_csv(path, _TYPES)
        if "row" in table.column_names and table["row"].null_count:
            raise LabelError(f"{path}: the column row has empty cells; expected whole numbers")
        source_column = name_column(path, table)
        _check_once(path, table, "label")
        self.has_rows = "row" in table.column_names
        source = table[source_column].combine_chunks()
        if source.null_count:
            line = source.is_null().index(True).as_py() + 2
            raise LabelError(f"{path}, line {line}: a label without a {source_column}")
        if source_column == "source":  # written by this package, with formulas guarded
            source = pc.replace_substring_regex(source, f"^'({FORMULA})", r"\1")
        source = source.dictionary_encode()
        self._codes = {name: code for code, name in enumerate(source.dictionary.to_pylist())}
        self.example: str | None = next(iter(self._codes), None)
        rows = table["row"].to_numpy() if self.has_rows else np.zeros(len(table), np.int64)
        if len(wrong := np.flatnonzero((rows < 0) | (rows >= _MOST_ROWS))):
            raise LabelError(
                f"{path}, line {wrong[0] + 2}: row {rows[wrong[0]]}; expected a number from 0 on"
            )
        keys = _keys(source.indices.to_numpy(), rows)
        order = np.argsort(keys, kind="stable")
        self._keys = keys[order]
        twice = np.flatnonzero(self._keys[1:] == self._keys[:-1])
        if len(twice):
            line = int(order[twice[0] + 1])
            raise LabelError(
                f"{path}, line {line + 2}: its image has a label already; name each image once"
            )
        column = table["label"].combine_chunks()
        labels = digits(column, lambda i: f"{path}, line {i + 2}", instead)
        self._labels = labels.take(pa.array(order))
        self._names, self._order = source, order
        self._asked = np.zeros(len(order), np.bool_)  # whether `lookup` has found each key
        self._lacking: tuple[str, int] | None = None  # the least that it has not found

    def lookup(self, sources: Sequence[str], rows: npt.NDArray[np.int64]) -> pa.Array:
        """Return the labels of images as Arrow int8, null where the file names none.

        Args:
            sources: the column `source` of each image, or one source for all of them.
            rows: int64 (n,), the row of each image in its source.
        """
        codes = np.array([self._codes.get(source, -1) for source in sources], np.int64)
        keys = _keys(codes, rows)
        if not len(self._keys):
            self._note_lacking(sources, rows, 0)
            return pa.nulls(len(keys), pa.int8())
        found = np.minimum(np.searchsorted(self._keys, keys), len(self._keys) - 1)
        missing = (self._keys[found] != keys) | (rows < 0) | (rows >= _MOST_ROWS)
        self._asked[found[~missing]] = True
        if missing.any():
            self._note_lacking(sources, rows, int(missing.argmax()))
        return self._labels.take(pa.array(found, mask=missing))

    def _note_lacking(
        self, sources: Sequence[str], rows: npt.NDArray[np.int64], place: int
    ) -> None:
        """Keep one image without a line: the same, in whichever order threads look them up."""
        if len(rows):
            one = sources[min(place, len(sources) - 1)], int(rows[place])
            self._lacking = min(self._lacking or one, one)

    def note(self, labelled: int, rows: int) -> str:
        """Return the note that some of the images that were looked up have no label.

        It names one without a line, and the first line for none of them.
        """
        images = "1 image" if rows == 1 else f"{rows:,} images"
        said = [f"{self.path} labels {labelled:,} of {images}"]
        if self._lacking:
            said.append(f"it has no line for {_place(*self._lacking)}")
        lines = np.sort(self._order[~self._asked])
        if len(lines):
            first = self._names[int(lines[0])].as_py()
            said.append(
                f"lines for none of the images: {len(lines):,}, the first (line {lines[0] + 2}) "
                f"for {shortened(first)!r}"
            )
        return "; ".join(said)


def _place(source: str, row: int) -> str:
    return f"{shortened(source)!r}, row {row:,}" if row else repr(shortened(source))


def _keys(codes: npt.NDArray[np.int64], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return one int64 per (source, row), of rows below `_MOST_ROWS`."""
    return (codes.astype(np.int64) << 40) + rows


_MOST_ROWS = 2**40
"""More rows than any file has."""


_TYPES = {
    "file_name": pa.string(),
    "source": pa.string(),
    "row": pa.int64(),
    "label": pa.string(),
}


def name_column(path: Path, table: pa.Table) -> str:
    """Return the column of a file of labels that names images: `file_name`, or else `source`.

    Raises:
        LabelError: it has none, or two of the name.
    """
    name = "file_name" if "file_name" in table.column_names else "source"
    _check_once(path, table, name)
    return name


def _check_once(path: Path, table: pa.Table, name: str) -> None:
    if (count := table.column_names.count(name)) != 1:
        wanted = "file_name or source" if name == "source" else name
        found = f"{count} columns {name}" if count else f"no column {wanted}: {_names(table)}"
        raise LabelError(
            f"{path}: its first line has {found}; expected file_name (or source) and label once "
            "each, separated by commas"
        )


def _names(table: pa.Table) -> str:
    names = [shown(name) for name in table.column_names]
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return f"it has {', '.join(names[:_MOST_NAMES])}{more}"


_MOST_NAMES = 5
"""Columns in a message, at most."""


def read_csv(
    path: Path, types: Mapping[str, pa.DataType], null_values: Sequence[str] | None = None
) -> tuple[pa.Table, str]:
    """Return the table in a file, and the SHA-256 of the file in hexadecimal.

    Args:
        path: the file.
        types: of columns that may be there; Arrow finds those of all others.
        null_values: texts that stand for null; None for Arrow's, as NA.

    Raises:
        LabelError: the file cannot be read.
    """
    import pyarrow.csv as pa_csv

    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise OSError("not a regular file")
        content = path.read_bytes()
        table = pa_csv.read_csv(
            pa.BufferReader(content),
            parse_options=pa_csv.ParseOptions(newlines_in_values=True),
            convert_options=pa_csv.ConvertOptions(
                column_types=types, strings_can_be_null=True, null_values=null_values
            ),
        )
    except (OSError, pa.ArrowException) as error:
        raise_if_of_machine(error, str(path))
        if isinstance(error, OSError):
            message = f"{path}: {cause(error)}; expected a CSV file of labels; check the path"
        else:
            message = f"{path}: not a readable CSV file of labels: {csv_cause(error)}"
        raise LabelError(message) from error
    return table, hashlib.sha256(content).hexdigest()
