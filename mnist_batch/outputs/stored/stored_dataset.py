"""A folder of parts on object storage: those of a run, copied there by the store itself.

An object has its name or has not, but a folder comes object by object: what lies there is not whole
before `_SUCCESS`. Before that comes the manifest, which only one run can create.
"""

import json
import secrets
from collections import deque
from collections.abc import Iterable, Mapping, Set
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import Any, Self

import pyarrow as pa

from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.inputs.dataset.layout import MANIFEST, SUCCESS, is_part_name, part_name
from mnist_batch.inputs.dataset.manifest import Contents, DatasetManifest, DatasetPart
from mnist_batch.outputs.dataset.dataset_sink import FinishedParts, write_empty_part
from mnist_batch.outputs.parts.staging import COMMITTED
from mnist_batch.outputs.stored.stored_file import (
    names_in,
    staging_address,
    stored_errors,
    temporary_folder,
)
from mnist_batch.outputs.targets import output_errors
from mnist_batch.remote import objects, transfers
from mnist_batch.remote.addresses import Place, joined, parsed
from mnist_batch.remote.fetching import in_threads


class StoredDataset(AbstractContextManager["StoredDataset", None]):
    """The folder of a run's predictions or packed images, not whole until `commit` has ended.

    Every method raises `OutputError` where the disk refuses, and `MachineError` where the store
    does.

    Attributes:
        takes_rows: whether the rows have to be written to it: they are in the parts.
        path: after `finish`, the manifest on this machine, which tells this folder from others.
    """

    takes_rows = False

    def __init__(
        self,
        out: str,
        schema: pa.Schema,
        parts: FinishedParts,
        *,
        overwrite: bool,
        shard: str | None = None,
        holds: Contents = Contents.PREDICTIONS,
    ) -> None:
        """Check that the folder can be written; the arguments are those of `DatasetSink`."""
        check_stored_dataset(out, overwrite=overwrite)
        # Of a run that was killed before its mark; one that comes later is of a run that goes on.
        self._has_left = objects.is_there(joined(out, MANIFEST))
        self._out = out
        self._schema = schema
        self._parts = parts
        self._overwrite = overwrite
        self._shard = shard
        self._holds = holds
        # Packed images have no staging folder, whose run would say what it does.
        self._mark = _Mark(out, overwrite=overwrite) if holds is Contents.PACKED else None
        self._names: dict[str, Place] = {}  # where each part is now

    def __enter__(self) -> Self:
        """Begin, with a folder on this machine for what is not there yet."""
        self._here = ExitStack()
        self._folder = self._here.enter_context(temporary_folder(self._out))
        self.path = self._folder / MANIFEST
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what is on this machine; a run that resumes publishes the rest again."""
        self._here.close()

    def begin(self) -> Path:
        """Return a folder of this machine, where parts may lie until they are uploaded."""
        return self._folder

    def write(self, batch: pa.RecordBatch) -> None:
        """Do nothing."""

    def finish(self, run: Mapping[str, Any]) -> None:
        """Make the manifest, with the record of the run."""
        count, parts = self._parts.number_of_parts, list[DatasetPart]()
        for place, part in self._parts.files():
            self._names[part.name] = place
            parts.append(part)
        with output_errors(self._out):
            if not count:
                parts = [write_empty_part(self._folder / part_name(0), self._schema)]
                self._names = {part_name(0): self._folder / part_name(0)}
            manifest = DatasetManifest(self._parts.run, count, self._shard, parts, run, self._holds)
            self.path.write_text(manifest.text(), encoding="utf-8")

    def commit(self) -> None:
        """Give the parts their names; then the manifest comes, and the mark that all is there.

        Raises:
            OutputError: there is a folder by now that may not be replaced, or another run publishes
                one of packed images there.
        """
        earlier = check_stored_dataset(self._out, overwrite=self._overwrite)
        with stored_errors(self._out):
            if self._mark:
                self._mark.put()
            if self._overwrite:
                # One after the other: one request for both promises readers no order.
                self._delete([SUCCESS])
            if self._overwrite or self._has_left:
                self._delete([MANIFEST])
            deque(in_threads(self._put_part, self._names.items()), maxlen=0)
            if self._mark:
                self._mark.check()
            self._delete(earlier.difference(self._names))
            try:
                objects.put(joined(self._out, MANIFEST), self.path.read_bytes(), create=True)
            except FileExistsError as error:
                raise _exists(self._out) from error
            if self._mark:
                self._mark.check()
            objects.put(joined(self._out, SUCCESS), b"")
            if self._mark:
                self._mark.remove()

    def _put_part(self, named: tuple[str, Place]) -> None:
        """Give a part its name: by a copy within the store where it is there already."""
        if self._mark:
            self._mark.check()
        name, place = named
        target = joined(self._out, name)
        if isinstance(place, str) and parsed(place)[:2] == parsed(target)[:2]:
            objects.copy(place, target)
        else:
            transfers.upload(Path(place), target)

    def _delete(self, names: Iterable[str]) -> None:
        objects.delete(joined(self._out, name) for name in names)


class _Mark:
    """Says that a run publishes parts: those of one that was killed meanwhile are replaced."""

    def __init__(self, out: str, *, overwrite: bool) -> None:
        """Look for that of another run.

        Raises:
            OutputInUseError: there is one, and `overwrite` is false: nothing tells whether that run
                goes on.
        """
        self._out = out
        self._address = joined(staging_address(out), COMMITTED)
        self._own = json.dumps(secrets.token_hex(8)).encode()
        with stored_errors(out):
            self._earlier = self._content()
        if self._earlier and not overwrite:
            raise OutputInUseError(
                f"{out}: another run is writing it, or was killed as it did; wait for its end, or "
                "pass --overwrite"
            )

    def put(self) -> None:
        """Put it there, in the place of one that was there when this run began.

        Raises:
            OutputInUseError: another run has put one there since.
        """
        if self._earlier and self._earlier == self._content():
            objects.delete([self._address])
        try:
            objects.put(self._address, self._own, create=True)
        except FileExistsError as error:
            raise self._in_use() from error

    def check(self) -> None:
        """Check that it is still there, before another object is written.

        Raises:
            OutputInUseError: another run has replaced it.
        """
        if self._content() != self._own:
            raise self._in_use()

    def remove(self) -> None:
        """Remove it, all being published; another run's stays."""
        if self._content() == self._own:
            objects.delete([self._address])

    def _content(self) -> bytes:
        try:
            return objects.read(self._address)
        except FileNotFoundError:
            return b""

    def _in_use(self) -> OutputInUseError:
        return OutputInUseError(
            f"{self._out}: another run is writing it; wait for its end, or name another place"
        )


