"""Files of labels as tables: read from CSV or JSON lines, with the column that names images."""

import csv
import hashlib
import io
import json
import os
import re
from array import array
from collections.abc import Mapping, Sequence
from itertools import count
from typing import BinaryIO, NamedTuple

import pyarrow as pa

from mnist_batch.errors import LabelError
from mnist_batch.inputs.files.opening import cause
from mnist_batch.inputs.labelling.labels import shown
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.remote.addresses import Place


def name_column(path: Place, table: pa.Table) -> str:
    """Return the column of a file of labels that names images: `file_name`, or else `source`.

    Raises:
        LabelError: it has none, or two of the name.
    """
    name = "file_name" if "file_name" in table.column_names else "source"
    check_once(path, table, name)
    return name


def names_images(columns: Sequence[str]) -> bool:
    """Tell whether a column of a table is called as one that names images is."""
    return not {*_renamed(columns).values()}.isdisjoint(_NAMING)


def check_once(path: Place, table: pa.Table, name: str) -> None:
    """Check that a table has a column once.

    Raises:
        LabelError: it has none, or several.
    """
    if (times := table.column_names.count(name)) != 1:
        wanted = "file_name or source" if name == "source" else name
        found = f"{times} columns {name}" if times else f"no column {wanted}: {_names(table)}"
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


class ReadTable(NamedTuple):
    """A file of labels, as it was read."""

    table: pa.Table
    sha256: str
    """Of the file, in hexadecimal."""
    lines: Sequence[int]
    """The line of the file that holds each row, from 1."""


def read_table(
    path: Place, types: Mapping[str, pa.DataType], null_values: Sequence[str] | None = None
) -> ReadTable:
    """Read the table in a file.

    The file is CSV, separated by commas, semicolons or tabs, or with the suffix `.jsonl` has a JSON
    object a line. `Filename`, `image` and their like are read as the column `file_name`.

    Args:
        path: the file, or its address in object storage.
        types: of columns that may be there; Arrow finds those of all others.
        null_values: texts that stand for null in CSV; None for Arrow's, as NA.

    Raises:
        LabelError: the file cannot be read.
    """
    kind = "JSON lines" if str(path).lower().endswith(JSON_LINES) else "CSV"
    try:
        with _opened(path) as file:
            if kind == "JSON lines":
                return _read_json_lines(file, types)
            content = file.read()
        table = _read_csv(content, types, null_values)
        sha256 = hashlib.sha256(content).hexdigest()
        return ReadTable(table, sha256, range(2, len(table) + 2))
    except (OSError, pa.ArrowException, OverflowError, ValueError) as error:
        raise_if_of_machine(error, str(path))
        if isinstance(error, OSError):
            message = f"{path}: {cause(error)}; expected a {kind} file of labels; check the path"
        else:
            message = f"{path}: not a readable {kind} file of labels: {csv_cause(error)}"
        raise LabelError(message) from error


JSON_LINES = ".jsonl"
"""The suffix of files that have a JSON object a line (jsonlines.org)."""

MOST_JSON_BYTES, MOST_LINE_BYTES = 2**28, 2**20
"""Of a file of JSON lines, and of one of its lines: labels of about four million images, of which
nothing but the columns that are asked for is kept."""


def _read_csv(
    content: bytes, types: Mapping[str, pa.DataType], null_values: Sequence[str] | None
) -> pa.Table:
    import pyarrow.csv as pa_csv

    first = content[:_LONGEST_HEADER].removeprefix(b"\xef\xbb\xbf").splitlines()[:1]
    header = first[0].decode(errors="replace") if first else ""
    separator = next((one for one in ",;\t" if one in header), ",")
    names = next(csv.reader([header], delimiter=separator), [])
    renamed = _renamed(names)
    table = pa_csv.read_csv(
        pa.BufferReader(content),
        parse_options=pa_csv.ParseOptions(delimiter=separator, newlines_in_values=True),
        convert_options=pa_csv.ConvertOptions(
            column_types={raw: types[name] for raw, name in renamed.items() if name in types},
            strings_can_be_null=True,
            null_values=null_values,
        ),
    )
    return table.rename_columns([renamed.get(name, name) for name in table.column_names])


