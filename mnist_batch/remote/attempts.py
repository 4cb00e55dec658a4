"""Requests that are made again where a connection breaks: obstore repeats most, and this the rest.

obstore 0.12 repeats what the store answers with 429 or 5xx, and what may be asked twice without
harm. It does not repeat conditional puts and deletes after a broken connection, nor anything whose
answer is cut off within. All requests of this package may be made twice.
"""

import os
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from datetime import timedelta
from itertools import count
from typing import TypeVar

from mnist_batch.errors import MachineError
from mnist_batch.machine import signals
from mnist_batch.remote.failures import is_broken, told

FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=0.1), timedelta(seconds=5)
"""Before the second attempt, and before each of the last ones; a pause is twice the one before."""

PATIENCE = timedelta(minutes=2)
"""After which there is no further attempt."""

LAST_PATIENCE = timedelta(seconds=5)
"""For which a request is waited for once the run is interrupted: who waits for the end kills it
after ten seconds (Docker) or thirty (Kubernetes, Slurm), and the next run can clean up too."""

_ATTEMPTS = 9
"""Requests for one thing where the first ones fail; the pauses between take 15 seconds together."""

_T = TypeVar("_T")


def attempts() -> int:
    """Return how often a request is made at most; AWS_MAX_ATTEMPTS says so in all of AWS's tools.

    https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html
    """
    told_attempts = os.environ.get("AWS_MAX_ATTEMPTS", "")
    return max(1, int(told_attempts)) if told_attempts.isdecimal() else _ATTEMPTS


def patience_s() -> float | None:
    """Return for how long an answer is waited for; None for as long as it takes."""
    return LAST_PATIENCE.total_seconds() if signals.is_ending() else None


def asked(address: str, ask: Callable[[], _T]) -> _T:
    """Return what a request returns, made again where its connection breaks.

    Args:
        address: what is asked for, for messages.
        ask: makes the request; calling it twice does no harm.

    Raises:
        Exception: as `failures.told` lists.
        MachineError: also where the run is interrupted, and the store does not answer soon.
    """
    started, most = time.monotonic(), attempts()
    for attempt in count(1):
        try:
            with told(address):
                return _interruptible(address, ask)
        except MachineError as error:
            elapsed = time.monotonic() - started
            if (
                not is_broken(error)
                or attempt >= most
                or elapsed > (patience_s() or PATIENCE.total_seconds())
            ):
                raise
            time.sleep(min(FIRST_PAUSE * 2 ** (attempt - 1), LONGEST_PAUSE).total_seconds())
    raise AssertionError("an attempt returns or raises")


def _interruptible(address: str, ask: Callable[[], _T]) -> _T:
    """Return what a request returns; in the main thread, signals are handled while it waits.

    Python handles signals in the main thread, between two of its instructions: not within obstore.
    So the main thread waits for another, which is a daemon: no end of the process waits for it.
    """
    if threading.current_thread() is not threading.main_thread():
        return ask()
    answer = Future[_T]()
    threading.Thread(target=_give, args=(answer, ask), name="object-storage", daemon=True).start()
    try:
        return answer.result(patience_s())
    except TimeoutError as error:
        if answer.done():  # it is the answer
            raise
        raise MachineError(f"{address}: the store does not answer; run again") from error
    finally:
        del answer  # which an exception's frames would hold, and it them


def _give(answer: Future[_T], ask: Callable[[], _T]) -> None:
    try:
        answer.set_result(ask())
    except BaseException as error:  # noqa: BLE001 - the main thread raises it
        answer.set_exception(error)
