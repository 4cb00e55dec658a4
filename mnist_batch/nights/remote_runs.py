"""The nights of a folder of object storage: brought here as far as a night needs them.

Records and scores of all nights come here, predictions when they are asked for. A night is made
here, and uploaded whole: its record comes last, and without one it is no night. While it is made,
an object `.mnist-batch/NAME`, which only one run can create, keeps its name from other machines.
"""

import contextlib
import os
import shutil
import uuid
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Self

from mnist_batch.errors import MnistBatchError, OutputError, OutputInUseError
from mnist_batch.nights.history.index import METRICS, write_index
from mnist_batch.nights.new_night import PLACE, free_names
from mnist_batch.nights.night import Night
from mnist_batch.nights.night_folder import (
    COMPARISON,
    INDEX,
    JUNIT,
    MOST_BYTES,
    PAGES,
    PREDICTIONS,
    RECORD,
    REPORT,
    SUMMARY,
    Nights,
)
from mnist_batch.nights.runs import Runs
from mnist_batch.remote import objects, transfers
from mnist_batch.remote.addresses import is_remote, joined, name_of, refuse_unknown
from mnist_batch.remote.fetching import Requests
from mnist_batch.remote.temporary_folders import TemporaryFolder

_AT_ONCE = 16
"""Requests at once: each waits for the store."""

_LONGEST_NAME = 255
"""Bytes, on file systems; a folder there may have a longer one, which is no night's."""

_GUESTS = {PREDICTIONS, REPORT, COMPARISON, SUMMARY, JUNIT}
"""Names in the folder of a night, but for its record, which comes last."""

_READ = (RECORD, f"{REPORT}/{METRICS}")
_TEXTS = {".csv", ".html", ".json", ".md", ".xml"}


def runs_at(place: str | Path) -> Runs:
    """Return the nights of a folder: of a path, or of an address of object storage.

    Raises:
        OutputError: it looks like an address, and is of no store.
    """
    refuse_unknown(place)
    return RemoteRuns(place) if isinstance(place, str) and is_remote(place) else Runs(Path(place))