_LONGEST_HEADER = 2**16


def _opened(path: Place) -> BinaryIO:
    """Open a file of labels; one in object storage is read at once."""
    if isinstance(path, str):
        from mnist_batch.remote import objects  # late: local runs do without

        if objects.stat(path).size > MOST_JSON_BYTES:
            raise ValueError(f"more than {MOST_JSON_BYTES // 2**20} MiB")
        return io.BytesIO(objects.read(path))
    if path.exists() and not path.is_file():  # opening a pipe would wait for ever
        raise OSError("not a regular file")
    return path.open("rb")


def _read_json_lines(file: BinaryIO, types: Mapping[str, pa.DataType]) -> ReadTable:
    """Read the columns of `types`, numbers as text where they are to be; of others the names."""
    columns: dict[str, list[object]] = {}
    lines = array("q")
    sha256 = hashlib.sha256()
    if file.seek(0, os.SEEK_END) > MOST_JSON_BYTES:
        raise ValueError(f"more than {MOST_JSON_BYTES // 2**20} MiB; write a CSV file instead")
    file.seek(0)
    for number in count(1):
        line = file.readline(MOST_LINE_BYTES + 1)
        if not line:
            break
        if len(line) > MOST_LINE_BYTES:
            raise ValueError(f"line {number} has more than {MOST_LINE_BYTES // 2**20} MiB")
        sha256.update(line)
        if number == 1:
            line = line.removeprefix(b"\xef\xbb\xbf")
        if line.strip():
            for name, value in _json_object(line, number).items():
                column = columns.setdefault(name, [])
                if name in types or name.strip().casefold() in _NAMING_TOO:
                    column += [None] * (len(lines) - len(column))
                    column.append(value)
            lines.append(number)
    renamed = _renamed([*columns])
    for column in columns.values():
        column += [None] * (len(lines) - len(column))
    table = pa.table(
        {
            renamed[name]: _column(column, types.get(renamed[name]))
            for name, column in columns.items()
        }
    )
    return ReadTable(table, sha256.hexdigest(), lines)


def _json_object(line: bytes, number: int) -> dict[str, object]:
    """Return the object in a line; what is wrong is said without what Python would say of it."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):  # also of a number of thousands of digits
        found = None
    if not isinstance(found, dict):
        raise ValueError(f"line {number} is no JSON object")
    return found


def _column(values: Sequence[object], kind: pa.DataType | None) -> pa.Array:
    """Return values of JSON as a column; of one that nobody asked for there are only nulls."""
    if kind is None:
        return pa.nulls(len(values), pa.string())
    if pa.types.is_string(kind):
        texts = [None if value is None else str(value) for value in values]
        return pa.array(texts, kind)
    return pa.array(values, kind)


_NAMING = ("file_name", "source")
_NAMING_TOO = frozenset(
    (
        *_NAMING,
        "filename",
        "file",
        "image",
        "image_name",
        "image_path",
        "path",
        "filepath",
        "file_path",
        "img",
    )
)
"""What the column that names images is called too, in any case, where none is called so."""


def _renamed(names: Sequence[str]) -> dict[str, str]:
    """Return what each column is called here: its own name, but for one that names images."""
    renamed = {name: name for name in names}
    if not renamed.keys() & {*_NAMING}:
        others = [name for name in names if name.strip().casefold() in _NAMING_TOO]
        if len(others) == 1:
            renamed[others[0]] = "file_name"
    return renamed


def csv_cause(error: Exception) -> str:
    """Return what Arrow or the system says of a CSV file, without what it quotes of the file."""
    return _QUOTED_CELL.sub(r"\1", cause(error))


_QUOTED_CELL = re.compile("(columns, got [0-9]+|invalid value).*")
"""As Arrow 26 says it, before the cells or the line. Its messages are one line with `cause`."""
