"""The folder of the nights on this machine: what is done to it as a whole.

`remote_runs.RemoteRuns` does the same for one of object storage.
"""

import contextlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Self

from mnist_batch.errors import MnistBatchError
from mnist_batch.nights.history.index import write_index
from mnist_batch.nights.night import Night
from mnist_batch.nights.night_folder import PREDICTIONS, Nights


class Runs(contextlib.AbstractContextManager["Runs", None]):
    """The nights of a folder; a context, for what it takes of this machine.

    Attributes:
        folder: where they lie on this machine, or what of them is needed.
    """

    def __init__(self, folder: Path) -> None:
        """Touch nothing."""
        self.folder = folder

    def __str__(self) -> str:
        """Return what a message calls it."""
        return str(self.folder)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Leave nothing behind."""

    def has_predictions(self, night: Night) -> bool:
        """Tell whether the predictions of a night are still there."""
        with contextlib.suppress(OSError):
            return (self.folder / night.name / PREDICTIONS).is_file()
        return False

    def predictions(self, name: str) -> Path:
        """Return the predictions file of the night of a name, which may be missing."""
        return self.folder / name / PREDICTIONS

    def is_of(self, name: str, file: str) -> bool:
        """Tell whether a file holds the predictions of the night of a name, be it by a link."""
        with contextlib.suppress(OSError):
            return (self.folder / name / PREDICTIONS).samefile(file)
        return False

    def remove_predictions(self, name: str) -> None:
        """Remove the predictions of the night of a name.

        Raises:
            OSError: they cannot be removed.
        """
        (self.folder / name / PREDICTIONS).unlink()

    @contextlib.contextmanager
    def claimed(self, name: str | None, began: datetime) -> Iterator[str | None]:
        """Keep the name of a night from other machines; yield it, None for any that is free."""
        del began  # here `new_night.NewNight` locks the name
        yield name

    def publish(self, name: str) -> None:
        """Let others see the night of a name, which is complete in `folder`."""

    def write_index(self) -> Nights:
        """Make the page of all nights again, as `history.index.write_index` does."""
        return write_index(self.folder)

    def shown(self, path: Path) -> Path | str:
        """Return where a path in `folder` lies, for who uses the night."""
        return path

    def told(self, text: str) -> str:
        """Return a text that names places in `folder` as `shown` does."""
        return text

    @contextlib.contextmanager
    def telling(self) -> Iterator[None]:
        """Let errors name places as `shown` does."""
        try:
            yield
        except MnistBatchError as error:
            text = self.told(str(error))
            if text == str(error):
                raise
            raise type(error)(text) from error
