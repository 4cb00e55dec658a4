"""Collect the wrong rows of a run for `mistakes.csv`, while it predicts, in flat memory."""

import csv
import errno
import os
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from mnist_batch.outputs.writer import as_cell, guarded
from mnist_batch.schema import PREDICTIONS, PROBABILITIES

_LEFT_OUT = ("error", PROBABILITIES.name)


def _columns_of(names: Sequence[str]) -> list[str]:
    return [name for name in names if name not in _LEFT_OUT]


def _csv_lines(batches: Sequence[pa.RecordBatch], columns: Sequence[str]) -> pa.Buffer:
    """Return rows as lines of CSV, without a header."""
    import pyarrow.csv as pa_csv

    rows = pa.concat_batches(batches)
    rows = pa.record_batch([as_cell(column) for column in rows.columns], names=columns)
    options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
    lines = pa.BufferOutputStream()
    pa_csv.write_csv(rows, lines, options)
    return lines.getvalue()


_IN_MEMORY = 4 * 2**20
"""Bytes, about 100,000 rows; what is more goes to the disk."""

_LEFT_FREE = 64 * 2**20
"""Bytes of the disk that are left to the predictions, which are more than their report."""

_ROWS_AT_ONCE = 2048


class WrongRows:
    """The wrong rows of a part; it can be pickled once it is settled.

    Attributes:
        columns: those of `mistakes.csv`.
        lines: the rows as CSV without a header, once it is settled.
        failure: why there are none.
    """

    def __init__(self) -> None:
        self.columns = _columns_of(PREDICTIONS.names)
        self.lines = b""
        self.failure: Exception | None = None
        self._rows: list[pa.RecordBatch] = []

    def add(self, predictions: pa.RecordBatch, wrong: npt.NDArray[np.bool_]) -> None:
        """Add those of the next rows that are wrong; the arguments are those of `Mistakes.add`."""
        self.columns = _columns_of(predictions.schema.names)
        if wrong.any():
            self._rows.append(predictions.select(self.columns).filter(pa.array(wrong)))

    def settle(self) -> None:
        """Write the rows as CSV, for which the process that takes them has no time."""
        if self._rows:
            try:
                self.lines = _csv_lines(self._rows, self.columns).to_pybytes()
            except Exception as error:  # noqa: BLE001 - the report is a guest of the predictions
                self.failure = error
            self._rows = []


class Mistakes:
    """Wrong rows as CSV with a header, in memory and then in a file without a name.

    A kill leaves nothing of it. No failure raises before `write_to`: the run goes on without it.
    """

    def __init__(self, folder: Path) -> None:
        """Begin; nothing is written. `folder` is where the file lies if there are many rows."""
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._failure: Exception | None = None
        self._columns = _columns_of(PREDICTIONS.names)
        self._waiting: list[pa.RecordBatch] = []
        self._rows = self._size = 0  # of those

    def add(self, predictions: pa.RecordBatch, wrong: npt.NDArray[np.bool_]) -> None:
        """Add those of the next rows that are wrong.

        Args:
            predictions: columns of `schema.PREDICTIONS`, and further ones, which the file has too;
                the same in each batch.
            wrong: bool (n,).
        """
        if self._failure is not None:
            return
        self._columns = _columns_of(predictions.schema.names)
        if wrong.any():
            self._add(predictions.select(self._columns).filter(pa.array(wrong)))

    def merge(self, later: WrongRows) -> None:
        """Add the wrong ones of the rows that follow."""
        self._flush()
        self._failure = self._failure or later.failure
        if self._failure is None:
            self._columns = later.columns
            self._try_to_write(pa.py_buffer(later.lines))

    def _add(self, rows: pa.RecordBatch) -> None:
        self._waiting.append(rows)
        self._rows += len(rows)
        self._size += rows.nbytes
        if self._rows >= _ROWS_AT_ONCE or self._size >= _IN_MEMORY:
            self._flush()

    def write_to(self, path: Path) -> None:
        """Write all rows to a file, and let go of them.

        Raises:
            Exception: that failed, or collecting them did, for whatever reason.
        """
        self._flush()
        if self._failure is not None:
            raise self._failure
        with path.open("w", encoding="utf-8", newline="") as header:
            csv.writer(header, lineterminator="\n").writerow(map(guarded, self._columns))
        with path.open("ab") as target:
            if self._file:
                self._file.seek(0)
                shutil.copyfileobj(self._file, target)
        self.close()

    def close(self) -> None:
        """Let go of the rows."""
        if self._file:
            self._file.close()
        self._file, self._waiting = None, []

    def _flush(self) -> None:
        """Write the rows that wait."""
        if self._waiting and self._failure is None:
            self._try_to_write()
            self._waiting, self._rows, self._size = [], 0, 0

    def _try_to_write(self, lines: pa.Buffer | None = None) -> None:
        """Write lines, those of the rows that wait for None."""
        try:
            self._write(_csv_lines(self._waiting, self._columns) if lines is None else lines)
        except Exception as error:  # noqa: BLE001 - the report is a guest of the predictions
            self.close()
            self._failure = error

    def _write(self, lines: pa.Buffer) -> None:
        if self._file is None:
            self._file = tempfile.SpooledTemporaryFile(  # noqa: SIM115 - `close` closes it
                max_size=_IN_MEMORY, dir=str(self._folder)
            )
        to_disk = self._file.tell() + lines.size > _IN_MEMORY
        if to_disk and shutil.disk_usage(self._folder).free < lines.size + _LEFT_FREE:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._file.write(lines)
