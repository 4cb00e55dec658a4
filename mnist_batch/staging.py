"""Writing a file whole or not at all: a temporary name beside the target, then a rename."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mnist_batch.errors import OutputError


class StagedFile:
    """A file being written beside its target, unseen until `commit`.

    Attributes:
        target: where the file will be.
        path: the temporary file in the same folder (hidden, unique), to be written by the caller.
    """

    def __init__(self, target: Path, *, overwrite: bool) -> None:
        """Create the temporary file.

        Raises:
            OutputError: the target exists and `overwrite` is false, is a folder, or its folder
                does not exist or cannot be written.
        """
        self.target = target
        self._overwrite = overwrite
        check_writable(target, overwrite=overwrite)
        with translated(target):
            handle, name = tempfile.mkstemp(
                dir=target.parent, prefix=f".{target.name[:100]}.", suffix=".tmp"
            )
            os.close(handle)
            self.path = Path(name)
            # mkstemp makes files private; an output is as readable as the user's umask says.
            umask = os.umask(0)
            os.umask(umask)
            self.path.chmod(0o666 & ~umask)

    def __enter__(self) -> "StagedFile":
        """Return the file; leaving the context without `commit` leaves nothing."""
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the temporary file, if it is still there."""
        self.discard()

    def commit(self) -> None:
        """Flush the file to disk and rename it to its target, then flush the folder.

        Raises:
            OutputError: the target came to exist meanwhile and `overwrite` is false, or the disk
                refuses.
        """
        check_writable(self.target, overwrite=self._overwrite)
        with translated(self.target):
            _sync(self.path)
            self.path.replace(self.target)
        # The rename itself is on disk only once the folder is; but it has happened, and some
        # folders cannot be opened.
        with contextlib.suppress(OSError):
            _sync(self.target.parent)

    def discard(self) -> None:
        """Remove the temporary file; nothing happens after `commit`."""
        with contextlib.suppress(OSError):
            self.path.unlink(missing_ok=True)


def check_writable(target: Path, *, overwrite: bool) -> None:
    """Raise `OutputError` where a file cannot be put at `target`; touch nothing."""
    if target.is_dir():
        raise OutputError(f"{target} is a folder; name a file")
    if target.exists() and not overwrite:
        raise OutputError(f"{target} exists already; name another file or pass --overwrite")
    if not target.parent.is_dir():
        raise OutputError(f"{target.parent} is not a folder; create it first")
    if not os.access(target.parent, os.W_OK):
        raise OutputError(f"{target.parent} cannot be written; name a folder that can")


@contextlib.contextmanager
def translated(target: Path) -> Iterator[None]:
    """Turn what the operating system says while writing for `target` into an `OutputError`."""
    try:
        yield
    except OSError as error:
        # Arrow's own text wraps the system's; the number gives it plain.
        cause = os.strerror(error.errno) if error.errno else str(error)
        raise OutputError(
            f"{target} could not be written: {cause}; make room, or name another place"
        ) from error


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
