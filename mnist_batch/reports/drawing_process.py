"""Draw figures in a second process, which imports matplotlib while this one predicts.

Figures are requested and then waited for, so that it draws while this one makes the rest of a
report. It draws for this process alone, and nothing about it depends on where this one runs:
matplotlib reads no settings there, neither of files in the working folder or the home nor of the
calling program, knows no font but its own, and keeps no cache. Whatever happens to it, as where
memory is short, does not happen to the predictions.

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
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass
from io import FileIO
from pathlib import Path
from typing import TYPE_CHECKING

from mnist_batch.errors import MachineError
from mnist_batch.inference.workers import available_workers
from mnist_batch.machine import isolated_python, streams
from mnist_batch.machine.failures import not_started

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PATIENCE_S = 60
"""How long to wait for a figure: the second process may have been stopped."""


_LONGEST_REASON = 1000
"""Characters of why a figure cannot be drawn: matplotlib may quote a program's output in full."""

_TRIES = 2
"""How often a figure is tried: where memory is short, the process that draws it may be killed."""


@dataclass(eq=False)
class _Request:
    """A figure to draw.

    Attributes:
        name: of its file, for a message.
        pickled: its function, the arguments and the path.
        ended: how many processes have ended over it.
        reply: the line that answers it; None before.
    """

    name: str
    pickled: bytes
    ended: int = 0
    reply: bytes | None = None


@dataclass(eq=False)
class _Drawer:
    """The second process: requests go to its standard input, replies come through their own pipe.

    What libraries print goes nowhere.

    Attributes:
        process: the process.
        replies: its pipe, without a buffer, since it is asked whether there is something in it.
        owner: the process that started it: a fork of that has to start one of its own.
        requests: those that are written and not answered, in the order of the answers.
        is_whole: whether every request was written to its end.
    """

    process: "subprocess.Popen[bytes]"
    replies: FileIO
    owner: int
    requests: list[_Request]
    is_whole: bool = True


_drawer: _Drawer | None = None
_lock = threading.Lock()


def start_process() -> None:
    """Start the second process ahead of the first figure, where there is a core for it."""
    if available_workers() > 1:
        with suppress(MachineError), _lock:  # whoever draws will say it
            _running()


def end_process() -> None:
    """Kill the second process, if there is one, without waiting for it: this one is about to end.

    It would end on its own, but only when it has imported all.
    """
    if _drawer and _drawer.owner == os.getpid():
        _drawer.process.kill()


class Drawings(AbstractContextManager["Drawings", None]):
    """Figures that are being drawn; leaving the context gives up those that are not waited for."""

    def __init__(self) -> None:
        """Request nothing yet."""
        self._requests: dict[Path, _Request] = {}

    def request(self, make: "Callable[..., Figure]", content: Sequence[object], path: Path) -> None:
        """Let a figure be drawn into a PNG file, by a process that is started where none runs.

        Args:
            make: a function of `figures` or of `contact_sheet`.
            content: its arguments.
            path: the PNG file.
        """
        # The two may read the bytes of a name as different text.
        pickled = pickle.dumps((make, content, os.fsencode(path.absolute())))
        request = self._requests[path] = _Request(path.name, pickled)
        with _lock, suppress(MachineError):  # who waits for it is told
            _send(_running(), request)

    def wait(self, path: Path) -> None:
        """Wait until a figure that was requested is drawn.

        Raises:
            OSError: the disk refuses.
            MachineError: no process can be started, or it ended twice, or cannot draw the figure.
        """
        request = self._requests[path]
        with _lock:
            while request.reply is None and request.ended < _TRIES:
                _read_reply(_running(), request)
        if request.reply is None:
            raise MachineError(f"{path.name}: the process that draws figures ended, twice")
        number, why = json.loads(request.reply)
        if number:
            raise OSError(number, why, str(path))
        if why:
            raise MachineError(f"{path.name}: it could not be drawn: {why}")

    def __exit__(self, *_: object) -> None:
        """Stop the process where it may write to a path that nobody waits for any longer."""
        with _lock:
            if _drawer and {*_drawer.requests}.intersection(self._requests.values()):
                _stop(_drawer)


def _running() -> _Drawer:
    """Return the second process of this one, started if there is none.

    Raises:
        MachineError: it cannot be started.
    """
    global _drawer
    if _drawer is None or _drawer.owner != os.getpid():
        _drawer = _started()
        atexit.register(_stop, _drawer)
    return _drawer


def _started() -> _Drawer:
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
    assert process.stdin
    os.set_blocking(process.stdin.fileno(), False)
    return _Drawer(process, FileIO(reading), os.getpid(), [])


def _stop(drawer: _Drawer) -> None:
    global _drawer
    _drawer = None
    atexit.unregister(_stop)
    if drawer.owner == os.getpid():
        drawer.process.kill()  # it may still be importing, for nothing
        with suppress(OSError):  # what it had not read yet cannot be written
            drawer.process.communicate()
        drawer.replies.close()


def _send(drawer: _Drawer, request: _Request) -> None:
    """Write a request; where it cannot be written, `_read_reply` finds out."""
    drawer.requests.append(request)
    if not drawer.is_whole:
        return
    drawer.is_whole = False  # until all is written: an interrupt may come
    assert drawer.process.stdin
    descriptor, left = drawer.process.stdin.fileno(), memoryview(request.pickled)
    with suppress(OSError):  # a pipe is broken: it ended
        while left:
            # A process that was stopped, as by Ctrl-Z, would let this one wait for ever.
            if not streams.wait_for(drawer.process.stdin, select.POLLOUT, _PATIENCE_S):
                return
            left = left[os.write(descriptor, left) :]
        drawer.is_whole = True


def _read_reply(drawer: _Drawer, request: _Request) -> None:
    """Read the next reply, which may be to another request; send this one if that is not done.

    Without a reply the process has ended or was stopped, and is ended: the requests that it had are
    then to be sent to another.
    """
    if request not in drawer.requests:
        _send(drawer, request)
    reply, asked = b"", drawer.requests[0]
    try:
        if drawer.is_whole and streams.wait_for(drawer.replies, select.POLLIN, _PATIENCE_S):
            reply = drawer.replies.readline()
    finally:
        # After an interrupt too: what it draws on would be in the way.
        if not reply.endswith(b"\n"):
            _stop(drawer)
    if drawer is _drawer:
        asked.reply = reply
        drawer.requests.remove(asked)
    else:
        asked.ended += 1


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
            figures.save(make(*content), Path(os.fsdecode(path)))
        except OSError as error:
            reply = (error.errno, error.strerror or str(error))
        except Exception as error:  # noqa: BLE001 - the first process raises it
            # The pipe has room for short replies, whenever they are read.
            why = " ".join(f"{type(error).__name__}: {error}".split())
            reply = (None, why[:_LONGEST_REASON])
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
    # Matplotlib 3.11 imports axes in three dimensions where it can, which takes 15 ms.
    sys.modules["mpl_toolkits.mplot3d"] = None  # type: ignore[assignment] # no such module then
    from matplotlib.backends import backend_agg  # noqa: F401 - what saving a figure will import
    from matplotlib.figure import Figure  # noqa: F401 - all figures

    os.walk = walk
