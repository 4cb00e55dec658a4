"""Shards of a run on object storage, copied here to be joined."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mnist_batch.errors import PredictionsError
from mnist_batch.outputs.dataset.layout import MANIFEST, SUCCESS, is_part_name
from mnist_batch.outputs.dataset.shards import DatasetShards, read_shards
from mnist_batch.outputs.targets import output_errors
from mnist_batch.remote import objects, transfers
from mnist_batch.remote.addresses import Place, name_of


@contextmanager
def shards_here(folders: Sequence[Place]) -> Iterator[DatasetShards]:
    """Read the shards of a run; copies of those on object storage are there during the context.

    Raises:
        PredictionsError: as `read_shards` raises it, and all that is read of them meanwhile; it
            names folders where they are.
        OutputError: there is no room for the copies.
        MachineError: the store cannot be reached, or refuses.
    """
    with tempfile.TemporaryDirectory(prefix="mnist-batch-", ignore_cleanup_errors=True) as here:
        copies: dict[str, str] = {}  # addresses by their local folders
        local = list[Path]()
        for number, folder in enumerate(folders):
            if isinstance(folder, str):
                copy = Path(here) / str(number) / name_of(folder)
                copies[str(copy)] = folder
                _copy(folder, copy)
                local.append(copy)
            else:
                local.append(folder)
        try:
            yield read_shards(local)
        except PredictionsError as error:
            (text,) = error.args
            for copied, address in copies.items():
                text = text.replace(copied, address)
            raise PredictionsError(text) from error.__cause__


def _copy(address: str, folder: Path) -> None:
    """Copy the files of a folder of predictions, those that are there."""
    with output_errors(folder):
        folder.mkdir(parents=True)
        for found in objects.listed_here(address):
            name = name_of(found.address)
            if name in (MANIFEST, SUCCESS) or is_part_name(name):
                transfers.download_listed(found, folder / name)
