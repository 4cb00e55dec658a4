"""Write a folder of packed files that belong together, as `predict` writes one of predictions."""

import hashlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from mnist_batch.inputs.dataset.layout import part_name
from mnist_batch.inputs.dataset.manifest import Contents, DatasetPart
from mnist_batch.inputs.parquet.packed import FORMAT, PART, packed_schema
from mnist_batch.options import Prepare
from mnist_batch.outputs.kinds import dataset_sink
from mnist_batch.outputs.packed.packed_file import ROW_GROUP_ROWS, PackedWriter
from mnist_batch.outputs.targets import flush, output_errors
from mnist_batch.remote.addresses import Place
from mnist_batch.schema import Classes

PART_ROWS = 32 * ROW_GROUP_ROWS
"""Rows of a part, 262,144: MNIST's take 43 MB, and no image takes more than 784 bytes."""


class PackedFolder(AbstractContextManager["PackedFolder", None]):
    """The folder of a run's packed images, not there, or not whole, until `commit`.

    Each part but the last has `PART_ROWS` rows. Its bytes depend on the rows and on how images were
    prepared: the manifest alone says how and when the folder was made. Until the commit the parts
    lie beside a folder of this machine, and among temporary files for one on object storage.

    Every method raises `OutputError` where the disk refuses, and `MachineError` where a store does.

    Attributes:
        size_bytes: after `finish`, the size of all parts.
    """

    size_bytes = 0

    def __init__(self, out: Place, classes: Classes, prepare: Prepare, *, overwrite: bool) -> None:
        """Check that the folder can be written.

        Args:
            out: the folder.
            classes: of which labels are numbers.
            prepare: how the images were prepared.
            overwrite: replace an earlier one.
        """
        self._out = out
        self._parts = _Parts(classes, prepare)
        self._sink = dataset_sink(
            out, packed_schema(classes), self._parts, overwrite=overwrite, holds=Contents.PACKED
        )

    def __enter__(self) -> Self:
        """Begin the first part."""
        self._sink.__enter__()
        try:
            with output_errors(self._out):
                self._parts.begin(self._sink.begin())
        except BaseException:
            self._sink.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what is not in place."""
        self._sink.__exit__()

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows, in order."""
        with output_errors(self._out):
            self._parts.write(batch)

    def finish(self, run: Mapping[str, Any]) -> None:
        """Write the rest, and how the folder was made."""
        with output_errors(self._out):
            self._parts.end()
            self.size_bytes = self._parts.size_bytes
        self._sink.finish({"format": FORMAT, **run})

    def commit(self) -> None:
        """Put the folder in its place."""
        self._sink.commit()


class _Parts:
    """The parts of a folder, one after the other: see `FinishedParts`."""

    are_own = True

    def __init__(self, classes: Classes, prepare: Prepare) -> None:
        self._classes = classes
        self._about = {PART: True, "options": {"prepare": str(prepare)}}
        self._written: list[DatasetPart] = []
        self.size_bytes = 0

    def begin(self, folder: Path) -> None:
        """Begin the first part in a folder."""
        self._folder = folder
        self._begin_part()

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows; a part that has all of its own is ended once another row comes."""
        while len(batch):
            if self._rows == PART_ROWS:
                self.end()
                self._begin_part()
            head = batch.slice(0, PART_ROWS - self._rows)
            self._writer.write(head)
            self._rows += len(head)
            batch = batch.slice(len(head))

    def end(self) -> None:
        """End the last part."""
        self._writer.close(self._about)
        flush(self._path)
        self.size_bytes += self._path.stat().st_size
        with self._path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._written.append(DatasetPart(self._path.name, self._rows, sha256))

    @property
    def run(self) -> str:
        """Return what names the rows: a hash of the parts."""
        hashes = "".join(part.sha256 for part in self._written)
        return hashlib.sha256(hashes.encode()).hexdigest()[:16]

    @property
    def number_of_parts(self) -> int:
        """The number of parts that are written."""
        return len(self._written)

    def files(self) -> Iterator[tuple[Place, DatasetPart]]:
        """Yield the file of each part, in order."""
        for part in self._written:
            yield self._folder / part.name, part

    def _begin_part(self) -> None:
        self._path = self._folder / part_name(len(self._written))
        self._rows = 0
        self._writer = PackedWriter(self._path, self._classes)
