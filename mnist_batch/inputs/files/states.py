"""Tell how files are known again: by size, time and inode."""

import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from threading import Thread

import numpy as np
import numpy.typing as npt

from mnist_batch import _kernels
from mnist_batch.inputs.files.path_texts import text_of_path
from mnist_batch.inputs.texts import Texts
from mnist_batch.machine.failures import raise_if_of_machine

FileStates = npt.NDArray[np.int64]
"""Size in bytes, time of the last change in seconds and nanoseconds, and inode of n files: int64
(n, 4), -1 where there is no file. The inode tells a file from another of the same size and time
that was unpacked in its place. As one number, nanoseconds would end in the year 2262."""

_NO_FILE = (-1, -1, -1, -1)


def file_states(paths: Sequence[str | Path], *, portable: bool = False) -> FileStates:
    """Return size, time and inode of files; `portable` ones have no inode, which is 0."""
    states = np.full((len(paths), 4), -1, np.int64)
    if _kernels.ready() and sys.getfilesystemencoding() == "utf-8":
        _ask_for_states(paths if isinstance(paths, Texts) else Texts(map(str, paths)), states)
    for place in np.flatnonzero(states[:, 0] < 0).tolist():
        states[place] = _state(paths[place])
    if portable:
        states[states[:, 0] >= 0, 3] = 0
    return states


_MANY = 1024
"""Files from which on two threads ask for their states, each for half of them."""


def _ask_for_states(paths: Texts, states: FileStates) -> None:
    """Fill in the states of files, by compiled code; -1 where there is none."""
    from mnist_batch._kernels.files import file_states as ask

    if len(paths) < _MANY:
        ask(*paths.joined_bytes(), states)
        return
    half = len(paths) // 2
    first, second = paths[:half].joined_bytes(), paths[half:].joined_bytes()

    def ask_for_first() -> None:
        with suppress(MemoryError):  # `file_states` asks for what is left, and says what fails
            ask(*first, states[:half])

    other = Thread(target=ask_for_first)
    try:
        other.start()
    except RuntimeError:  # the system allows no more threads
        ask(*paths.joined_bytes(), states)
        return
    ask(*second, states[half:])
    other.join()


def _state(path: str | Path) -> tuple[int, int, int, int]:
    try:
        # Path objects for 60,000 files would take a second.
        status = os.stat(path)  # noqa: PTH116
    except (OSError, ValueError) as error:  # a null character in the path
        raise_if_of_machine(error, text_of_path(str(path)))
        return _NO_FILE
    inode = status.st_ino if status.st_ino < 2**63 else status.st_ino - 2**64  # all 64 bits
    return status.st_size, *divmod(status.st_mtime_ns, 10**9), inode
