"""Columns of the `metadata.csv` of a folder of images, by the names of its files."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from mnist_batch.errors import ColumnError
from mnist_batch.inputs.labelling.tables import name_column, read_csv


class MetadataColumns:
    """Some columns of a CSV file, as text: just as it is written, null where a cell is empty.

    Attributes:
        names: those of the columns that the file has.
    """

    def __init__(self, path: Path, names: Sequence[str]) -> None:
        """Read the file.

        Raises:
            LabelError: it cannot be read, or has no column of file names.
            ColumnError: it has one of the columns twice, or names an image twice.
        """
        types = dict.fromkeys(["file_name", "source", *names], pa.string())
        table, _ = read_csv(path, types, null_values=[""])
        self.names = [name for name in names if name in table.column_names]
        for name in self.names:
            if (count := table.column_names.count(name)) > 1:
                raise ColumnError(f"{path}: {count} columns {name!r}; rename all but one")
        files = table[name_column(path, table)].to_pylist()
        self._lines = {name: line for line, name in enumerate(files)}
        if len(self._lines) < len(files):
            line = next(line for line, name in enumerate(files) if self._lines[name] != line)
            raise ColumnError(
                f"{path}, line {self._lines[files[line]] + 2}: its image is named already; name "
                "each image once"
            )
        self._columns = table.select(self.names).combine_chunks()

    def column(self, name: str, files: Sequence[str]) -> pa.Array:
        """Return the values of a column for files, as the folder names them: Arrow strings (n,)."""
        if name not in self.names:
            return pa.nulls(len(files), pa.string())
        lines = pa.array([self._lines.get(file) for file in files], pa.int64())
        values = self._columns[name].take(lines)
        return pa.concat_arrays(values.chunks or [pa.array([], pa.string())])
