"""Keep other runs from an output while one run works on it."""

from contextlib import AbstractContextManager, suppress
from pathlib import Path
from typing import Self

from mnist_batch.errors import OutputInUseError
from mnist_batch.outputs.file_lock import HeldLock, NoLocksError, lock
from mnist_batch.outputs.targets import Parents, behind_links, name_with_room, output_errors

_INSIDE = ".mnist-batch.lock"


class OutputLock(AbstractContextManager["OutputLock", None]):
    """A lock on an output, to be held from before the work until its end.

    It is an empty file: beside an output that is replaced as a whole, or in a folder where other
    files may lie too. Folders are made where they are missing. Leaving the context removes the
    file, and of these folders those that hold nothing. A killed run leaves them, and no lock.

    Attributes:
        notes: what the user should know, one sentence each.
    """

    def __init__(self, output: Path, *, inside: bool = False) -> None:
        """Touch nothing yet; `inside` tells that `output` is a folder for other files too."""
        self.notes: list[str] = []
        self._output = output
        place = behind_links(output)  # one output has one lock, whatever links lead to it
        self._is_inside = inside
        beside = place.parent / f".{name_with_room(place.name)}.lock"
        self._file = place / _INSIDE if inside else beside
        self._parents = Parents(self._file.parent)
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
            self._parents.remove_unused()
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
        self._parents.remove_unused()

    def _lock(self) -> None:
        while True:
            self._parents.make()
            try:
                held = lock(self._file)
            except FileNotFoundError:  # the last run removed the folder in that moment
                continue
            if held is None:
                raise OutputInUseError(
                    f"{self._output}: another run is writing it; wait for its end, or name "
                    f"another {'folder' if self._is_inside else 'place'}"
                )
            self._held = held
            return
