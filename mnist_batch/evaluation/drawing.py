"""Drawing in a second process, which imports matplotlib while this one predicts.

That import takes a third of the time of a small run, and threads would not help: it holds the
interpreter lock.
"""

import atexit
import gc
import os
import pickle
import select
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from mnist_batch.inference.workers import available_workers

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PATIENCE_S = 60
"""A second process that takes longer for a figure, say because it was stopped, is done without."""


@dataclass(frozen=True)
class _Second:
    """The second process: requests go to its standard input, replies come by a pipe of their own.

    On its standard output anything may come that is imported when Python starts.
    """

    process: "subprocess.Popen[bytes]"
    replies: BinaryIO


_second: _Second | None = None


def start_process() -> None:
    """Start the second process, where there is a core for it; it ends with this one.

    Without it, as where the system allows no more processes, figures are drawn here.
    """
    global _second
    if _second is not None or available_workers() == 1 or os.name != "posix":
        return
    with suppress(OSError):
        _second = _started()
        atexit.register(_stop, _second)


def _started() -> _Second:
    reading, writing = os.pipe()
    # The same packages have to be found, wherever the first process was started from.
    program = (
        f"import sys; sys.path[:] = {sys.path}; "
        f"from mnist_batch.evaluation.drawing import serve; serve({writing})"
    )
    try:
        process = subprocess.Popen(
            [sys.executable, "-c", program],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[writing],
        )
    except OSError:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    return _Second(process, os.fdopen(reading, "rb"))


def _stop(second: _Second) -> None:
    second.process.kill()  # it may be in the middle of an import, for nothing
    second.process.communicate()
    second.replies.close()


def draw(make: "Callable[[Any], Figure]", content: object, path: Path) -> None:
    """Draw a figure into a PNG file, in the second process if it was started and is well.

    Args:
        make: a function of `figures`.
        content: its argument.
        path: where to.

    Raises:
        OSError: the disk refuses.
    """
    if _second is None or not _drawn_by(_second, make, content, path):
        from mnist_batch.evaluation import figures

        figures.save(make(content), path)


def _drawn_by(second: _Second, make: object, content: object, path: Path) -> bool:
    assert second.process.stdin
    try:
        pickle.dump((make, content, path), second.process.stdin)
        second.process.stdin.flush()
        if not select.select([second.replies], [], [], _PATIENCE_S)[0]:
            second.process.kill()
            return False
        return second.replies.read(1) == _DRAWN
    except OSError:  # it was killed, as where memory is short
        return False


_DRAWN, _NOT_DRAWN = b"1", b"0"


def serve(replies: int) -> None:
    """Draw what comes on standard input until it ends: what the second process does.

    A byte is written to the descriptor `replies` for each figure. Where drawing fails the first
    process does it again, so that the error comes up there.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first, whose end is ours
    gc.disable()  # a few figures leave little behind
    from matplotlib.backends import backend_agg  # noqa: F401 - what saving a figure will import
    from matplotlib.figure import Figure  # noqa: F401 - all figures

    from mnist_batch.evaluation import figures

    while True:
        try:
            make, content, path = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            figures.save(make(content), path)
            os.write(replies, _DRAWN)
        except Exception:  # noqa: BLE001 - it comes up in the first process
            os.write(replies, _NOT_DRAWN)
