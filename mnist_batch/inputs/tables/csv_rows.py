"""Lines of a CSV file to columns of numbers; a line that is damaged costs its row alone.

A line is a row: a cell with a line break in it makes two rows, which say so.
"""

import csv
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.inputs.tables.csv_layout import CsvLayout
from mnist_batch.schema import Reason, error_text

_KINDS = (pa.int16(), pa.float64(), pa.string())
"""The types as which pixels are read, until one fits all rows: the first is the fastest."""


@dataclass(frozen=True)
class Rows:
    """Parsed lines.

    Attributes:
        count: how many there are.
        columns: by their places in the file; those that were asked for.
        errors: Arrow strings (n,): null, or why a line is no row.
    """

    count: int
    columns: dict[int, pa.Array]
    errors: pa.Array

    def slice(self, start: int, count: int) -> "Rows":
        """Return up to `count` of the rows, from the one at `start` on."""
        columns = {place: column.slice(start, count) for place, column in self.columns.items()}
        errors = self.errors.slice(start, count)
        return Rows(len(errors), columns, errors)

    def with_errors(self, others: pa.Array) -> pa.Array:
        """Return the errors, and where there are none others."""
        return pc.coalesce(self.errors, others)


def parse_rows(text: bytes, layout: CsvLayout, texts: Sequence[int]) -> Rows:
    """Parse whole lines; those of white space alone are none.

    Args:
        text: the lines.
        layout: of the file.
        texts: the places of columns to read as text.
    """
    wanted = [*layout.pixels, *texts]
    lines = text.count(b"\n") + (not text.endswith(b"\n") and bool(text))
    try:
        table = _parsed(text, layout, texts, _KINDS[0])
        if len(table) == lines:
            none = pa.nulls(lines, pa.string())
            return Rows(lines, dict(zip(wanted, _columns(table), strict=True)), none)
    except pa.ArrowInvalid:
        pass
    return _line_by_line(text, layout, texts)


def _line_by_line(text: bytes, layout: CsvLayout, texts: Sequence[int]) -> Rows:
    """Parse lines some of which are not as expected."""
    wanted = [*layout.pixels, *texts]
    checked = [_checked(line, layout, wanted) for line in text.split(b"\n") if line.strip()]
    errors: list[str | None] = [error for _, error in checked]
    good = np.array([error is None for error in errors], np.bool_)
    good_lines = [line for line, error in checked if error is None]
    table = None
    for kind in _KINDS:
        try:
            table = _parsed(b"\n".join([*good_lines, b""]), layout, texts, kind)
            break
        except pa.ArrowInvalid:
            continue
    if table is None or len(table) != len(good_lines):
        found = error_text(Reason.BAD_PIXELS, "lines that are no CSV in UTF-8")
        errors = [one or found for one in errors]
        table, good = None, np.zeros(len(errors), np.bool_)
    places = pa.array(np.cumsum(good) - 1, mask=~good)
    columns = (
        [column.take(places) for column in _columns(table)]
        if table is not None
        else [pa.nulls(len(errors), pa.string())] * len(wanted)
    )
    return Rows(len(errors), dict(zip(wanted, columns, strict=True)), pa.array(errors, pa.string()))


def _checked(line: bytes, layout: CsvLayout, wanted: Sequence[int]) -> tuple[bytes, str | None]:
    """Return a line as it can be parsed, and why it cannot be; null where it can.

    Cells that are not wanted may be of another encoding than UTF-8.
    """
    count = line.count(layout.delimiter.encode()) + 1
    is_text = _is_utf8(line)
    if b'"' in line or not is_text:
        if line.count(b'"') % 2:
            return line, error_text(Reason.BAD_PIXELS, "a line on which a quote is not closed")
        try:
            # Latin-1 gives each byte a character.
            cells = next(csv.reader([line.decode("latin-1")], delimiter=layout.delimiter))
        except csv.Error as error:
            return line, error_text(Reason.BAD_PIXELS, f"a line that is no CSV: {error}")
        count = len(cells)
        if not is_text and count == len(layout.names):
            if not all(_is_utf8(cells[place].encode("latin-1")) for place in wanted):
                return line, error_text(Reason.BAD_PIXELS, "a line that is not UTF-8")
            line = line.decode(errors="replace").encode()
    if count != len(layout.names):
        found = f"a line of {count} cells, expected {len(layout.names)}"
        return line, error_text(Reason.BAD_PIXELS, found)
    return line, None


def _is_utf8(content: bytes) -> bool:
    try:
        content.decode()
    except UnicodeDecodeError:
        return False
    return True


def _parsed(text: bytes, layout: CsvLayout, texts: Sequence[int], kind: pa.DataType) -> pa.Table:
    """Parse lines that all have the expected number of cells.

    Raises:
        pa.ArrowInvalid: they do not, or a cell is not of its type.
    """
    import pyarrow.csv as pa_csv

    names = [str(place) for place in range(len(layout.names))]
    types = {names[place]: kind for place in layout.pixels}
    types |= {names[place]: pa.string() for place in texts}
    if not text.strip():
        return pa.table({name: pa.nulls(0, one) for name, one in types.items()})
    return pa_csv.read_csv(
        pa.BufferReader(text),
        read_options=pa_csv.ReadOptions(
            column_names=names, use_threads=False, block_size=len(text) + 1
        ),
        parse_options=pa_csv.ParseOptions(delimiter=layout.delimiter),
        convert_options=pa_csv.ConvertOptions(
            column_types=types,
            include_columns=[*types],
            strings_can_be_null=True,
            # With semicolons between cells, as Excel writes them where a comma starts fractions.
            decimal_point="," if layout.delimiter == ";" and b"," in text else ".",
        ),
    )


def _columns(table: pa.Table) -> list[pa.Array]:
    return [column.combine_chunks() for column in table.columns]
