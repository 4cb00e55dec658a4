"""Draw figures in a second process, which imports matplotlib while this one predicts.

It draws for this process alone, and nothing about it depends on where this one runs: matplotlib
reads no settings there, neither of files in the working folder or the home nor of the calling
program, knows no font but its own, and keeps no cache. Whatever happens to it, as where memory is
short, does not happen to the predictions.

Threads would not do: the import of 0.3 s holds the interpreter lock. Nor would an executor: whole
commands, measured in 12 to 30 turns on two shared cores, take 1.02 to 1.04 times as long with a
`ProcessPoolExecutor` for ten images, and 1.07 to 1.17 times for 10,000; its worker also outlives a
process that is killed, and shares its standard output.
"""

import atexit
import gc
import json
import os
import pickle
import select
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from mnist_batch.errors import MachineError
from mnist_batch.inference.workers import available_workers
from mnist_batch.machine import isolated_python, streams
from mnist_batch.machine.failures import not_started

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PATIENCE_S = 60
"""How long to wait for a figure: the second process may have been stopped."""


@dataclass(frozen=True)
class _Second:
    """The second process: requests go to its standard input, replies come through their own pipe.

    What libraries print goes nowhere. `owner` is the process that started it: a fork of that has
    to start one of its own.
    """

    process: "subprocess.Popen[bytes]"
    replies: BinaryIO
    owner: int


_second: _Second | None = None
_lock = threading.Lock()


def start_process() -> None:
    """Start the second process ahead of the first figure, where there is a core for it."""
    if available_workers() > 1:
        with suppress(MachineError), _lock:  # whoever draws will say it
            _running()


def draw(make: "Callable[[Any], Figure]", content: object, path: Path) -> None:
    """Draw a figure into a PNG file, in the second process, which is started where none runs.

    Args:
        make: a function of `figures`.
        content: its argument.
        path: the PNG file.

    Raises:
        OSError: the disk refuses.
        MachineError: no second process can be started, or it ended twice.
    """
    # The two may read the bytes of a name as different text.
    request = pickle.dumps((make, content, os.fsencode(path.absolute())))
    with _lock:
        # Where memory is short, it may have been killed; then there is room for another.
        reply = _asked(_running(), request) or _asked(_running(), request)
    if not reply:
        raise MachineError(f"{path.name}: the process that draws figures ended, twice")
    number, why = json.loads(reply)
    if number:
        raise OSError(number, why, str(path))
    if why:
        raise MachineError(f"{path.name}: it could not be drawn: {why}")


def _running() -> _Second:
    """Return the second process of this one, started if there is none.

    Raises:
        MachineError: it cannot be started.
    """
    global _second
    if _second is None or _second.owner != os.getpid():
        _second = _started()
        atexit.register(_stop, _second)
    return _second


def _started() -> _Second:
    reading, writing = os.pipe()
    try:
        process = subprocess.Popen(
            isolated_python.command(_PROGRAM, str(writing)),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[writing],
            env=isolated_python.variables(),
            cwd=Path(__file__).parent,  # matplotlib looks for a file of settings where it starts
        )
    except OSError as error:
        os.close(reading)
        raise not_started(error, "the process that draws figures") from error
    finally:
        os.close(writing)
    return _Second(process, os.fdopen(reading, "rb"), os.getpid())


def _stop(second: _Second) -> None:
    global _second
    _second = None
    if second.owner == os.getpid():
        second.process.kill()  # it may still be importing, for nothing
        with suppress(OSError):  # what it had not read yet cannot be written
            second.process.communicate()
        second.replies.close()


def _asked(second: _Second, request: bytes) -> bytes:
    """Return the reply to a request; nothing where the process ended or was stopped, as it is then.

    A process that was stopped, as by Ctrl-Z, would keep this one waiting for ever.
    """
    reply = b""
    try:
        with suppress(OSError):  # a pipe is broken: it ended
            assert second.process.stdin
            second.process.stdin.write(request)
            second.process.stdin.flush()
            if streams.wait_for(second.replies, select.POLLIN, _PATIENCE_S):
                reply = second.replies.readline()
    finally:
        # After an interrupt too: what it draws on would be in the way, and its late reply be taken
        # for that to the next request.
        if not reply:
            atexit.unregister(_stop)
            _stop(second)
    return reply


_PROGRAM = """
from mnist_batch.reports import drawing_process
drawing_process.serve(int(sys.argv[1]))
"""


def serve(replies: int) -> None:
    """Draw the figures that are requested on standard input until it ends, in the second process.

    The answer to each is a line of JSON, written to the descriptor `replies`: the number of an
    error of the system's or null, and why it was not drawn or null.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C ends the first, and so standard input
    gc.disable()  # a few figures leave little behind
    _import_matplotlib()
    from mnist_batch.reports import figures

    while True:
        try:
            make, content, path = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        reply: tuple[int | None, str | None] = (None, None)
        try:
            figures.save(make(content), Path(os.fsdecode(path)))
        except OSError as error:
            reply = (error.errno, error.strerror or str(error))
        except Exception as error:  # noqa: BLE001 - the first process raises it
            reply = (None, " ".join(f"{type(error).__name__}: {error}".split()))
        os.write(replies, json.dumps(reply).encode() + b"\n")


def _import_matplotlib() -> None:
    """Import what draws and saves a figure, without anybody's settings, fonts and caches.

    Matplotlib 3.11 reads the font metrics of the whole system, and keeps them in the user's cache.
    All figures are set in DejaVu Sans, which comes with it; to read that alone takes 10 ms.
    """
    os.environ |= {"MATPLOTLIBRC": os.devnull, "MPL_IGNORE_SYSTEM_FONTS": "1"}
    import matplotlib as mpl

    for folder in ("get_configdir", "get_cachedir"):
        setattr(mpl, folder, lambda: os.devnull)  # neither found nor made, and nothing within
    walk = os.walk

    def the_font(top: str) -> Iterator[tuple[str, list[str], list[str]]]:
        for folder, folders, files in walk(top):
            yield folder, folders, [name for name in files if name == "DejaVuSans.ttf"]

    setattr(os, "walk", the_font)  # noqa: B010 - mypy knows what walk is
    from matplotlib.backends import backend_agg  # noqa: F401 - what saving a figure will import
    from matplotlib.figure import Figure  # noqa: F401 - all figures

    os.walk = walk
