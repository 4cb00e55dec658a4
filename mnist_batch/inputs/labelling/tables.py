"""Files of labels as tables: read from CSV, with the column that names images."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from mnist_batch.errors import LabelError
from mnist_batch.inputs.labels import shown
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


def csv_cause(error: Exception) -> str:
    """Return what Arrow or the system says of a CSV file, without what it quotes of the file."""
    return _QUOTED_CELL.sub(r"\1", cause(error))


_QUOTED_CELL = re.compile("(columns, got [0-9]+|invalid value).*")
"""As Arrow 26 says it, before the cells or the line. Its messages are one line with `cause`."""
