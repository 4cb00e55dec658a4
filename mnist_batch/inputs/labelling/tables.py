"""Files of labels as tables: read from CSV or JSON lines, with the column that names images."""

import csv
import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labelling.labels import shown
from mnist_batch.inputs.listing import cause
from mnist_batch.machine.failures import raise_if_of_machine


def name_column(path: Path, table: pa.Table) -> str:
    """Return the column of a file of labels that names images: `file_name`, or else `source`.

    Raises:
        LabelError: it has none, or two of the name.
    """
    name = "file_name" if "file_name" in table.column_names else "source"
    check_once(path, table, name)
    return name


def check_once(path: Path, table: pa.Table, name: str) -> None:
    """Check that a table has a column once.

    Raises:
        LabelError: it has none, or several.
    """
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


def read_table(
    path: Path, types: Mapping[str, pa.DataType], null_values: Sequence[str] | None = None
) -> tuple[pa.Table, str]:
    """Return the table in a file, and the SHA-256 of the file in hexadecimal.

    The file is CSV, separated by commas, semicolons or tabs, or with the suffix `.jsonl` has a JSON
    object a line. `Filename`, `image` and their like are read as the column `file_name`.

    Args:
        path: the file.
        types: of columns that may be there; Arrow finds those of all others.
        null_values: texts that stand for null in CSV; None for Arrow's, as NA.

    Raises:
        LabelError: the file cannot be read.
    """
    kind = "JSON lines" if path.suffix.lower() == JSON_LINES else "CSV"
    try:
        if path.exists() and not path.is_file():  # opening a pipe would wait for ever
            raise OSError("not a regular file")
        content = path.read_bytes()
        read = _read_json_lines if kind == "JSON lines" else _read_csv
        table = read(content, types, null_values)
    except (OSError, pa.ArrowException, RecursionError, ValueError) as error:
        raise_if_of_machine(error, str(path))
        if isinstance(error, OSError):
            message = f"{path}: {cause(error)}; expected a {kind} file of labels; check the path"
        else:
            message = f"{path}: not a readable {kind} file of labels: {csv_cause(error)}"
        raise LabelError(message) from error
    return table, hashlib.sha256(content).hexdigest()


JSON_LINES = ".jsonl"
"""The suffix of files that have a JSON object a line (jsonlines.org)."""


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


def _read_json_lines(
    content: bytes, types: Mapping[str, pa.DataType], null_values: Sequence[str] | None
) -> pa.Table:
    """Read the columns of `types`, numbers as text where they are to be; of others the names."""
    del null_values
    rows = []
    for number, line in enumerate(content.removeprefix(b"\xef\xbb\xbf").splitlines(), start=1):
        if line.strip():
            row = json.loads(line)
            if not isinstance(row, dict):
                raise ValueError(f"line {number} is no JSON object")
            rows.append(row)
    names = list(dict.fromkeys(name for row in rows for name in row))
    renamed = _renamed(names)
    columns = {
        renamed[name]: _column([row.get(name) for row in rows], types.get(renamed[name]))
        for name in names
    }
    return pa.table(columns)


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
        others = [name for name in names if name.strip().casefold() in {*_NAMING, *_NAMING_TOO}]
        if len(others) == 1:
            renamed[others[0]] = "file_name"
    return renamed


def csv_cause(error: Exception) -> str:
    """Return what Arrow or the system says of a CSV file, without what it quotes of the file."""
    return _QUOTED_CELL.sub(r"\1", cause(error))


_QUOTED_CELL = re.compile("(columns, got [0-9]+|invalid value).*")
"""As Arrow 26 says it, before the cells or the line. Its messages are one line with `cause`."""
