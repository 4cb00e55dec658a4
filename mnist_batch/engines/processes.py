"""Predict the parts of a run in worker processes of this machine, any of which may die.

Each process is a Python of its own that finds the same modules, and runs nothing of the program
that called. It gets the job, then one attempt after another, and answers each with the part that is
done or with an exception. All of it goes through one pipe; what libraries print goes nowhere.

The pools of the standard library would not do. Where one process of `concurrent.futures` dies, all
that is under way is lost, and nobody knows over what it died. Those of `multiprocessing` run the
main module of the calling program again.
"""

import math
import os
import pickle
import signal
import socket
import struct
import subprocess
from collections import Counter, deque
from collections.abc import Generator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection, Pipe, wait
from time import monotonic
from types import MappingProxyType

from mnist_batch.engines.crashes import DEATHS, Attempt
from mnist_batch.engines.part_job import PartDone, PartJob
from mnist_batch.engines.serving import READY
from mnist_batch.engines.window import Window
from mnist_batch.errors import MachineError
from mnist_batch.inference.workers import available_workers
from mnist_batch.machine import isolated_python
from mnist_batch.machine.failures import not_started
from mnist_batch.machine.memory_limits import allowed_memory
from mnist_batch.options import PROCESS_TIMEOUT_S
from mnist_batch.outputs.parts.parts import Part
from mnist_batch.remote.temporary_folders import TemporaryFolder

_PROCESS = 256 * 2**20
"""Bytes of memory that a process is taken to need, beside those for large pictures."""

_AHEAD = 16
"""Parts per process that may be done before one that is not: a search takes a while."""

_END_S = 30.0
"""Seconds that a process may take to end once it has said its last, or was killed."""

_LOOK_S = 60.0
"""Seconds between looks at deadlines, at most."""

_LONGEST_S = 10**6
"""Seconds; some systems take no longer timeout of a socket."""


@dataclass(eq=False)
class _Worker:
    """A worker process.

    Attributes:
        process: the process.
        pipe: to it.
        attempt: what it is to do; None where it has nothing to do.
        has_job: whether it was sent the job.
        is_ready: whether it has said `READY`.
        deadline: when it has to answer, as of `time.monotonic`.
    """

    process: "subprocess.Popen[bytes]"
    pipe: Connection
    attempt: Attempt | None = None
    has_job: bool = False
    is_ready: bool = False
    deadline: float = math.inf


