"""Drawing in a second process, which imports matplotlib while this one predicts.

That import takes a third of the time of a small run, and threads would not help: it holds the
interpreter lock.
"""

import atexit
import gc
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_process: "subprocess.Popen[bytes] | None" = None


def start_process() -> None:
    """Start the second process, where there is a core for it; it ends with this one."""
    global _process
    if _process is not None or (os.cpu_count() or 1) < 2:
        return
    # The same packages have to be found, wherever the first process was started from.
    program = (
        f"import sys; sys.path[:] = {sys.path}; from mnist_batch import drawing; drawing.serve()"
    )
    _process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    atexit.register(_stop, _process)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.kill()  # it may be in the middle of an import, for nothing
    process.communicate()


def draw(make: "Callable[[Any], Figure]", content: object, path: Path) -> None:
    """Draw a figure into a PNG file, in the second process if it was started and is well.

    Args:
        make: a function of `figures`.
        content: its argument.
        path: where to.

    Raises:
        OSError: the disk refuses.
    """
    if _process is None or not _drawn_by(_process, make, content, path):
        from mnist_batch import figures

        figures.save(make(content), path)


def _drawn_by(
    process: "subprocess.Popen[bytes]", make: object, content: object, path: Path
) -> bool:
    assert process.stdin
    assert process.stdout
    try:
        pickle.dump((make, content, path), process.stdin)
        process.stdin.flush()
        drawn: bool = pickle.load(process.stdout)
    except (BrokenPipeError, EOFError):  # it was killed, as where memory is short
        return False
    return drawn


def serve() -> None:
    """Draw what comes on standard input until it ends: what the second process does.

    Where drawing fails the first process does it again, so that the error comes up there.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the first, whose end is ours
    gc.disable()  # a few figures leave little behind
    from matplotlib.backends import backend_agg  # noqa: F401 - what saving a figure will import
    from matplotlib.figure import Figure  # noqa: F401 - all figures

    from mnist_batch import figures

    while True:
        try:
            make, content, path = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            figures.save(make(content), path)
            drawn = True
        except Exception:  # noqa: BLE001 - it comes up in the first process
            drawn = False
        pickle.dump(drawn, sys.stdout.buffer)
        sys.stdout.buffer.flush()
