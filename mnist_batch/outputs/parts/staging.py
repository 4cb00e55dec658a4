"""The finished parts of an unfinished output, wherever they are kept, and what a run makes of them.

A place of parts holds files, or objects, of these names:

- `manifest.json`, what the parts depend on, see `Manifest`, and the name of the attempt, the
  process that began or resumed the run last: it alone commits the output and removes the parts;
- `part-5b2f8c0d1e7a6934-000012-8192-9ae0daaf.arrow`, a part: its run, its number, its rows and the
  CRC-32 of its bytes, which repeat the first three (of Parquet it begins with these);
- `committed`, from shortly before the output gets its name: the identity of the output, and the
  names of the output and of what belongs to it.
"""

import contextlib
import hashlib
import json
import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from mnist_batch.errors import OutputError, OutputInUseError
from mnist_batch.inputs.files.opening import cause
from mnist_batch.machine.failures import raise_if_of_machine
from mnist_batch.outputs.parts.manifest import Manifest
from mnist_batch.outputs.parts.part_file import (
    PART_NAME,
    DamagedPartError,
    KeptRows,
    PartContent,
    PartIdentity,
    PartKind,
    PartWriter,
    read_part,
)
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.outputs.targets import output_errors
from mnist_batch.remote.addresses import Place, joined

if TYPE_CHECKING:
    from mnist_batch.inputs.dataset.manifest import DatasetPart

MANIFEST, COMMITTED = "manifest.json", "committed"


