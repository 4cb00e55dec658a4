"""Predictions on object storage, copied here to be read."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mnist_batch.errors import PredictionsError
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS, is_part_name, not_whole
from mnist_batch.outputs.dataset.shards import DatasetShards, read_shards
from mnist_batch.outputs.stored.stored_file import temporary_folder
from mnist_batch.outputs.targets import output_errors
from mnist_batch.remote import objects, transfers
from mnist_batch.remote.addresses import Place, name_of


@contextmanager
def copies_here(addresses: Sequence[str]) -> Iterator[list[Path]]:
    """Copy files and folders of predictions, and yield where they are during the context.

    Raises:
        PredictionsError: one cannot be read; and what is raised of copies meanwhile, told of where
            these come from.
        OutputError: there is no room for the copies.
        MachineError: the store cannot be reached, or refuses.
    """
    if not addresses:
        yield []
        return
    with temporary_folder(addresses[0]) as here:
        copies = [here / str(number) / name_of(address) for number, address in enumerate(addresses)]
        for address, copy in zip(addresses, copies, strict=True):
            _copy(address, copy)
        try:
            yield copies
        except PredictionsError as error:
            (text,) = error.args
            for address, copy in zip(addresses, copies, strict=True):
                text = text.replace(str(copy), address)
            raise type(error)(text) from error.__cause__


@contextmanager
def shards_here(folders: Sequence[Place]) -> Iterator[DatasetShards]:
    """Read the shards of a run; copies of those on object storage are there during the context.

    Raises:
        PredictionsError: as `read_shards` raises it, and `copies_here` all that it raises.
    """
    stored = [folder for folder in folders if isinstance(folder, str)]
    with copies_here(stored) as copies:
        by_address = dict(zip(stored, copies, strict=True))
        yield read_shards([by_address[one] if isinstance(one, str) else one for one in folders])


def _copy(address: str, copy: Path) -> None:
    """Copy a file, or the files of a folder of predictions once it is whole."""
    with output_errors(copy):
        copy.parent.mkdir()
        try:
            transfers.download(address, copy)
        except FileNotFoundError:
            copy.unlink(missing_ok=True)
        else:
            return
        copy.mkdir()
        try:
            found = [*objects.listed_here(address)]
        except FileNotFoundError as error:  # the bucket
            raise PredictionsError(f"{address}: {error.strerror}; name another") from error
        named = {name_of(one.address): one for one in found}
        wanted = [name for name in named if name in (MANIFEST, SUCCESS) or is_part_name(name)]
        if not wanted and "*" in address:
            raise PredictionsError(
                f"{address} does not exist; object storage has no patterns, name each folder"
            )
        if not wanted:
            raise PredictionsError(
                f"{address} does not exist; name a predictions file, or a folder that predict wrote"
            )
        if not {MANIFEST, SUCCESS} <= named.keys():
            raise PredictionsError(f"{address}: {not_whole()}")
        for name in wanted:
            transfers.download_listed(named[name], copy / name)
