"""Draw figures in a second process, which imports matplotlib while this one predicts.

Threads would not do: the import of 0.3 s holds the interpreter lock. Nor would an executor: whole
commands, measured in 12 to 30 turns on two shared cores, take 1.02 to 1.04 times as long with a
`ProcessPoolExecutor` for ten images, and 1.07 to 1.17 times for 10,000; its worker also outlives a
process that is killed, and shares its standard output. Drawing in this process takes 0.97 times as
long for ten images (0.74 s), which just pay for the start of the second, and 1.18 times for 10,000
(0.94 s, each by the fastest of 12 runs).
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
"""How long to wait for a figure: the second process may have been stopped."""


@dataclass(frozen=True)
class _Second:
    """The second process: requests go to its standard input, replies come through their own pipe.

    What Python imports at its start, as `sitecustomize`, may write to standard output.
    """

    process: "subprocess.Popen[bytes]"
    replies: BinaryIO


_second: _Second | None = None


def start_process() -> None:
    """Start the second process, where there is a core for it; it ends with this one.

    Where the system allows no more processes, this process draws.
    """
    global _second
    if _second is not None or available_workers() == 1 or os.name != "posix":
        return
    with suppress(OSError):
        _second = _started()
        atexit.register(_stop, _second)


def _started() -> _Second:
    reading, writing = os.pipe()
    # It has to find the same packages, wherever the first process was started from.
    program = (
        f"import sys; sys.path[:] = {sys.path}; "
        f"from mnist_batch.evaluation.drawing_process import serve; serve({writing})"
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
    second.process.kill()  # it may still be importing, for nothing
    second.process.communicate()
    second.replies.close()


def draw(make: "Callable[[Any], Figure]", content: object, path: Path) -> None:
    """Draw a figure into a PNG file: in the second process if it runs, or else in this one.

    Args:
        make: a function of `figures`.
        content: its argument.
        path: the PNG file.

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
    """Draw the figures that are requested on standard input until it ends, in the second process.

    The answer to each is a byte written to the descriptor `replies`. Where drawing fails, the first
    process draws again and raises the error.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the first, and so standard input
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
        except Exception:  # noqa: BLE001 - the first process raises it
            os.write(replies, _NOT_DRAWN)
