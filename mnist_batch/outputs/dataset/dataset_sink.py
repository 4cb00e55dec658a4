"""Make a folder of the parts of a run, whole or not at all."""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol, Self

import pyarrow as pa

from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS, part_name
from mnist_batch.inputs.dataset.manifest import Contents, DatasetManifest, DatasetPart
from mnist_batch.machine.file_modes import output_mode
from mnist_batch.outputs.atomic import StagedFolder
from mnist_batch.outputs.parquet_writer import ParquetWriter
from mnist_batch.outputs.parts.parquet_part import COUNTS
from mnist_batch.outputs.targets import behind_links, flush, flush_names, output_errors
from mnist_batch.remote.addresses import Place


class FinishedParts(Protocol):
    """The parts of which a folder is made: a run's, or those of the shards of a run."""

    @property
    def run(self) -> str:
        """What names the run."""

    @property
    def number_of_parts(self) -> int:
        """The number of parts that the run has, whichever are here."""

    @property
    def are_own(self) -> bool:
        """Whether the files are this run's alone, which nobody writes to after it."""

    def files(self) -> Iterator[tuple[Place, DatasetPart]]:
        """Yield where the file of each part is, in order, and what it is in the folder."""


class DatasetSink(StagedFolder):
    """The folder of a run's predictions or packed images, invisible until `commit`.

    Every method raises `OutputError` where the disk refuses.

    Attributes:
        takes_rows: whether the rows have to be written to it: they are in the parts.
        path: after `finish`, the file that tells this folder from others, whatever its name.
    """

    takes_rows = False

    def __init__(
        self,
        out: Path,
        schema: pa.Schema,
        parts: FinishedParts,
        *,
        overwrite: bool,
        shard: str | None = None,
        holds: Contents = Contents.PREDICTIONS,
    ) -> None:
        """Check that the folder can be written, as `check_dataset` does.

        Args:
            out: the folder.
            schema: of the rows.
            parts: in the end these are all that belong into the folder.
            overwrite: replace an earlier one.
            shard: see `DatasetManifest`.
            holds: what the parts hold.
        """
        super().__init__(out, overwrite=overwrite, ours=_Ours(out))
        self.path = out / MANIFEST
        self._schema = schema
        self._parts = parts
        self._shard = shard
        self._holds = holds
        self._folder: Path | None = None

    def __enter__(self) -> Self:
        """Return the folder, to be written."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what is not in place."""
        self.discard()

    def begin(self) -> Path:
        """Return the folder that will be the output; parts may be written right into it."""
        if self._folder is None:
            self._folder = super().begin()
        return self._folder

    def write(self, batch: pa.RecordBatch) -> None:
        """Do nothing."""

    def finish(self, run: Mapping[str, Any]) -> None:
        """Make the folder, with the record of the run: parts elsewhere stay there, too."""
        folder = self.begin()
        with output_errors(self.target):
            count = self._parts.number_of_parts
            parts = (
                [*self._linked(folder)]
                if count
                else [write_empty_part(folder / part_name(0), self._schema)]
            )
            manifest = DatasetManifest(self._parts.run, count, self._shard, parts, run, self._holds)
            self.path = folder / MANIFEST
            self.path.write_text(manifest.text(), encoding="utf-8")
            flush(self.path)
            (folder / SUCCESS).touch()
            flush_names(folder)

    def commit(self) -> None:
        """Give the folder its name; an earlier one is removed."""
        super().commit()
        with contextlib.suppress(OSError):  # it has its name, whatever the disk says now
            flush_names(behind_links(self.target).parent)

    def _linked(self, folder: Path) -> Iterator[DatasetPart]:
        """Put the parts into the folder, and yield them."""
        for path, part in self._parts.files():
            target = folder / part.name
            if not self._parts.are_own:
                _copy(Path(path), target)
            elif path != target:
                _link(Path(path), target)
            target.chmod(output_mode())
            yield part


def write_empty_part(path: Path, schema: pa.Schema) -> DatasetPart:
    """Write a part without rows: readers find the columns in it."""
    ParquetWriter(path, schema, COUNTS).close({})
    flush(path)
    return DatasetPart(part_name(0), 0, hashlib.sha256(path.read_bytes()).hexdigest())


def check_dataset(out: Path, *, overwrite: bool) -> None:
    """Refuse a folder that cannot be written, before any work is done; touch nothing.

    Raises:
        OutputError: it holds something else, or predictions and `overwrite` is false.
    """
    StagedFolder(out, overwrite=overwrite, ours=_Ours(out))


def _link(part: Path, place: Path) -> None:
    """Give a part a second name, so that a run that is killed has it still."""
    try:
        os.link(part, place)
    except OSError:  # a file system without a second name for a file
        _copy(part, place)


def _copy(part: Path, place: Path) -> None:
    """Write a part anew: what is written into the other file later does not change it."""
    shutil.copyfile(part, place)
    flush(place)


class _Ours:
    """Tells which files of a folder an earlier run wrote."""

    def __init__(self, out: Path) -> None:
        self._out = behind_links(out)

    def __call__(self, path: Path) -> bool:
        """Tell whether the manifest names it, or it is one of the two files about the parts."""
        if path.parent != self._out:
            return False
        return path.stat().st_size == 0 if path.name == SUCCESS else path.name in self._written

    @cached_property
    def _written(self) -> frozenset[str]:
        if not (self._out / SUCCESS).is_file():
            return frozenset()
        try:
            manifest = DatasetManifest.of((self._out / MANIFEST).read_bytes())
        except (OSError, ValueError):
            return frozenset()
        return frozenset([MANIFEST, *(part.name for part in manifest.parts)])
