"""Where an output lies decides what writes it: files of this machine, or object storage.

The only text that is a place is an address; see `addresses.Place`. What writes to object storage,
and what writes folders, is imported where it is wanted: most runs do without.
"""

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mnist_batch.inputs.dataset.manifest import Contents
from mnist_batch.outputs.atomic import StagedFile
from mnist_batch.outputs.output_lock import OutputLock
from mnist_batch.outputs.parts import parts_folder
from mnist_batch.outputs.parts.manifest import Manifest
from mnist_batch.outputs.parts.part_file import PartIdentity, PartKind, PartWriter, write_part
from mnist_batch.outputs.parts.staging import Staging
from mnist_batch.outputs.targets import check_writable
from mnist_batch.remote.addresses import Place, joined, name_of, place_of, refuse_unknown

if TYPE_CHECKING:
    from mnist_batch.outputs.dataset.dataset_sink import DatasetSink, FinishedParts
    from mnist_batch.outputs.stored.stored_dataset import StoredDataset
    from mnist_batch.outputs.stored.stored_file import StoredFile


def output_place(named: str | Path) -> Place:
    """Return the place of the output that a user names; that a folder is meant is not told.

    Raises:
        OutputError: it looks like an address, and is of no store nor the hub.
    """
    refuse_unknown(named, "hf")
    place = place_of(named)
    return place.rstrip("/") if isinstance(place, str) else place


def name_at(place: Place) -> str:
    """Return the name of a file or of a folder."""
    return name_of(place) if isinstance(place, str) else place.name


def place_in(folder: Place, name: str) -> Place:
    """Return the place of a file in a folder."""
    return joined(folder, name) if isinstance(folder, str) else folder / name


def suffix_of(place: Place) -> str:
    """Return the suffix of a file's name, in small letters."""
    return Path(name_at(place)).suffix.lower()


def absolute(place: Place) -> str:
    """Return what names the place, wherever a process works."""
    return place if isinstance(place, str) else str(place.absolute())


def is_file(place: Place) -> bool:
    """Tell whether there is a file, or an object."""
    if isinstance(place, str):
        from mnist_batch.remote.objects import is_there

        return is_there(place)
    return os.path.isfile(place)  # noqa: PTH113 - `Path.is_file` raises where it may not look


@contextmanager
def locked(place: Place) -> Iterator[list[str]]:
    """Keep other runs from an output, as `OutputLock` does, and yield the notes on that.

    Object storage has no locks.

    Raises:
        OutputInUseError: another run holds the lock.
        OutputError: the system refuses.
    """
    if isinstance(place, str):
        yield []
        return
    with OutputLock(place) as held:
        yield held.notes


def check_place(place: Place, *, overwrite: bool) -> None:
    """Raise `OutputError` where a file cannot be put at a place; touch nothing."""
    if isinstance(place, str):
        from mnist_batch.outputs.stored.stored_file import check_storable

        check_storable(place, overwrite=overwrite)
    else:
        check_writable(place, overwrite=overwrite)


def check_folder(place: Place, *, overwrite: bool) -> None:
    """Raise `OutputError` where a folder of parts cannot be put there; touch nothing."""
    if isinstance(place, str):
        from mnist_batch.outputs.stored.stored_dataset import check_stored_dataset

        check_stored_dataset(place, overwrite=overwrite)
    else:
        from mnist_batch.outputs.dataset.dataset_sink import check_dataset

        check_dataset(place, overwrite=overwrite)


def dataset_sink(
    place: Place,
    schema: pa.Schema,
    parts: "FinishedParts",
    *,
    overwrite: bool,
    shard: str | None = None,
    holds: Contents = Contents.PREDICTIONS,
) -> "DatasetSink | StoredDataset":
    """Begin a folder of parts; arguments and errors are those of the kind's class."""
    if isinstance(place, str):
        from mnist_batch.outputs.stored.stored_dataset import StoredDataset

        return StoredDataset(place, schema, parts, overwrite=overwrite, shard=shard, holds=holds)
    from mnist_batch.outputs.dataset.dataset_sink import DatasetSink

    return DatasetSink(place, schema, parts, overwrite=overwrite, shard=shard, holds=holds)


def staged_file(
    place: Place, *, overwrite: bool, folder: Path | None = None
) -> "StagedFile | StoredFile":
    """Begin a file that is there, whole, once it is committed.

    Args:
        place: where it will be.
        overwrite: whether it may be there already.
        folder: where it is written, of a path on the same file system; None for beside a path, and
            among temporary files for an object.
    """
    if isinstance(place, str):
        from mnist_batch.outputs.stored.stored_file import StoredFile

        return StoredFile(place, overwrite=overwrite, folder=folder)
    return StagedFile(place, overwrite=overwrite, folder=folder)


def staging_place(out: Place) -> Place:
    """Return where the parts of an output lie until it is complete."""
    if isinstance(out, str):
        from mnist_batch.outputs.stored.stored_file import staging_address

        return staging_address(out)
    return parts_folder.staging_folder(out)


def staging_of(
    out: Place, manifest: Manifest, *, resume: bool, kind: PartKind = PartKind.ARROW
) -> Staging:
    """Begin or resume at that place; arguments and errors are those of the kind's class."""
    if isinstance(out, str):
        from mnist_batch.outputs.stored.stored_parts import StoredParts

        return StoredParts(out, manifest, resume=resume, kind=kind)
    return parts_folder.PartsFolder(out, manifest, resume=resume, kind=kind)


def part_written(
    place: Place, out: Place, identity: PartIdentity, schema: pa.Schema
) -> AbstractContextManager[PartWriter]:
    """Write a part at that place, from any process or machine that sees it."""
    if isinstance(place, str):
        from mnist_batch.outputs.stored.stored_parts import write_stored_part

        return write_stored_part(place, str(out), identity, schema)
    return write_part(place, out, identity, schema)


def rows_kept(out: Place) -> int:
    """Return the number of rows in the finished parts of an output."""
    if isinstance(out, str):
        from mnist_batch.outputs.stored.stored_parts import stored_rows

        return stored_rows(out)
    return parts_folder.rows_kept(out)


def committed_outputs(out: Place) -> frozenset[str]:
    """Return what a run wrote, as `absolute` names it, that was killed after `out` was there.

    It is `out` and the folders that belong to it, some of which may be missing.
    """
    if isinstance(out, str):
        from mnist_batch.outputs.stored.stored_parts import stored_outputs

        return stored_outputs(out)
    return parts_folder.committed_outputs(out)
