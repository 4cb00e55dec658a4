"""Signals stop the command once, whatever it is at, and without another word."""

import signal
import subprocess
import sys

import pytest

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


def _run(program: str, before: signal.Handlers = signal.SIG_DFL) -> tuple[int, str, str]:
    """Run a program that listens to signals; return its status and what it printed.

    `before` is what the signals do when it starts: in a background job they may be ignored.
    """
    begin = "import os, signal, sys, time\nfrom mnist_batch.machine import signals\n"
    ended = subprocess.run(
        [sys.executable, "-c", f"{begin}signals.listen()\n{program}"],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: [signal.signal(number, before) for number in SIGNALS],
    )
    return ended.returncode, ended.stdout, ended.stderr


@pytest.mark.parametrize("sent", SIGNALS)
def test_a_signal_raises_once_and_cleaning_up_is_let_finish(sent: signal.Signals) -> None:
    """Further signals of any kind come meanwhile, in the cleaning itself and in what it calls."""
    program = f"""
def clean():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP) * 2:
        os.kill(os.getpid(), number)
    time.sleep(1.2)  # longer than it takes for the first one to be repeated
    print("cleaned")
try:
    try:
        os.kill(os.getpid(), {sent})
        print("not stopped")
    finally:
        try:
            raise OSError
        except OSError:
            clean()
except KeyboardInterrupt:
    clean()
    print(int(signals.received()))
"""
    assert _run(program) == (0, f"cleaned\ncleaned\n{int(sent)}\n", "")


@pytest.mark.parametrize("sent", SIGNALS)
def test_a_signal_that_was_ignored_stays_ignored(sent: signal.Signals) -> None:
    """As in a background job of a shell, or by `nohup`."""
    program = f"os.kill(os.getpid(), {sent}); print(signals.received())"
    assert _run(program, signal.SIG_IGN) == (0, "None\n", "")


def test_a_signal_that_a_library_swallows_is_raised_again() -> None:
    """Some catch all that an import raises; Python itself does in a finalizer, and prints it."""
    program = """
class Swallowing:
    def __del__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0)
try:
    Swallowing()
    for _ in range(2):
        try:
            time.sleep(20)
            print("not stopped")
        except:
            print("swallowed")
    time.sleep(20)
    print("not stopped")
except KeyboardInterrupt:
    print("stopped")
"""
    assert _run(program) == (0, "swallowed\nswallowed\nstopped\n", "")


def test_at_the_end_signals_are_disregarded() -> None:
    """The status is settled then."""
    program = """
signals.disregard()
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
    os.kill(os.getpid(), number)
print(signals.received())
"""
    assert _run(program) == (0, "None\n", "")
