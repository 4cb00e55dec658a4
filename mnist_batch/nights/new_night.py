"""A night in the making: a hidden folder among the nights that is renamed when it is complete."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import datetime
from itertools import count
from pathlib import Path
from typing import Self

from mnist_batch.errors import MnistBatchError, OutputError, OutputInUseError
from mnist_batch.nights.night_folder import INDEX
from mnist_batch.outputs.output_lock import OutputLock
from mnist_batch.outputs.targets import Parents, flush, flush_names, output_errors

PLACE = ".mnist-batch"
"""Among the nights, there while one is made: all in it is ours, and all beside it somebody's."""

_LOCK = re.compile(r"\.(.+)\.lock")
_NAME = re.compile(r"[^\W_][\w.+-]{0,79}")

WORDS = ("passed", "previous", "best")
"""What `--against` takes beside the name of a night and a file; no night is called so."""


def check_name(name: str) -> None:
    """Refuse what cannot be the name of a night.

    Raises:
        ValueError: it is a word of `--against`, the page of all nights, or not 1 to 80 letters,
            digits, `.`, `_`, `+` and `-` that begin with a letter or a digit.
    """
    if name.lower() == INDEX:  # also where the file system knows no capitals
        raise ValueError(f"{name} is the page of all nights; give another name")
    if name in WORDS:
        raise ValueError(f"{name} stands for one of the nights; give another name")
    if not _NAME.fullmatch(name):
        raise ValueError(
            f"{name[:60]!r}: expected up to 80 letters, digits and . _ + -, as 2026-11-27"
        )


class NewNight(AbstractContextManager["NewNight", None]):
    """A night that is being made; a context that leaves a whole night, after `commit`, or none.

    A lock keeps other runs from its name. A killed run leaves a hidden folder and no lock; the next
    run with the same folder of nights removes it.

    Attributes:
        name: of the night.
        folder: where its files are to be written, hidden: `.mnist-batch/NAME`.
        place: where they will be.
    """

    def __init__(self, runs: Path, name: str | None, began: datetime) -> None:
        """Touch nothing yet.

        Args:
            runs: the folder of the nights; the context makes it if it is missing.
            name: None for the date of `began`, with the time where that date is taken.
            began: in UTC.
        """
        self._runs = runs
        self._names = free_names(name, began)
        self._is_named = name is not None
        self._entered = ExitStack()

    def __enter__(self) -> Self:
        """Make the hidden folder, and remove those that killed runs left.

        Raises:
            OutputError: the name is taken, or the folder cannot be written.
            OutputInUseError: another run makes a night of the name.
        """
        with output_errors(self._runs), ExitStack() as entered:
            made = Parents(self._runs)
            entered.callback(made.remove_unused)
            made.make()
            entered.callback(_remove_empty, self._runs / PLACE)
            remove_dead_nights(self._runs)
            self.name = self._lock_name(entered)
            self.place, self.folder = self._runs / self.name, hidden(self._runs, self.name)
            if self.folder.exists():  # of a file system without locks
                raise OutputInUseError(
                    f"{self.place}: another run makes this night; wait for its end, name "
                    f"another, or remove {self.folder} if that run was killed"
                )
            entered.callback(shutil.rmtree, self.folder, ignore_errors=True)
            self.folder.mkdir()
            self._entered = entered.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove what is not committed, and let other runs have the name."""
        self._entered.close()

    def commit(self) -> None:
        """Give the folder its name, when all that is in it is on disk.

        Raises:
            OutputError: the disk refuses.
        """
        with output_errors(self.place):
            for folder, _, names in os.walk(self.folder):
                for name in names:
                    flush(Path(folder, name))
                flush_names(Path(folder))
            self.folder.rename(self.place)
        with contextlib.suppress(OSError):  # it has its name, whatever the disk says now
            flush_names(self._runs)

    def told(self, text: str) -> str:
        """Return a text with the place of the night where it names the hidden folder."""
        return text.replace(self._hidden_name, self.name)

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Let errors name the place of the night, not the hidden folder."""
        try:
            yield
        except MnistBatchError as error:
            text = str(error)
            if self._hidden_name not in text:
                raise
            raise type(error)(self.told(text)) from error

    @property
    def _hidden_name(self) -> str:
        return f"{PLACE}/{self.name}"

    def _lock_name(self, entered: ExitStack) -> str:
        """Lock the first of the names that is free."""
        for name in self._names:
            place = self._runs / name
            try:
                if not _is_there(place):
                    with ExitStack() as locked:
                        locked.enter_context(OutputLock(hidden(self._runs, name)))
                        if not _is_there(place):  # else another run has made it in that moment
                            entered.enter_context(locked.pop_all())
                            return name
            except OutputInUseError as error:
                if self._is_named:
                    raise OutputInUseError(str(error).replace(f"{PLACE}/", "")) from error
        raise OutputError(f"{place} exists already; give another --name, or none for the date")


def free_names(name: str | None, began: datetime) -> Iterator[str]:
    """Yield names for a night: the one that is given, or its date, then with time and number."""
    if name is not None:
        yield name
        return
    yield f"{began:%Y-%m-%d}"
    moment = f"{began:%Y-%m-%dT%H%M%S}"
    yield moment
    yield from (f"{moment}-{number}" for number in count(2))


def hidden(runs: Path, name: str) -> Path:
    """Return where a night is made."""
    return runs / PLACE / name


def _is_there(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()


def remove_dead_nights(runs: Path) -> None:
    """Remove the folders and the locks of runs that were killed, and of those alone.

    Where the file system has no locks nobody can tell, and the folders stay; so does what the
    system refuses to remove.
    """
    place = runs / PLACE
    names = [path.name for path in place.iterdir()] if place.is_dir() else []
    found = [(name, _LOCK.fullmatch(name)) for name in names]
    for name in {lock[1] if lock else name for name, lock in found}:
        path = hidden(runs, name)
        with contextlib.suppress(OSError, OutputError), OutputLock(path) as lock:
            if path.is_dir() and not path.is_symlink() and not lock.notes:
                shutil.rmtree(path, ignore_errors=True)