class Staging(AbstractContextManager["Staging", None], ABC):
    """The place of one output's parts; a context that keeps those that are finished.

    The context removes the place on leaving, if it holds no part or `remove` was called. All that
    writes raises `OutputError` where the disk refuses.

    Attributes:
        place: where the parts lie: a folder, or as text one of object storage.
        path: a local folder for files being written, on leaving those that end in `.tmp` are
            removed.
        found: the numbers of the parts that an earlier run finished and this run can use.
        notes: what the user should know of earlier runs, one sentence each.
        run: what names the run, as `Manifest.run` returns it.
    """

    place: Place
    path: Path

    def __init__(self, out: str | Path, manifest: Manifest, kind: PartKind) -> None:
        """Touch nothing; the parts are those of an output, and depend on what a manifest says."""
        self.found: frozenset[int] = frozenset()
        self.notes: list[str] = []
        self._out = out
        self._manifest = manifest
        self._kind = kind
        self.run = manifest.run()
        self._text = manifest.text(attempt=secrets.token_hex(8))
        self._checksums: dict[int, int] = {}  # of the parts that are there
        self._contents: dict[int, PartContent] = {}  # of those that stay files of the output
        self._is_done = False

    def read(self, part: Part) -> Iterator[KeptRows]:
        """Yield the predictions of a part in `found`.

        Raises:
            OutputError: the part is no longer what it was when it was found, or cannot be read.
        """
        identity, checksum = self._identity(part), self._checksums[part.number]
        name = identity.file_name(checksum)
        try:
            with output_errors(self._out):
                yield from read_part(self._content(name), identity, checksum)
        except DamagedPartError as error:
            raise OutputError(
                f"{self._where(name)}: was replaced while a run used it; --resume predicts its "
                "rows again"
            ) from error

    @contextlib.contextmanager
    def writing(self, part: Part, schema: pa.Schema) -> Iterator[PartWriter]:
        """Write all rows of a part; after the context it is kept, after an error nothing is."""
        with self._writing(self._identity(part), schema) as writer:
            yield writer
        self._keep(part, writer.checksum, writer.content)

    def accept(self, part: Part, name: str, content: PartContent | None) -> None:
        """Take a part that was written into the place by somebody else, by the name of its file.

        `content` is that of its writer.

        Raises:
            OutputError: the name is not one of this part, or no such file is there.
        """
        match = PART_NAME.fullmatch(name)
        checksum = int(match["checksum"], 16) if match else 0
        if name != self._identity(part).file_name(checksum):
            raise OutputError(f"{self._where()}: {name!r} is not the name of part {part.number}")
        with output_errors(self._out):
            is_there = self._is_there(name)
        if not is_there:
            raise OutputError(
                f"{self._where(name)}: is not there, though a worker wrote it; all machines have "
                "to see one folder there; name an output on storage that they share"
            )
        self._keep(part, checksum, content)

    @property
    def number_of_parts(self) -> int:
        """The number of parts that the run has, whichever are here."""
        return len(self._manifest.parts)

    @property
    def are_own(self) -> bool:
        """Whether the files are this run's alone, as they are."""
        return True

    def files(self) -> Iterator[tuple[Place, "DatasetPart"]]:
        """Yield each file here that stays one, in order, and what it is in a folder of these."""
        from mnist_batch.inputs.dataset.layout import part_name  # late: a single file has none
        from mnist_batch.inputs.dataset.manifest import DatasetPart

        for number, content in sorted(self._contents.items()):
            identity = self._identity(self._manifest.parts[number])
            name = identity.file_name(self._checksums[number])
            file = self.place / name if isinstance(self.place, Path) else joined(self.place, name)
            yield file, DatasetPart(part_name(number, self.number_of_parts), *content)

    def announce(self, output: Path, others: Iterable[str | Path]) -> None:
        """Record the file that becomes the output, before it and then `others` get their names.

        Raises:
            OutputError: another run writes the output now, as may be where there are no locks.
        """
        outputs = (self._out, *others)
        named = [str(one.absolute()) if isinstance(one, Path) else one for one in outputs]
        with self._place_errors():
            if not self._is_still_ours():
                raise self._in_use()
            self._put_committed(json.dumps([self._identity_of(output), named]))

    def remove(self) -> None:
        """Remove the parts on leaving: the output and all that belongs to it are whole."""
        self._is_done = True

    @abstractmethod
    def _names(self) -> list[str]:
        """Return the names of the files in the place, ascending."""

    @abstractmethod
    def _is_there(self, name: str) -> bool:
        """Tell whether a file is in the place."""

    @abstractmethod
    def _content(self, name: str) -> pa.Buffer:
        """Return what a file holds.

        Raises:
            OSError: it cannot be read.
        """

    @abstractmethod
    def _put(self, name: str, text: str) -> None:
        """Write a file that is missing or whole, whenever the machine stops."""

    @abstractmethod
    def _put_committed(self, text: str) -> None:
        """Write the file `committed`, as `_put` does."""

    @abstractmethod
    def _delete(self, names: Iterable[str]) -> None:
        """Remove files, in order."""

    @abstractmethod
    def _clear(self) -> None:
        """Remove all but what keeps others out."""

    @abstractmethod
    def _writing(
        self, identity: PartIdentity, schema: pa.Schema
    ) -> AbstractContextManager[PartWriter]:
        """Write a part, as `writing` does."""

    @abstractmethod
    def _identity_of(self, output: Path) -> str:
        """Return what identifies a local file that becomes the output, after it has its name."""

    @abstractmethod
    def _where(self, name: str = "") -> str:
        """Return where a file is, or the place, for messages."""

    @abstractmethod
    def _place_errors(self) -> AbstractContextManager[None]:
        """Raise what the system says of the place as an `OutputError`."""

    def _in_use(self) -> OutputInUseError:
        return OutputInUseError(
            f"{self._out}: another run has begun to write it; wait for its end, or name another "
            "file"
        )

    def _identity(self, part: Part) -> PartIdentity:
        return PartIdentity(self.run, part.number, part.rows, self._kind)

    def _keep(self, part: Part, checksum: int, content: PartContent | None) -> None:
        self._checksums[part.number] = checksum
        if content:
            self._contents[part.number] = content

    def _is_still_ours(self) -> bool:
        """Tell whether no other run has begun since in the place, which has to be there."""
        return bool(self._content(MANIFEST).to_pybytes() == self._text.encode())

    def _begin(self, *, resume: bool) -> None:
        """Take over what an earlier run finished with `resume`, else remove it."""
        kept = rows_in(self._names())
        if resume and kept:
            self._take_over()
            return
        if resume:
            self.notes.append(f"nothing to resume: no part of {self._out} was finished before")
        elif kept:
            self.notes.append(
                f"{kept:,} rows that an interrupted run had finished were removed; "
                "--resume would have continued from them"
            )
        self._clear()
        self._put(MANIFEST, self._text)

    def _take_over(self) -> None:
        differences = list(self._manifest.differences(self._content(MANIFEST).to_pybytes()))
        if differences:
            raise OutputError(
                f"{self._where()} is of a run that --resume cannot continue: "
                f"{'; '.join(differences)}; predict as then, or leave out --resume to start over"
            )
        self._put(MANIFEST, self._text)
        parts = {part.number: part for part in self._manifest.own_parts}
        for match in parts_in(self._names()):
            self._verify(match, parts.get(int(match["number"])))
        self.found = frozenset(self._checksums)
        kept = sum(parts[number].rows for number in self.found)
        rows = sum(part.rows for part in parts.values())
        self.notes.append(f"resumed: {kept:,} of {rows:,} rows were there already")

    def _verify(self, match: re.Match[str], part: Part | None) -> None:
        """Keep the file of a part that this run would write too; remove any other."""
        name, checksum = match[0], int(match["checksum"], 16)
        try:
            if part is None or match["run"] != self.run or match["kind"] != self._kind:
                raise DamagedPartError("of another run")
            file = self._content(name)
            rows = sum(
                len(kept.predictions) for kept in read_part(file, self._identity(part), checksum)
            )
            stays = self._kind is PartKind.PARQUET
            sha256 = hashlib.sha256(file).hexdigest() if stays else ""
            self._keep(part, checksum, PartContent(rows, sha256) if stays else None)
        except (DamagedPartError, OSError) as error:
            raise_if_of_machine(error, self._where(name))  # the part may be whole
            why = str(error) if isinstance(error, DamagedPartError) else cause(error)
            self._delete([name])
            self.notes.append(f"{self._where(name)}: {why}; its rows were predicted again")


def parts_in(names: Iterable[str]) -> Iterator[re.Match[str]]:
    """Yield the names of parts among those of files, as matches of `PART_NAME`."""
    return filter(None, map(PART_NAME.fullmatch, names))


def rows_in(names: Iterable[str]) -> int:
    """Return the number of rows in the parts among files."""
    return sum(int(match["rows"]) for match in parts_in(names))


def outputs_in(committed: bytes, identity: str) -> frozenset[str]:
    """Return the names in the file `committed`; none where it is of an output of other identity."""
    try:
        announced, outputs = json.loads(committed)
        return frozenset(outputs if announced == identity else ())
    except (ValueError, TypeError, RecursionError):
        return frozenset()
