"""Signals that stop the command: Ctrl-C, SIGTERM, and SIGHUP when the terminal goes.

Each is raised as `KeyboardInterrupt`, so that what is staged is removed and what is finished kept.
"""

import signal
import sys
import threading

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_REPEAT_S = 0.5

_first: signal.Signals | None = None
_is_over = False


def listen() -> None:
    """Raise the first of the signals in the main thread; later ones change nothing.

    A signal that was ignored before stays ignored, as in a background job of a shell or by `nohup`.
    """
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _stop)
    signal.signal(signal.SIGALRM, _stop)


def disregard() -> None:
    """Let no signal stop the process any more: all that is left is to end."""
    global _is_over
    # Not by SIG_IGN: Python reports a signal that came just before as an error.
    _is_over = True


def received() -> signal.Signals | None:
    """Return the first signal; None without one."""
    return _first


def is_ending() -> bool:
    """Tell whether code runs that cleans up after a signal, in a command or around a library call.

    A library call is interrupted by a `KeyboardInterrupt` of whoever calls it.
    """
    return _first is not None or _cleans_up(sys.exception())


def _stop(number: int, _: object) -> None:
    global _first
    if _is_over:
        return
    if _first is None:
        _first = signal.Signals(number)
        # Where the exception meets a finalizer or a callback, Python prints it with a traceback.
        sys.unraisablehook = threading.excepthook = _say_nothing
    # A library may swallow the exception: some catch all that an import raises. So it is raised
    # again and again, until the command ends.
    signal.setitimer(signal.ITIMER_REAL, _REPEAT_S)
    if not _cleans_up(sys.exception()):
        raise KeyboardInterrupt


def _cleans_up(error: BaseException | None) -> bool:
    """Tell whether code runs that cleans up after an exception which ends the command.

    It must be let finish, so that no output is left half removed.
    """
    while error is not None:
        if isinstance(error, KeyboardInterrupt | SystemExit):
            return True
        error = error.__context__
    return False


def _say_nothing(_: object) -> None:
    """Take the place of a hook that reports exceptions."""
