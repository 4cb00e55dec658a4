"""What a worker process does: make the attempts that `processes` sends, until there are no more."""

import gc
import pickle
import resource
import signal
import traceback
from collections.abc import Iterator
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path

from mnist_batch.engines.crashes import make_attempt
from mnist_batch.errors import MnistBatchError, tell_options
from mnist_batch.machine import isolated_python, memory
from mnist_batch.machine.failures import machine_errors

READY = "ready"
"""The first answer of a process: its modules are imported, and it has built the model."""


def serve(descriptor: int) -> None:
    """Make the attempts that come through a pipe until it is closed, in a worker process."""
    isolated_python.end_with_parent()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # the first process ends this one
        signal.signal(number, signal.SIG_IGN)
    _give_way()
    gc.set_threshold(200_000)  # as the command does
    tell_options()  # in messages; the first process tells them as it wants
    pipe = Connection(descriptor)
    with suppress(EOFError):
        for answer in _answers(pipe):
            pipe.send(answer)


def _give_way() -> None:
    """Let no crash leave a copy of the memory on disk, and no lack of it end the first process."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("500")  # of 1000, proc_pid_oom_score_adj(5)


def _answers(pipe: Connection) -> Iterator[object]:
    """Yield what a process answers: that it is ready, then what becomes of each attempt.

    That is its part, None of a probe, or at last an exception.
    """
    try:
        with machine_errors():
            job, processes = pickle.loads(pipe.recv_bytes())
            yield READY
            with memory.within(job.options.memory, processes):
                while True:
                    yield make_attempt(job, pipe.recv())
    except (EOFError, GeneratorExit):  # nothing more comes
        return
    except BaseException as error:  # noqa: BLE001 - the first process raises it
        yield _to_send(error)


def _to_send(error: BaseException) -> BaseException:
    """Return an exception that can be pickled; one that nobody meant notes where it was raised."""
    if isinstance(error, MnistBatchError):
        return error
    where = "".join(traceback.format_exception(error))
    error.add_note(f"In a worker process:\n{where}")
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:  # noqa: BLE001 - its type is not known elsewhere, or takes other arguments
        return RuntimeError(where)
    return error
