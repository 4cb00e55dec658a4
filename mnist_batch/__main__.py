"""`mnist-batch`, or `python -m mnist_batch`: the command line."""

# ruff: noqa: E402 - what is imported before the call could be a file of the working folder's

from mnist_batch.machine import module_folders

module_folders.leave_out_working_folder()

import gc
import os
import signal
import sys

from mnist_batch.errors import MachineError
from mnist_batch.machine import environment, file_modes, signals, streams
from mnist_batch.machine.failures import loading


def main() -> None:
    """Run the command line in this process, and end the process.

    Signals stop it from the first moment on, during imports too. The process ends without tearing
    down the libraries' objects, which takes a third of a second: all files are closed by then.
    """
    # Imported objects stay, about 130,000. Python searches them for garbage every 700 or 2,000 new
    # objects, which takes a seventh of the time of a small run.
    gc.set_threshold(200_000)
    status = 0
    try:
        signals.listen()
        streams.separate()
        file_modes.keep_own_access()
        environment.settle()

        with loading("mnist-batch"):
            draw_ahead(sys.argv[1:])
            from mnist_batch import cli

        cli.main()
    except BaseException as end:  # noqa: BLE001 - whatever it is, the process ends here
        signals.disregard()
        status = _status(end)
    if drawing := sys.modules.get(_DRAWING):  # most commands import none
        drawing.end_process()
    if copies := sys.modules.get(_COPIES):
        copies.remove_all()
    if failure := streams.flush():
        sys.stderr.write(f"error: the result could not be printed: {failure.strerror}\n")
        status = status or 1  # what the work has written is there all the same
    os._exit(status)


def draw_ahead(arguments: list[str]) -> None:
    """Start the process that draws figures, where a command line asks for some.

    It imports matplotlib for 0.3 s, while this process imports what the command needs and works. A
    command line that turns out to be wrong has started it for nothing: `main` ends it.
    """
    given = {argument.partition("=")[0] for argument in arguments}
    command = next(iter(arguments), "")
    draws = command in ("evaluate", "nightly") or (command == "predict" and "--out" in given)
    if draws and given.isdisjoint(("--no-report", "--help", "-h")):
        from mnist_batch.reports import drawing_process

        drawing_process.start_process()


def _status(end: BaseException) -> int:
    """Return the exit status by what ended the command line, and print what is to be said of it."""
    status = end.code if isinstance(end, SystemExit) and isinstance(end.code, int) else 1
    stopped = signals.received()
    # Typer makes status 130 of `KeyboardInterrupt`. Libraries make errors of it, some of all types.
    if isinstance(end, KeyboardInterrupt) or status == _INTERRUPTED or (stopped and status == 1):
        sys.stderr.write("interrupted\n")
        return 128 + (stopped or signal.SIGINT)
    if isinstance(end, MachineError):
        sys.stderr.write(f"error: {end}\n")
    elif not isinstance(end, SystemExit):
        sys.excepthook(type(end), end, end.__traceback__)
    return status


_INTERRUPTED = 128 + signal.SIGINT
_DRAWING = "mnist_batch.reports.drawing_process"
_COPIES = "mnist_batch.remote.local_copies"


if __name__ == "__main__":
    main()
