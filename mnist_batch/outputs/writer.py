"""Write predictions to a file, Parquet or CSV, whole or not at all."""

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc

from mnist_batch.errors import OutputError
from mnist_batch.inputs.files.opening import open_native
from mnist_batch.outputs.kinds import check_place, staged_file, suffix_of
from mnist_batch.outputs.parquet_writer import ParquetWriter
from mnist_batch.outputs.targets import output_errors
from mnist_batch.remote.addresses import Place
from mnist_batch.schema import BOX, FORMULA, PROBABILITIES


class Writer(Protocol):
    """Writes a file of one format."""

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows of the predictions' schema."""

    def close(self, run: Mapping[str, Any]) -> None:
        """Write the rest, and the record of the run where the format can hold it."""


class CsvWriter:
    """Writes CSV with a header: probabilities as p0 to p9 or on, formulas escaped, no run."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        import pyarrow.csv as pa_csv

        columns = (_flat(field) for field in schema)
        self._schema = pa.schema(
            [field.with_name(guarded(field.name)) for some in columns for field in some]
        )
        self._file = open_native(path, "wb")
        self._writer = pa_csv.CSVWriter(
            self._file, self._schema, write_options=pa_csv.WriteOptions(quoting_style="needed")
        )

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows."""
        columns: list[pa.Array] = []
        for name, column in zip(batch.schema.names, batch.columns, strict=True):
            if name == PROBABILITIES.name:
                places = range(column.type.list_size)
                columns += [pc.list_element(column, place) for place in places]
            else:
                columns.append(as_cell(column))
        self._writer.write_batch(pa.record_batch(columns, schema=self._schema))

    def close(self, run: Mapping[str, Any]) -> None:
        """End the file."""
        del run  # CSV has no place for it
        self._writer.close()
        self._file.close()


def _flat(field: pa.Field) -> list[pa.Field]:
    """Return the columns of CSV for one of the schema: probabilities have one a class."""
    if field == BOX:
        return [pa.field(BOX.name, pa.string())]
    if field.name != PROBABILITIES.name:
        return [field]
    return [pa.field(f"p{place}", pa.float32()) for place in range(field.type.list_size)]


def guarded(name: str) -> str:
    """Put a `'` before a name of a column that a spreadsheet would run as a formula."""
    return f"'{name}" if re.match(FORMULA, name) else name


def as_cell(column: pa.Array) -> pa.Array:
    """Return a column as CSV has it: text escaped, and the numbers of a box as text."""
    if column.type == BOX.type:
        texts = [None if box is None else " ".join(map(str, box)) for box in column.to_pylist()]
        return pa.array(texts, pa.string())
    return escaped(column) if pa.types.is_string(column.type) else column


def escaped(column: pa.Array) -> pa.Array:
    """Put a `'` before each text that a spreadsheet would run as a formula."""
    guarded = pc.binary_join_element_wise("'", column, "")
    return pc.if_else(pc.match_substring_regex(column, f"^{FORMULA}"), guarded, column)


WRITERS: Mapping[str, Callable[[Path, pa.Schema], Writer]] = {
    ".parquet": ParquetWriter,
    ".csv": CsvWriter,
}


def check_output(out: Place, *, overwrite: bool) -> None:
    """Refuse an output that a `Sink` would refuse, before any work is done; touch nothing.

    Raises:
        OutputError: the suffix of `out` is not known, or `out` exists or cannot be written.
    """
    suffix = suffix_of(out)
    if suffix not in WRITERS:
        raise OutputError(
            f"{out}: no format has the suffix {suffix!r}; expected {' or '.join(WRITERS)}, or a "
            "slash at its end for a folder of Parquet files"
        )
    check_place(out, overwrite=overwrite)


class Sink(AbstractContextManager["Sink", None]):
    """The predictions file of a run, invisible until `commit`; a context that ends without it.

    Every method raises `OutputError` where the disk refuses.

    Attributes:
        takes_rows: whether the rows have to be written to it.
        path: the file that is written, which becomes the output.
    """

    takes_rows = True

    def __init__(
        self, out: Place, schema: pa.Schema, *, overwrite: bool, folder: Path | None = None
    ) -> None:
        """Begin the file; the suffix of `out` tells its format.

        `schema` is one that `predictions_schema` returned, `folder` is as of `staged_file`.

        Raises:
            OutputError: the suffix is not known, or `out` exists or cannot be written.
        """
        check_output(out, overwrite=overwrite)
        self._out = out
        self._file = staged_file(out, overwrite=overwrite, folder=folder)
        self.path = self._file.path
        try:
            with output_errors(out):
                self._writer = WRITERS[suffix_of(out)](self.path, schema)
        except BaseException:
            self._file.discard()
            raise

    def __exit__(self, *_: object) -> None:
        """Remove the file, unless it is committed."""
        self._file.discard()

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows, in order."""
        with output_errors(self._out):
            self._writer.write(batch)

    def finish(self, run: Mapping[str, Any]) -> None:
        """Write the rest, and the record of the run; the file is complete but invisible."""
        with output_errors(self._out):
            self._writer.close(run)

    def commit(self) -> None:
        """Put the file in its place, as `StagedFile.commit` does."""
        self._file.commit()