class Processes:
    """An engine of worker processes; see `part_job.Engine`."""

    kernels: Mapping[str, str] = MappingProxyType({})  # of this machine

    def __init__(
        self, workers: int | None = None, part_timeout_s: float = PROCESS_TIMEOUT_S
    ) -> None:
        """Start nothing yet.

        Args:
            workers: processes, at least 1; None for one a core.
            part_timeout_s: seconds that an attempt may take, or a process until it is ready.
        """
        self._part_timeout_s = part_timeout_s
        self._wanted = workers or available_workers()
        self._most = self._wanted  # processes at once, from now on
        self._workers: list[_Worker] = []
        self._again: deque[Attempt] = deque()  # attempts that come before those at further parts
        self._variables = dict[str, str]()  # of the processes' environment, beside ours
        self._unready = 0  # processes alone, in a row, that ended before they were ready
        self._slowed = set[int]()  # parts killed, after which one process fewer works
        self._deaths = Counter[str]()  # of those that were ready, by how they ended

    @property
    def notes(self) -> list[str]:
        """What the user should know of processes that died: one sentence, if any did."""
        if not self._deaths:
            return []
        count, how = self._deaths.total(), ", ".join(sorted(self._deaths))
        return [f"worker processes that ended in mid-work, by {how}: {count:,}"]

    def run(self, job: PartJob, parts: Sequence[Part]) -> Generator[PartDone, None, None]:
        """Yield each part once it is done, in any order.

        Raises:
            MachineError: no process can be started, or processes died as `Attempt.after_death`
                says.
            MnistBatchError: whatever `make_attempt` raises.
        """
        # Keras keeps all cores busy from one process, and a GPU's memory is for one.
        alone = not job.predictor.in_workers
        limit = job.options.memory or allowed_memory()
        useful = 1 if alone else max(1, min(self._wanted, len(parts)))
        self._most = max(1, min(useful, limit // _PROCESS - 1))
        # One thread each, or more where there are few parts: photographs may be a single one.
        job = replace(job, threads=self._wanted // useful)
        content = pickle.dumps((job, self._most + 1))
        window = Window(parts, _AHEAD * self._most)
        temporary = _temporary_folder()
        self._variables = {"TMPDIR": str(temporary.path)} if temporary else {}
        try:
            while True:
                self._give_out(content, window)
                busy = {worker.pipe: worker for worker in self._workers if worker.attempt}
                if not busy:
                    return
                for pipe in wait([*busy], self._until_deadline()):
                    if done := self._received(busy[pipe]):  # type: ignore[index] # of ours all
                        window.finish(done.number)
                        yield done
                self._end_overdue()
        finally:
            for worker in self._workers:
                worker.process.kill()
            while self._workers:
                self._end(self._workers[-1])
            if temporary:
                temporary.remove()

    def _give_out(self, content: bytes, window: Window) -> None:
        """Give attempts to processes that have nothing to do, and start processes for more."""
        given = list[_Worker]()
        while not any(worker.attempt and worker.attempt.is_alone for worker in self._workers):
            if not self._again and (part := window.begin()):
                self._again.append(Attempt(part))
            is_busy = any(worker.attempt for worker in self._workers)
            if not self._again or (self._again[0].is_alone and is_busy):
                break
            worker = self._idle()
            if worker is None:
                break
            worker.attempt = self._again.popleft()
            worker.deadline = monotonic() + self._part_timeout_s
            given.append(worker)
        # Only now: a process takes its job when it has imported its modules, and all do that at
        # once.
        for worker in given:
            with suppress(OSError):  # it has ended, as is found when its answer is waited for
                if not worker.has_job:
                    worker.pipe.send_bytes(content)
                    worker.has_job = True
                worker.pipe.send(worker.attempt)

    def _idle(self) -> _Worker | None:
        """Return a process that has nothing to do, started if there may be more; else None."""
        for worker in self._workers:
            if worker.attempt is None:
                return worker
        if len(self._workers) >= self._most:
            return None
        try:
            self._workers.append(_started(self._variables, self._part_timeout_s))
        except MachineError:
            if not self._workers:
                raise
            self._most = len(self._workers)
            return None
        return self._workers[-1]

    def _received(self, worker: _Worker) -> PartDone | None:
        """Take what a process sent, or that it died; return the part if one is done."""
        attempt = worker.attempt
        assert attempt
        try:
            reply = worker.pipe.recv()
        except BlockingIOError:  # it hangs in mid-answer, see `_bound`
            self._end_late(worker)
            return None
        except (EOFError, OSError):
            how = self._end(worker)
            self._again.appendleft(self._after_death(worker, attempt, how))
            return None
        if isinstance(reply, MachineError) and len(self._workers) > 1:
            self._end(worker)  # which it does itself, and leaves to the others what it lacked
            self._most = len(self._workers)
            self._again.appendleft(attempt)
            return None
        if isinstance(reply, BaseException):
            raise reply
        if reply == READY:
            worker.is_ready, self._unready = True, 0
            worker.deadline = monotonic() + self._part_timeout_s
            return None
        worker.attempt = None
        if isinstance(reply, PartDone):
            if reply.number in self._slowed and (attempt.crashed or attempt.unreadable):
                self._most += 1  # the machine was not to blame
            return reply
        self._again.appendleft(attempt.after_probe())
        return None

    def _until_deadline(self) -> float:
        """Return the seconds until a process has to answer; not too many for the system."""
        first = min(worker.deadline for worker in self._workers if worker.attempt)
        return min(max(0.0, first - monotonic()), _LOOK_S)

    def _end_overdue(self) -> None:
        """End the processes that have not answered in time."""
        for worker in [*self._workers]:
            is_late = worker.attempt and monotonic() >= worker.deadline
            # What waits in the pipe came in time: who takes the parts may have been slow.
            if is_late and not worker.pipe.poll():
                self._end_late(worker)

    def _end_late(self, worker: _Worker) -> None:
        """End a process that does not answer, and let its attempt be followed by the next."""
        attempt = worker.attempt
        assert attempt
        worker.process.kill()
        self._end(worker)
        self._again.appendleft(self._after_death(worker, attempt, _TIMEOUT))

    def _after_death(self, worker: _Worker, attempt: Attempt, how: str) -> Attempt:
        """Return what is to be done after a process died.

        Raises:
            MachineError: as `Attempt.after_death` or `after_timeout`, or several processes ended
                before they were ready, one after another and with none beside them.
        """
        if worker.is_ready:
            self._deaths[how] += 1
            # As where memory is short: go on with fewer. What probes die over is known.
            number = attempt.part.number
            may_slow = self._most > 1 and number not in self._slowed
            if how == _KILLED and attempt.probe is None and may_slow:
                self._slowed.add(number)
                self._most -= 1
            if how == _TIMEOUT:
                return attempt.after_timeout(self._part_timeout_s)
            return attempt.after_death()
        if self._workers:
            self._most = len(self._workers)  # and leave the attempt to the others
            return attempt
        self._unready += 1
        if self._unready == DEATHS:
            if how == _TIMEOUT:
                raise MachineError(
                    f"{DEATHS} worker processes one after another could not begin within "
                    f"{self._part_timeout_s:g} s; pass a longer --part-timeout"
                )
            raise MachineError(
                f"{DEATHS} worker processes one after another ended before they could begin "
                f"({how}); nothing is wrong with the data; allow more memory (ulimit -v, the "
                "container's limit), or pass --no-isolate"
            )
        return attempt

    def _end(self, worker: _Worker) -> str:
        """Wait for a process that is about to end, and return what ended it.

        One that hangs on its way out, as in what a library does at its exit, is killed.
        """
        try:
            status = worker.process.wait(_END_S)
        except subprocess.TimeoutExpired:
            worker.process.kill()
            status = worker.process.wait()
        worker.pipe.close()
        self._workers.remove(worker)
        return signal.Signals(-status).name if status < 0 else f"status {status}"


_KILLED, _TIMEOUT = signal.SIGKILL.name, "timeout"
"""How processes end, among other ways: the system kills one, and this one does."""

_PROGRAM = """
from mnist_batch.machine import module_folders
module_folders.leave_out_pandas()
from mnist_batch.engines import serving
serving.serve(int(sys.argv[1]))
"""


def _temporary_folder() -> TemporaryFolder | None:
    """Return the folder of the processes' temporary files, since none that is killed removes its.

    Where the disk refuses one, there is none: few runs have such files.
    """
    with suppress(OSError):
        return TemporaryFolder()
    return None


def _started(variables: dict[str, str], timeout_s: float) -> _Worker:
    """Start a process, whose environment has some more variables than this one's.

    Where it stops in the middle of a message, `timeout_s` bounds the waiting for the rest.

    Raises:
        MachineError: the system allows none.
    """
    try:
        ours, theirs = Pipe()
        _bound(ours, timeout_s)
    except OSError as error:
        raise not_started(error, "a worker process") from error
    try:
        process = subprocess.Popen(
            isolated_python.command(_PROGRAM, str(theirs.fileno())),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            # Variables of libraries stay as they are here: some decide last bits.
            env=os.environ | {"OPENBLAS_NUM_THREADS": "1"} | variables,
        )
    except OSError as error:
        ours.close()
        raise not_started(error, "a worker process") from error
    finally:
        theirs.close()
    return _Worker(process, ours)


def _bound(pipe: Connection, timeout_s: float) -> None:
    """Let sending and receiving raise `BlockingIOError` where nothing moves for so long.

    A message is larger than what the system keeps of it, so even to send one may wait for ever.
    """
    seconds = min(max(1, math.ceil(timeout_s)), _LONGEST_S)
    with socket.socket(fileno=os.dup(pipe.fileno())) as same:
        for option in (socket.SO_SNDTIMEO, socket.SO_RCVTIMEO):
            same.setsockopt(socket.SOL_SOCKET, option, struct.pack("@ll", seconds, 0))  # timeval
