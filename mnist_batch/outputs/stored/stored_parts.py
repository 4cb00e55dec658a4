"""Keep the finished parts of an output on object storage, in a folder beside it: `OUT.staging/`.

There are no locks. A run that begins, or resumes, writes its own `manifest.json`, and then only
this run commits: another one ends with a line and removes nothing. `committed` is created by a
conditional request, of which one wins.
"""

import contextlib
import re
from bisect import bisect_left
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path

import pyarrow as pa

from mnist_batch.errors import MnistBatchError, OutputError
from mnist_batch.inputs.dataset import layout
from mnist_batch.outputs.parts.manifest import Manifest, is_manifest
from mnist_batch.outputs.parts.part_file import (
    PART_NAME,
    PartIdentity,
    PartKind,
    PartWriter,
    write_part,
)
from mnist_batch.outputs.parts.staging import COMMITTED, MANIFEST, Staging, outputs_in, rows_in
from mnist_batch.outputs.stored.stored_file import (
    identity_of_file,
    identity_of_object,
    names_in,
    staging_address,
    stored_errors,
    temporary_folder,
)
from mnist_batch.remote import objects, transfers
from mnist_batch.remote.addresses import joined
from mnist_batch.remote.attempts import patience_s
from mnist_batch.remote.fetching import Requests

_AT_ONCE, _WAITING = 4, 16
"""Parts that are uploaded at once, and those that wait for it at most."""

_AHEAD = 16
"""Parts of an earlier run that are read at once."""


_PROBE = re.compile(r"part\.[0-9a-f]{16}\.tmp")
"""The name of what `probe.probe_in` writes."""


class StoredParts(Staging):
    """The parts of an output on object storage; each is written here, and uploaded whole."""

    place: str

    def __init__(
        self, out: str, manifest: Manifest, *, resume: bool, kind: PartKind = PartKind.ARROW
    ) -> None:
        """Begin in the folder of an output, or take over what an interrupted run left there.

        With `resume` the parts that the earlier run finished are used, else they are removed.

        Raises:
            OutputError: the folder holds foreign objects, the earlier run had other inputs, options
                or another model, or there is no such bucket.
            MachineError: the store cannot be reached, or refuses.
        """
        super().__init__(out, manifest, kind)
        self.place = staging_address(out)
        self._target = out
        self._coming: dict[str, Future[bytes]] = {}  # by the names of objects
        with ExitStack() as entered:
            self.path = entered.enter_context(temporary_folder(out))
            self._uploads = entered.enter_context(_Uploads())
            self._reads = entered.enter_context(Requests(_AHEAD, "read"))
            with stored_errors(out):
                names = self._names()
                self._refuse_others(names)
                self._left = [name for name in names if f"-{self.run}-" in name]
                self._earlier = self._committed()
                self._begin(resume=resume)
            self._entered = entered.pop_all()

    def __exit__(self, *_: object) -> None:
        """Remove the parts if none is of use, and all that is on this machine."""
        with self._entered, contextlib.suppress(OSError, MnistBatchError):
            with contextlib.suppress(OSError, MnistBatchError):
                self._uploads.wait()
            useless = self._is_done or not rows_in(self._names())
            if useless and self._is_still_ours():
                self._clear()
                if self._is_done:
                    self._delete([COMMITTED])

    def _refuse_others(self, names: Iterable[str]) -> None:
        for name in names:
            is_ours = (
                is_manifest(objects.read(joined(self.place, name)))
                if name == MANIFEST
                else name == COMMITTED or PART_NAME.fullmatch(name) or _PROBE.fullmatch(name)
            )
            if not is_ours:
                raise OutputError(
                    f"{self.place} holds {name}, which no run left there, or which is damaged; "
                    "move it away, or name another output"
                )

    def _clear(self) -> None:
        """Remove first the parts, since the manifest is about them.

        What is committed stays: it says that parts in a folder without a manifest are a run's,
        which was killed when it published them.
        """
        self._delete(name for name in self._names() if name not in (MANIFEST, COMMITTED))
        self._delete([MANIFEST])

    def _names(self) -> list[str]:
        return names_in(self.place)

    def _is_there(self, name: str) -> bool:
        return True  # else it had no name for whoever wrote it; that takes no request a part

    def _content(self, name: str) -> pa.Buffer:
        """Return what an object holds; where an earlier run left it, the next ones come too."""
        start = bisect_left(self._left, name)
        if self._left[start : start + 1] == [name]:
            for one in self._left[start : start + _AHEAD]:
                if one not in self._coming:
                    self._coming[one] = self._reads.submit(self._read, one)
        coming = self._coming.pop(name, None)
        return pa.py_buffer(coming.result() if coming else self._read(name))

    def _read(self, name: str) -> bytes:
        return objects.read(joined(self.place, name))

    def _put(self, name: str, text: str) -> None:
        objects.put(joined(self.place, name), text.encode())

    def _put_committed(self, text: str) -> None:
        self._uploads.wait()
        if self._earlier and self._earlier == self._committed():
            self._delete([COMMITTED])  # of the run that is resumed or replaced
        try:
            objects.put(joined(self.place, COMMITTED), text.encode(), create=True)
        except FileExistsError as error:
            raise self._in_use() from error

    def _committed(self) -> bytes:
        """Return what an earlier run said of its output; nothing where none did."""
        try:
            return objects.read(joined(self.place, COMMITTED))
        except FileNotFoundError:
            return b""

    def _delete(self, names: Iterable[str]) -> None:
        objects.delete([joined(self.place, name) for name in names])

    @contextlib.contextmanager
    def _writing(self, identity: PartIdentity, schema: pa.Schema) -> Iterator[PartWriter]:
        with write_part(self.path, self._out, identity, schema) as writer:
            yield writer
        file = self.path / identity.file_name(writer.checksum)
        with stored_errors(self._target):
            self._uploads.add(file, joined(self.place, file.name))

    def _identity_of(self, output: Path) -> str:
        return identity_of_file(output)

    def _where(self, name: str = "") -> str:
        return joined(self.place, name) if name else self.place

    @contextlib.contextmanager
    def _place_errors(self) -> Iterator[None]:
        with stored_errors(self._target):
            try:
                yield
            except FileNotFoundError as error:
                raise OutputError(
                    f"{self.place}: was removed by another run in mid-run; predict again"
                ) from error


