"""Collect the wrong rows of a run for `mistakes.csv`, while it predicts, in flat memory."""

import errno
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

import pyarrow as pa

from mnist_batch.outputs.writer import escaped
from mnist_batch.schema import PREDICTIONS

_COLUMNS = [name for name in PREDICTIONS.names if name != "error"]

_IN_MEMORY = 4 * 2**20
"""Bytes, about 100,000 rows; what is more goes to the disk."""

_LEFT_FREE = 64 * 2**20
"""Bytes of the disk that are left to the predictions, which are more than their report."""

_ROWS_AT_ONCE = 2048


class Mistakes:
    """Wrong rows as CSV with a header, in memory and then in a file without a name.

    A kill leaves nothing of it. No failure raises before `write_to`: the run goes on without it.
    """

    def __init__(self, folder: Path) -> None:
        """Begin; nothing is written. `folder` is where the file lies if there are many rows."""
        self._folder = folder
        self._file: IO[bytes] | None = None
        self._failure: Exception | None = None
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0  # of those

    def add(self, rows: pa.RecordBatch) -> None:
        """Add rows, in order: columns of `schema.PREDICTIONS`, and any others."""
        if self._failure is None:
            self._waiting.append(rows.select(_COLUMNS))
            self._rows += len(rows)
            if self._rows >= _ROWS_AT_ONCE:
                self._flush()

    def write_to(self, path: Path) -> None:
        """Write all rows to a file, and let go of them.

        Raises:
            Exception: that failed, or collecting them did, for whatever reason.
        """
        self._flush()
        if self._failure is not None:
            raise self._failure
        with path.open("wb") as target:
            target.write((",".join(_COLUMNS) + "\n").encode())
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
        if not self._waiting:
            return
        import pyarrow.csv as pa_csv

        try:
            rows = pa.concat_batches(self._waiting)
            place = _COLUMNS.index("source")
            rows = rows.set_column(place, "source", escaped(rows.column(place)))
            options = pa_csv.WriteOptions(include_header=False, quoting_style="needed")
            lines = pa.BufferOutputStream()
            pa_csv.write_csv(rows, lines, options)
            self._write(lines.getvalue())
            self._waiting, self._rows = [], 0
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
