"""Keep other runs from an output while one run works on it."""

from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Self

from mnist_batch.errors import OutputInUseError
from mnist_batch.outputs.file_lock import HeldLock, NoLocksError, lock
from mnist_batch.outputs.targets import behind_links, name_with_room, output_errors

_INSIDE = ".mnist-batch.lock"


class OutputLock(AbstractContextManager["OutputLock", None]):
    """A lock on an output, to be held from before the work until its end.

    It is an empty file: beside an output that is replaced as a whole, or in a folder where other
    files may lie too, which is made where it is missing. Leaving the context removes the file, and
    the folder where it was made and holds nothing. A killed run leaves them, and no lock.

    Attributes:
        notes: what the user should know, one sentence each.
    """

    def __init__(self, output: Path, *, inside: bool = False) -> None:
        """Touch nothing yet; `inside` tells that `output` is a folder for other files too."""
        self.notes: list[str] = []
        self._output = output
        place = behind_links(output)  # one output has one lock, whatever links lead to it
        self._folder = place if inside else None
        beside = place.parent / f".{name_with_room(place.name)}.lock"
        self._file = place / _INSIDE if inside else beside
        self._made_folder = False
        self._held = HeldLock()

    def __enter__(self) -> Self:
        """Lock the output.

        Raises:
            OutputInUseError: another run holds the lock.
            OutputError: the system refuses.
        """
        try:
            with output_errors(self._file), suppress(NoLocksError):
                self._lock()
                return self
        except BaseException:
            self._remove_folder()
            raise
        self.notes.append(
            f"{self._output}: its file system has no locks, so nothing keeps another run from "
            "writing it too"
        )
        return self

    def __exit__(self, *_: object) -> None:
        """Unlock the output."""
        with suppress(OSError):
            # Else it is somebody's, or, where ours was removed meanwhile, another run's.
            if not self._file.stat().st_size and not self._held.is_replaced(self._file):
                self._file.unlink()
        self._held.close()
        self._remove_folder()

    def _remove_folder(self) -> None:
        if self._folder and self._made_folder:
            with suppress(OSError):  # it holds something, be it the lock of another run
                self._folder.rmdir()

    def _lock(self) -> None:
        while True:
            if self._folder and not self._folder.is_dir():
                with suppress(FileExistsError):  # made by another run in that moment
                    self._folder.mkdir()
                    self._made_folder = True
            try:
                held = lock(self._file)
            except FileNotFoundError:
                if self._folder:  # the last run removed it in that moment
                    continue
                raise
            if held is None:
                raise OutputInUseError(
                    f"{self._output}: another run is writing it; wait for its end, or name "
                    f"another {'folder' if self._folder else 'place'}"
                )
            self._held = held
            return