class _Uploads(AbstractContextManager["_Uploads", None]):
    """Uploads files and removes them, a few at once, while the caller goes on."""

    def __init__(self) -> None:
        self._pool = Requests(_AT_ONCE, "upload")
        self._pending = deque[Future[None]]()

    def __exit__(self, *_: object) -> None:
        """Wait for what is under way, unless the run is interrupted."""
        self._pool.__exit__()

    def add(self, path: Path, address: str) -> None:
        """Upload a file soon; raise what an earlier one failed of, as `transfers.upload` does."""
        while self._pending and (self._pending[0].done() or len(self._pending) >= _WAITING):
            self._pending.popleft().result()
        self._pending.append(self._pool.submit(_move, path, address))

    def wait(self) -> None:
        """Wait for all, and raise what one failed of.

        Raises:
            TimeoutError: the run is interrupted, and one takes too long.
        """
        while self._pending:
            self._pending.popleft().result(patience_s())


def _move(path: Path, address: str) -> None:
    transfers.upload(path, address)
    path.unlink()


@contextlib.contextmanager
def write_stored_part(
    folder: str, out: str, identity: PartIdentity, schema: pa.Schema
) -> Iterator[PartWriter]:
    """Write all rows of a part as an object of a folder, as `part_file.write_part` does of files.

    Raises:
        OutputError: the file cannot be written here, or the bucket is not there.
        MachineError: the store cannot be reached, or refuses.
    """
    with temporary_folder(out) as here:
        with write_part(here, out, identity, schema) as writer:
            yield writer
        name = identity.file_name(writer.checksum)
        with stored_errors(out):
            transfers.upload(here / name, joined(folder, name))


def stored_outputs(out: str) -> frozenset[str]:
    """Return the names of what a run wrote that was killed after it uploaded `out`.

    They are those of `parts_folder.committed_outputs`.
    """
    try:
        committed = objects.read(joined(staging_address(out), COMMITTED))
        whole = out if objects.is_there(out) else joined(out, layout.MANIFEST)
        return outputs_in(committed, identity_of_object(whole))
    except FileNotFoundError:
        return frozenset()


def stored_rows(out: str) -> int:
    """Return the number of rows in the finished parts of an output."""
    return rows_in(names_in(staging_address(out)))
