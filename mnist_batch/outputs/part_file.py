"""The Arrow file of a part: writing it to disk, and telling whether it is as it was written."""

import contextlib
import io
import os
import zlib
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mnist_batch.inputs.files import open_native
from mnist_batch.outputs.atomic import translated

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

# To compress names that repeat costs less than to write, sum and remove them.
_WRITING = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)


class PartWriter:
    """The Arrow file of a part that is being written; a context, after which it is on disk.

    Attributes:
        checksum: the CRC-32 of its bytes, after the context.
    """

    def __init__(self, out: Path, descriptor: int, schema: pa.Schema) -> None:
        """Begin the file, which is open for writing, in the name of the output `out`.

        Raises:
            OutputError: the disk refuses.
        """
        self._out = out
        self._file = _SummedFile(descriptor)
        with translated(out):
            # A batch is some twenty small pieces.
            self._pieces = pa.BufferedOutputStream(pa.PythonFile(self._file, "w"), 2**20)
            self._writer = pa.ipc.new_file(self._pieces, schema, options=_WRITING)

    @property
    def checksum(self) -> int:
        """The CRC-32 of what was written."""
        return self._file.checksum

    def __enter__(self) -> "PartWriter":
        """Return the writer."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Write what remains and wait until it is on disk, unless there was an error."""
        try:
            if kind is None:
                with translated(self._out):
                    self._writer.close()
                    self._pieces.flush()
                    self._file.flush()
                    os.fsync(self._file.fileno())
        finally:
            with contextlib.suppress(OSError):
                self._pieces.close()

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows.

        Raises:
            OutputError: the disk refuses.
        """
        with translated(self._out):
            self._writer.write_batch(batch)


class _SummedFile(io.BufferedWriter):
    """A file that is written, and the CRC-32 of what was."""

    def __init__(self, descriptor: int) -> None:
        super().__init__(io.FileIO(descriptor, "wb"))
        self.checksum = 0

    def write(self, content: "ReadableBuffer") -> int:
        """Write bytes, all of them."""
        self.checksum = zlib.crc32(content, self.checksum)
        return super().write(content)


def is_whole(path: Path, checksum: int, rows: int) -> bool:
    """Tell whether a file is as it was written, and has so many rows."""
    if _checksum(path) != checksum:
        return False
    try:
        with open_native(path) as file:
            reader = pa.ipc.open_file(file)
            numbers = range(reader.num_record_batches)
            found: int = sum(reader.get_batch(number).num_rows for number in numbers)
    except (OSError, pa.ArrowException):
        return False
    return found == rows


def _checksum(path: Path) -> int:
    """Return the CRC-32 of a file's bytes."""
    checksum = 0
    with path.open("rb") as file:
        while piece := file.read(2**20):
            checksum = zlib.crc32(piece, checksum)
    return checksum