def check_stored_dataset(out: str, *, overwrite: bool) -> frozenset[str]:
    """Refuse a folder that cannot be written; touch nothing.

    Returns:
        The names of the parts that are there.

    Raises:
        OutputError: it holds something else, or predictions and `overwrite` is false.
        MachineError: the store cannot be reached, or refuses.
    """
    with stored_errors(out):
        if not parsed(out).key:
            raise OutputError(f"{out}: names a bucket, and no folder in it; name one")
        names = {*names_in(out)}
        found = names - {MANIFEST, SUCCESS}
        if others := sorted(found - _written(out, names)):
            raise _not_ours(out, others[0])
        if not overwrite and (SUCCESS in names or (names != found and not _is_committed(out))):
            raise _exists(out)
        return frozenset(found)


def _written(out: str, names: Set[str]) -> Set[str]:
    """Return which names in a folder are of parts that a run wrote: its manifest names them.

    A run that is killed when it copies parts has written none, but said before what it does.
    """
    if MANIFEST in names:
        try:
            manifest = DatasetManifest.of(objects.read(joined(out, MANIFEST)))
        except ValueError as error:
            raise _not_ours(out, MANIFEST) from error
        return {part.name for part in manifest.parts}
    if names and _is_committed(out):
        return {*filter(is_part_name, names)}
    return frozenset()


def _is_committed(out: str) -> bool:
    """Tell whether a run said that it publishes parts, and has not ended since."""
    return objects.is_there(joined(staging_address(out), COMMITTED))


def _not_ours(out: str, name: str) -> OutputError:
    return OutputError(
        f"{out} holds {name}, which no earlier run wrote; move it away, or name another folder"
    )


def _exists(out: str) -> OutputError:
    return OutputError(
        f"{out} is not empty; name a new folder, or pass --overwrite to replace what an earlier "
        "run wrote"
    )