class RemoteRuns(Runs):
    """The nights of a folder of object storage; a context, which removes what came here.

    Every method raises a `MachineError` where the store cannot be reached, or refuses.
    """

    def __init__(self, address: str) -> None:
        """Ask for nothing yet."""
        self._address = address.rstrip("/")
        self._temporary = TemporaryFolder()
        # The page of all nights tells its name.
        super().__init__(Path(self._temporary.path, name_of(self._address)))
        self._there: dict[str, objects.RemoteObject] = {}

    def __str__(self) -> str:
        """Return its address."""
        return self._address

    def __enter__(self) -> Self:
        """Bring records and scores here."""
        with contextlib.ExitStack() as entered:
            entered.callback(self._temporary.remove)
            self.folder.mkdir()
            self._refresh()
            self._entered = entered.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what is here."""
        self._entered.close()

    def has_predictions(self, night: Night) -> bool:
        """Tell whether the predictions of a night are there, or still here."""
        return f"{night.name}/{PREDICTIONS}" in self._there or super().has_predictions(night)

    def predictions(self, name: str) -> Path:
        """Return a copy of the predictions of the night of a name; it is downloaded once."""
        path = super().predictions(name)
        if not path.exists():
            with contextlib.suppress(FileNotFoundError):
                transfers.download(self._at(name, PREDICTIONS), path)
        return path

    def is_of(self, name: str, file: str) -> bool:
        """Tell whether a file, by its address, holds the predictions of the night of a name."""
        return file == self._at(name, PREDICTIONS)

    def remove_predictions(self, name: str) -> None:
        """Delete the predictions of the night of a name, there and here."""
        objects.delete([self._at(name, PREDICTIONS)])
        self._there.pop(f"{name}/{PREDICTIONS}", None)
        super().predictions(name).unlink(missing_ok=True)

    @contextlib.contextmanager
    def claimed(self, name: str | None, began: datetime) -> Iterator[str]:
        """Keep a name from other machines until the end of the context.

        Raises:
            OutputError: the name is taken.
            OutputInUseError: another run makes a night of the name, or was killed while it did.
        """
        for free in free_names(name, began):
            claim, place = self._at(PLACE, free), self._at(free)
            try:
                objects.put(claim, uuid.uuid4().bytes, create=True)
            except FileExistsError as error:
                if name:
                    raise OutputInUseError(
                        f"{place}: another run makes this night; wait for its end, name another, "
                        f"or delete {claim} if that run was killed"
                    ) from error
                continue
            try:
                if self._is_free(free):
                    yield free
                    return
            finally:
                # Where that fails, the name stays taken.
                with contextlib.suppress(MnistBatchError):
                    objects.delete([claim])
        raise OutputError(f"{place} exists already; give another --name, or none for the date")

    def _is_free(self, name: str) -> bool:
        """Tell whether no night of a name is there, and nothing of somebody's.

        What a killed run left is deleted, here too: files of a night, without its record.
        """
        start = self._at(name, "")
        left = [one.address for one in objects.listed(start)]
        if not {one.removeprefix(start).partition("/")[0] for one in left} <= _GUESTS:
            return False
        objects.delete(left)
        shutil.rmtree(self.folder / name, ignore_errors=True)
        return True

    def publish(self, name: str) -> None:
        """Upload the night of a name; others see it once its record is there."""
        folder = self.folder / name
        paths = [path for path in folder.rglob("*") if path.is_file()]
        for path in paths:
            if path.suffix in _TEXTS:
                text = path.read_text(encoding="utf-8")
                path.write_text(self.told(text), encoding="utf-8")
        record = folder / RECORD
        try:
            with Requests(_AT_ONCE) as pool:
                guests = (path for path in paths if path != record)
                list(pool.map(lambda path: transfers.upload(path, self._shown(path)), guests))
            objects.put(self._shown(record), record.read_bytes(), create=True)
        except BaseException:
            with contextlib.suppress(MnistBatchError):  # else they have no record, and are no night
                objects.delete(map(self._shown, paths))
            raise

    def write_index(self) -> Nights:
        """Make the page of all nights again, with those that came from other machines meanwhile.

        Two runs that do so at once look again when their pages are in place, as
        `history.index.write_index` does.
        """
        while True:
            self._refresh()
            before = self._state()
            history = write_index(self.folder)
            page = (self.folder / INDEX).read_text(encoding="utf-8")
            objects.put(self._at(INDEX), self.told(page).encode())
            self._refresh()
            if before == self._state():
                return history

    def shown(self, path: Path) -> str:
        """Return the address of what is here."""
        return self._shown(path)

    def told(self, text: str) -> str:
        """Return a text with addresses in the place of what lies here."""
        return text.replace(str(self.folder), self._address)

    def _shown(self, path: Path) -> str:
        return self._at(*path.relative_to(self.folder).parts)

    def _at(self, *names: str) -> str:
        return joined(self._address, "/".join(names))

    def _state(self) -> dict[str, str]:
        """Return what changes where a night comes, goes, or gets its labels."""
        return {key: one.etag for key, one in self._there.items() if key.partition("/")[2] in _READ}

    def _refresh(self) -> None:
        """Bring here what tells of the nights, where it is another one than what came before."""
        start, known = len(self._address) + 1, self._there
        self._there = {one.address[start:]: one for one in objects.listed(self._address)}
        # A folder without a record is of a run that goes on, or it is somebody's, who is told.
        made = {key.partition("/")[2] for key in self._there if key.startswith(f"{PLACE}/")}
        wanted = []
        for key, one in self._there.items():
            name, _, rest = key.partition("/")
            is_made = name in made and f"{name}/{RECORD}" not in self._there
            is_name = not name.startswith(".") and len(os.fsencode(name)) <= _LONGEST_NAME
            if not rest or not is_name or is_made:
                continue
            path = self.folder / name / rest
            (self.folder / name).mkdir(exist_ok=True)
            if rest in _READ and known.get(key) != one:
                path.parent.mkdir(exist_ok=True)
                wanted.append((one, path))
            elif rest in PAGES.values() and not path.exists():  # only that it is there counts
                path.parent.mkdir(exist_ok=True)
                path.touch()
        with Requests(_AT_ONCE) as pool:
            list(pool.map(lambda found: _bring(*found), wanted))


def _bring(one: objects.RemoteObject, path: Path) -> None:
    """Write an object's content into a file; of one that is too large for a night, its size."""
    with contextlib.suppress(FileNotFoundError), path.open("wb") as file:
        if one.size > MOST_BYTES:
            file.truncate(one.size)
        else:
            file.write(objects.read(one.address))
